/**
 * The built-in bot: takes a message, plays it back, takes the next one, until the caller hangs up. A bot like any other: it asks by the same
 * commands and hears of the same facts, but without HTTP between. docs/decisions/0018-echo.md says why it is there.
 */
import { readFile } from 'node:fs/promises';
import type { CallSnapshot, Command, Fact, OperationSnapshot, RecordRequest, Reply } from '../call/model.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { OwnSounds } from '../media/own-sounds.ts';
import type { RecordingLibrary } from '../recording/library.ts';
import { ECHO_ID } from './application.ts';
import { Inbox } from './inbox.ts';

export interface EchoParts {
  readonly cluster: Pick<Cluster<Command, Reply, Fact>, 'events'>;
  /** As Calls.ask. */
  readonly ask: (callId: string, command: Command) => Promise<Reply>;
  readonly recordings: Pick<RecordingLibrary, 'open' | 'delete'>;
  readonly sounds: OwnSounds;
  /** WAV file that asks for a message. */
  readonly greeting: string;
  readonly log: Log;
}

export interface Echo {
  /** Takes no more calls, and ends its part in those that there are. */
  stop(): Promise<void>;
}

/** So many messages in a row that are none, and it hangs up: nobody is there. */
const MOST_MISSES = 3;
/** Messages of one call: a call that nobody ends does not go on for ever. */
const MOST_MESSAGES = 20;

const MESSAGE: Omit<RecordRequest, 'prompts' | 'bargeIn'> = {
  sensitivity: undefined,
  format: 'wav',
  trimSilence: false,
  channels: 1,
  initialSilenceSeconds: 8,
  maxSilenceSeconds: 2,
  maxDurationSeconds: 60,
  beep: true,
  streaming: false,
  stopTones: ['#'],
};
const UNNAMED = { clientContext: undefined, clientRequestId: undefined, idempotencyKey: undefined } as const;

/** Takes the calls of the echo application from here on. Whoever starts it stops it, after the calls have ended. */
export function startEcho({ cluster, ask, recordings, sounds, greeting, log }: EchoParts): Echo {
  const stopping = new AbortController();
  const inboxes = new Map<string, Inbox>();
  const talks = new Set<Promise<void>>();

  const welcome = readFile(greeting)
    .then((wav) => sounds.keep(wav))
    .catch((thrown: unknown) => {
      log.warn({ error: reasonOf(thrown) }, 'the echo bot has no greeting: it only beeps');
      return undefined;
    });

  const hear = (fact: Extract<Fact, { kind: 'call' | 'operation' }>) => {
    const { id } = fact.call;
    if (fact.kind === 'call' && fact.change === 'created') {
      const inbox = new Inbox();
      inboxes.set(id, inbox);
      // Not waited for: what it asks for is told as facts, which are taken here.
      const talk = converse(id, inbox)
        .catch((thrown) => log.error({ callId: id, error: reasonOf(thrown) }, 'the echo bot failed'))
        .finally(() => talks.delete(talk));
      talks.add(talk);
    }
    const inbox = inboxes.get(id);
    if (inbox !== undefined) inbox.put(fact);
    // What an earlier process left: nobody waits for it.
    else if (fact.kind === 'operation' && fact.change === 'deleted') void remove(fact.operation);
    if (fact.kind !== 'call' || fact.change !== 'deleted') return;
    inbox?.end();
    inboxes.delete(id);
  };

  const converse = async (callId: string, inbox: Inbox): Promise<void> => {
    const asked = (command: Asked) => ask(callId, { ...command, applicationId: ECHO_ID });
    await asked({ name: 'answer', callbackUri: undefined, preFetch: [] });
    if ((await inbox.until(established)) === undefined) return;
    let misses = 0;
    let heard: string | undefined;
    for (let messages = 0; messages < MOST_MESSAGES && misses < MOST_MISSES; messages++) {
      // What the caller said may come back from a loudspeaker, and is not to break into itself.
      const bargeIn = heard === undefined;
      const uri = heard ?? (await welcome);
      const prompts = uri === undefined ? [] : [{ uri, resourceId: undefined, times: 1 }];
      const request = { ...MESSAGE, prompts, bargeIn };
      const reply = await asked({ ...UNNAMED, name: 'record', spelling: 'app', breaks: false, request });
      const id = reply.ok ? reply.operation?.id : undefined;
      const ended = id === undefined ? undefined : await inbox.until(endOf(id));
      if (heard !== undefined) sounds.forget(heard);
      if (ended === undefined) break;
      heard = ended.status === 'completed' ? await soundOf(ended) : undefined;
      await remove(ended);
      misses = heard === undefined ? misses + 1 : 0;
    }
    if (heard !== undefined) sounds.forget(heard);
    await asked({ name: 'hangUp' });
  };

  /** What was recorded, as a prompt; `undefined`: there is nothing that could be played. */
  const soundOf = async ({ id, callId, recording }: OperationSnapshot): Promise<string | undefined> => {
    if (recording === undefined) return undefined;
    try {
      const opened = await recordings.open(nameOf(recording));
      if (opened.state !== 'finished') return undefined;
      const pieces: Uint8Array[] = [];
      for await (const piece of opened.read(0, opened.bytes)) pieces.push(piece);
      return await sounds.keep(Buffer.concat(pieces));
    } catch (thrown) {
      log.warn(
        { callId, operationId: id, error: reasonOf(thrown) },
        'the echo bot cannot play what it recorded',
      );
      return undefined;
    }
  };

  /** A message is kept for as long as it takes to play it, and in memory. */
  const remove = async ({ id, callId, recording }: OperationSnapshot): Promise<void> => {
    if (recording === undefined) return;
    try {
      await recordings.delete(nameOf(recording));
    } catch (thrown) {
      log.warn({ callId, operationId: id, error: reasonOf(thrown) }, 'a message of the echo bot stays');
    }
  };

  const listening = (async () => {
    for await (const fact of cluster.events(stopping.signal))
      if ((fact.kind === 'call' || fact.kind === 'operation') && fact.call.applicationId === ECHO_ID)
        hear(fact);
  })();

  return {
    async stop() {
      stopping.abort();
      await listening;
      for (const inbox of inboxes.values()) inbox.end();
      await Promise.all(talks);
    },
  };
}

/** A command without the application that asks. */
type Asked = Command extends infer C ? (C extends Command ? Omit<C, 'applicationId'> : never) : never;

/** The last part of where it is read. */
function nameOf({ location }: NonNullable<OperationSnapshot['recording']>): string {
  return location.slice(location.lastIndexOf('/') + 1);
}

const established = (fact: Fact): CallSnapshot | undefined =>
  fact.kind === 'call' && fact.audioBegan ? fact.call : undefined;

const endOf =
  (operationId: string) =>
  (fact: Fact): OperationSnapshot | undefined =>
    fact.kind === 'operation' && fact.change === 'deleted' && fact.operation.id === operationId
      ? fact.operation
      : undefined;
