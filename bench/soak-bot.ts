/** A bot that does with every call what comes to its mind, and looks at what was recorded. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { atMost } from '../src/at-most.ts';
import { pause, systemClock } from '../src/clock.ts';
import type { RecordingFormat } from '../src/recording/formats.ts';
import {
  type Bot,
  callPath,
  isFinalOperation,
  isState,
  type Notification,
  startBot,
} from '../test/support/bot.ts';
import { formatOf, hearSpeech } from '../test/support/heard-speech.ts';
import { asSaid } from '../test/support/talking-stage.ts';
import type { Random } from './hearing/sounds.ts';
import { speechOf } from './load/callers.ts';

export interface SoakBot {
  readonly callbackUri: string;
  /** What was seen until now. */
  counts(): SoakCounts;
  /** Resolves when every recording that is to be looked at was. */
  looked(): Promise<void>;
  close(): Promise<void>;
}

export interface SoakCounts {
  readonly calls: number;
  /** Told as terminated. */
  readonly ended: number;
  readonly operations: number;
  readonly concluded: number;
  readonly recordings: number;
  /** Of the recordings: their length was compared with what was asked for, or with what the caller sent. */
  readonly measured: number;
  /** Of the recordings: compared with what was said. */
  readonly heard: number;
  readonly wrong: number;
  /** The first few. */
  readonly faults: readonly string[];
}

interface Asked {
  readonly maxMs: number;
  readonly format: RecordingFormat;
  /** Neither prompt nor beep before it, nor anything else. */
  readonly atOnce: boolean;
}

const FORMATS: readonly RecordingFormat[] = ['wav', 'wav', 'wav', 'mp3', 'flac', 'ogg'];
/** One in so many recordings is compared with what was said. */
const LISTEN_TO = 20;
/** So many are looked at at once. */
const LOOKS_AT_ONCE = 4;
const MOST_FAULTS = 20;
/** A length may differ by so much from what the caller sent meanwhile, by the numbers of its packets: a key at the end is cut off. */
const SLACK_MS = 400;

export async function startSoakBot(api: () => string, random: Random): Promise<SoakBot> {
  const counts = { calls: 0, ended: 0, operations: 0, concluded: 0, recordings: 0, measured: 0, heard: 0 };
  const faults: string[] = [];
  let wrong = 0;
  const asked = new Map<string, Asked>();
  const speech = speechOf();
  const said = asSaid(speech);
  const inTurn = atMost(LOOKS_AT_ONCE);
  const looking = new Set<Promise<void>>();

  const bot: Bot = await startBot({
    onNotification(one) {
      void steer(one).catch((thrown: unknown) => note(`${one.resource}: ${thrown}`));
    },
    keep: false,
  });
  const prompt = bot.serve(
    'prompt.wav',
    readFileSync(join(import.meta.dirname, '../examples/audio/caller.wav')),
  );

  function note(fault: string): void {
    wrong++;
    // At once: the bench may be broken off.
    if (faults.length >= MOST_FAULTS) return;
    console.log(`wrong: ${fault}`);
    faults.push(fault);
  }

  /** A call that is over meanwhile is no fault. */
  const act = async (method: string, path: string, body?: object): Promise<Response | undefined> => {
    const reply = await bot.act(api(), method, path, body);
    if (reply.ok) return reply;
    const text = await reply.text();
    if (reply.status !== 404 && reply.status !== 400 && reply.status !== 409)
      note(`${method} ${path}: ${reply.status} ${text}`);
    return undefined;
  };

  const prompts = () => [{ mediaInfo: { uri: prompt, resourceId: 'prompt' } }];
  const record = async (call: string) => {
    const format = FORMATS[Math.floor(random() * FORMATS.length)] ?? 'wav';
    const isPlain = random() < 0.6;
    const maxSeconds = random() < 0.3 ? 1 + Math.floor(random() * 4) : 300;
    const reply = await act('POST', `${call}/record`, {
      recordingFormat: format,
      initialSilenceTimeoutInSeconds: 10,
      maxSilenceTimeoutInSeconds: 3,
      maxRecordDurationInSeconds: maxSeconds,
      stopTones: ['#'],
      ...(isPlain ? { playBeep: false } : { prompts: prompts(), bargeInAllowed: random() < 0.7 }),
      ...(format === 'wav' && random() < 0.2 && { streamWhileRecording: true }),
    });
    const location = reply?.headers.get('location');
    if (location == null) return;
    counts.operations++;
    const resource = new URL(location).pathname.replace('/beta', '');
    asked.set(resource, { maxMs: maxSeconds * 1000, format, atOnce: isPlain });
  };

  const steer = async (one: Notification) => {
    const call = callPath(one);
    if (isState('incoming')(one)) {
      counts.calls++;
      if (random() < 0.02) await act('POST', `${call}/reject`, { reason: 'busy' });
      else await act('POST', `${call}/answer`, { callbackUri: bot.callbackUri });
    } else if (isState('established')(one)) await record(call);
    else if (isState('terminated')(one)) counts.ended++;
    else if (isFinalOperation(one)) {
      look(one);
      const next = random();
      if (next < 0.6) await record(call);
      else if (next < 0.8) await act('DELETE', call);
    }
  };

  const look = (final: Notification) => {
    const request = asked.get(final.resource);
    asked.delete(final.resource);
    counts.concluded++;
    const { recordResourceLocation: location, recordResourceAccessToken: token } = final.resourceData;
    if (location === undefined) return;
    counts.recordings++;
    const listens = counts.recordings % LISTEN_TO === 0;
    const looked = inTurn(() => compare(final, location, token, request, listens)).catch((thrown: unknown) =>
      note(`${final.resource}: ${thrown}`),
    );
    looking.add(looked);
    void looked.then(() => looking.delete(looked));
  };

  const compare = async (
    { resource, resourceData }: Notification,
    location: string,
    token: string,
    request: Asked | undefined,
    listens: boolean,
  ) => {
    const headers = { authorization: `Bearer ${token}` };
    const reply = await fetch(location, { method: listens ? 'GET' : 'HEAD', headers });
    if (!reply.ok) return note(`${resource}: GET ${reply.status}`);
    const format = formatOf(reply.headers.get('content-type'));
    if (format === 'wav') {
      counts.measured++;
      const ms = (Number(reply.headers.get('content-length')) - 44) / 32;
      const { endReport } = resourceData;
      const sentMs = endReport.packetsExpected * 20;
      if (resourceData.completionReason === 'maxRecordDurationReached') {
        if (ms !== request?.maxMs && request !== undefined)
          note(`${resource}: ${ms} ms, asked for ${request.maxMs}`);
      } else if (request?.atOnce && Math.abs(sentMs - ms) > SLACK_MS)
        note(`${resource}: ${ms} ms, the caller sent ${sentMs}: ${JSON.stringify(endReport)}`);
    }
    if (!listens) return;
    const file = Buffer.from(await reply.arrayBuffer());
    const { fault } = hearSpeech(file, format, said, true);
    counts.heard++;
    if (fault !== undefined)
      note(`${resource}: ${format}: ${fault}: ${JSON.stringify(resourceData.endReport)}`);
    // Not at full speed: what is measured is the server.
    await pause(systemClock, 20);
  };

  return {
    callbackUri: bot.callbackUri,
    counts: () => ({ ...counts, wrong, faults }),
    async looked() {
      while (looking.size > 0) await Promise.all(looking);
    },
    close: () => bot.close(),
  };
}
