/**
 * The operations of one call: made on request, run by the media engine one after the other, told of once each, in the
 * order they were made. What became of a recording is in outcome.ts.
 */

import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Sensitivity } from '../media/line.ts';
import type { PromptLibrary } from '../media/prompt-library.ts';
import type { MediaLine, OperationRun } from '../operation/media-engine.ts';
import type { OperationEnd, OperationProgress } from '../operation/operation.ts';
import type { PreparedRecording } from '../recording/library.ts';
import type { Journal, OperationRecord } from './journal.ts';
import type {
  CallEnding,
  CallSnapshot,
  CallStart,
  OperationKind,
  OperationSnapshot,
  OperationStart,
  Reply,
} from './model.ts';
import { discard, type OutcomeParts, outcomeOf, readable } from './outcome.ts';
import { refuse } from './refusal.ts';
import { type SpecSettings, specOf } from './specs.ts';

export interface OperationParts extends OutcomeParts, SpecSettings {
  readonly prompts: PromptLibrary;
  readonly clock: Clock;
  /** How readily an application's callers are heard; `undefined`: normal. */
  sensitivityOf(applicationId: string): Sensitivity | undefined;
}

/** What the operations need to know of their call. */
export interface OperationsOwner {
  readonly journal: Journal;
  call(): CallSnapshot;
  /** Set from the moment the call is over, while its last facts are still on their way. */
  ending(): CallEnding | undefined;
  perform(command: CallStart, line: MediaLine): void;
}

export interface Operations {
  /** Makes an operation and has it run on `line`. It is kept before the reply. One at a time. */
  start(command: OperationStart, line: MediaLine): Promise<Reply>;
  /** The operation that was made with this key before. */
  repeated(command: OperationStart): Reply | undefined;
  get(operationId: string): OperationSnapshot | undefined;
  /** In the order they were made. */
  records(): readonly OperationRecord[];
  /** Resolves when every one has been told of for the last time. */
  concluded(): Promise<void>;
}

interface Entry {
  record: OperationRecord;
  /** `undefined` for what the engine knows nothing of. */
  run: OperationRun | undefined;
  over: boolean;
}

const DONE: OperationEnd = { by: 'finished' };
/** Running and waiting ones together. */
const MOST_AT_ONCE = 100;

export function openOperations(owner: OperationsOwner, parts: OperationParts): Operations {
  const { journal } = owner;
  const { clock, recordings } = parts;
  const entries = new Map<string, Entry>();
  const keys = new Map<string, Entry>();
  /** Settles when the final fact of the last operation so far is told. */
  let tail: Promise<void> = Promise.resolve();

  const unfinished = () => [...entries.values()].filter(({ over }) => !over).length;

  const change = (entry: Entry, changes: Partial<OperationSnapshot>) => {
    const { operation } = entry.record;
    entry.record = {
      ...entry.record,
      operation: { ...operation, ...changes, revision: operation.revision + 1, lastActionAt: clock.now() },
    };
  };
  const tell = (entry: Entry, change: 'updated' | 'deleted') => {
    const fact = {
      kind: 'operation',
      change,
      call: owner.call(),
      operation: entry.record.operation,
    } as const;
    return journal.tellOperation(fact, entry.record);
  };

  const create = (command: OperationStart, prepared: PreparedRecording | undefined, id: string): Entry => {
    const now = clock.now();
    const atOnce = command.name !== 'record' && command.name !== 'playPrompt';
    const operation: OperationSnapshot = {
      id,
      callId: owner.call().id,
      revision: 1,
      kind: kindOf(command),
      status: atOnce ? 'completed' : unfinished() === 0 ? 'running' : 'notStarted',
      spelling: command.spelling,
      clientContext: command.clientContext,
      clientRequestId: command.clientRequestId,
      createdAt: now,
      lastActionAt: now,
      end: atOnce ? DONE : undefined,
      recording: undefined,
    };
    return {
      record: { operation, number: entries.size + 1, prepared, idempotencyKey: command.idempotencyKey },
      run: undefined,
      over: false,
    };
  };

  const progressOf = (entry: Entry, streaming: boolean) => (progress: OperationProgress) => {
    if (entry.over) return;
    const { operation, prepared } = entry.record;
    if (progress.phase === 'running' && operation.status === 'notStarted')
      change(entry, { status: 'running' });
    if (progress.phase === 'grown' && prepared) recordings.grown(prepared.recordingId, progress.samples);
    journal.tellPassing({
      kind: 'progress',
      callId: operation.callId,
      operationId: operation.id,
      progress,
    });
    if (progress.phase === 'recording' && streaming && prepared) {
      change(entry, { status: 'running', recording: readable(prepared) });
      void tell(entry, 'updated');
    }
  };

  /** Starts what the command asks for. Synchronous: nothing can come between this and the place in the queue. */
  const begin = (entry: Entry, command: OperationStart, line: MediaLine): Promise<OperationEnd> => {
    const cancels = command.name === 'cancelMedia' || ('breaks' in command && command.breaks);
    // What it cancels is told of first; its own turn in the order of facts sees to that.
    if (cancels) for (const other of entries.values()) if (other !== entry) other.run?.cancel();
    if (command.name === 'cancelMedia') return Promise.resolve(DONE);
    try {
      if (command.name !== 'record' && command.name !== 'playPrompt') {
        owner.perform(command, line);
        return Promise.resolve(DONE);
      }
      const asked = command.name === 'record' ? command.request.prompts : command.prompts;
      const deliveries = asked.map((prompt) => parts.prompts.get(prompt, command.applicationId));
      const { operation, prepared } = entry.record;
      const usual = parts.sensitivityOf(command.applicationId);
      const spec = specOf(command, operation, prepared, parts, usual);
      const streaming = command.name === 'record' && command.request.streaming;
      entry.run = line.run(spec, deliveries, progressOf(entry, streaming));
      return entry.run.ended;
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  };

  const conclude = async (entry: Entry, ended: Promise<OperationEnd>, before: Promise<void>) => {
    // Whatever goes wrong, its last fact must come: the call waits for it.
    const end = await ended.catch((thrown): OperationEnd => ({ by: 'error', message: reasonOf(thrown) }));
    entry.over = true;
    const { id: operationId, callId, kind } = entry.record.operation;
    const outcome = await outcomeOf(end, entry.record.prepared, owner.ending(), parts);
    const { by: rule, report } = outcome.end ?? end;
    if (kind === 'record' || kind === 'playPrompt')
      parts.log.info({ callId, operationId, rule, ...report }, `a ${kind} ended`);
    await before;
    change(entry, outcome);
    await tell(entry, 'deleted');
  };

  return {
    async start(command, line) {
      if (unfinished() >= MOST_AT_ONCE) {
        return refuse(
          'unavailable',
          `The call has ${MOST_AT_ONCE} operations waiting already: let some end first.`,
        );
      }
      const id = randomUUID();
      const { id: callId, applicationId } = owner.call();
      let prepared: PreparedRecording | undefined;
      if (command.name === 'record') {
        const { maxDurationSeconds, format, trimSilence, channels } = command.request;
        const asked = { maxDurationMs: maxDurationSeconds * 1000, format, trimSilence, channels };
        try {
          prepared = await recordings.prepare({ callId, operationId: id, applicationId, ...asked });
        } catch (thrown) {
          return refuse('unavailable', `The recording cannot be made: ${reasonOf(thrown)}`);
        }
      }
      const entry = create(command, prepared, id);
      const kept = await journal.keep(entry.record);
      if (!kept || owner.ending() !== undefined) {
        await journal.forget(entry.record);
        if (prepared) await discard(prepared.recordingId, parts);
        return kept
          ? refuse('callEnded', 'The call has ended.')
          : refuse('unavailable', 'The operation could not be written to the store.');
      }
      entries.set(id, entry);
      if (command.idempotencyKey !== undefined) keys.set(command.idempotencyKey, entry);
      const { operation } = entry.record;
      journal.tellPassing({ kind: 'asked', callId, operation, command });
      tail = conclude(entry, begin(entry, command, line), tail);
      return { ok: true, operation };
    },

    repeated(command) {
      const first = command.idempotencyKey === undefined ? undefined : keys.get(command.idempotencyKey);
      return first && repeatOf(first.record, command);
    },

    get: (operationId) => entries.get(operationId)?.record.operation,
    records: () => [...entries.values()].map(({ record }) => record),
    concluded: () => tail,
  };
}

/** The answer to a request whose Idempotency-Key is that of `first`. */
export function repeatOf({ operation }: OperationRecord, command: OperationStart): Reply {
  return operation.kind === kindOf(command)
    ? { ok: true, operation }
    : refuse('conflict', `This Idempotency-Key was used for another kind of operation, ${operation.kind}.`);
}

function kindOf({ name }: OperationStart): OperationKind {
  return name === 'cancelMedia' ? 'cancelMediaProcessing' : name;
}
