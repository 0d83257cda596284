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

interface Entry {
  record: OperationRecord;
  /** `undefined` for what the engine knows nothing of. */
  run: OperationRun | undefined;
  over: boolean;
}

const DONE: OperationEnd = { by: 'finished' };
/** Running and waiting ones together. */
const MOST_AT_ONCE = 100;

export class Operations {
  readonly #owner: OperationsOwner;
  readonly #parts: OperationParts;
  readonly #entries = new Map<string, Entry>();
  /** By Idempotency-Key. */
  readonly #keys = new Map<string, Entry>();
  /** Settles when the final fact of the last operation so far is told. */
  #tail: Promise<void> = Promise.resolve();

  constructor(owner: OperationsOwner, parts: OperationParts) {
    this.#owner = owner;
    this.#parts = parts;
  }

  /** Makes an operation and has it run on `line`. It is kept before the reply. One at a time. */
  async start(command: OperationStart, line: MediaLine): Promise<Reply> {
    if (this.#unfinished >= MOST_AT_ONCE) {
      return refuse(
        'unavailable',
        `The call has ${MOST_AT_ONCE} operations waiting already: let some end first.`,
      );
    }
    const { journal } = this.#owner;
    const id = randomUUID();
    const { id: callId, applicationId } = this.#owner.call();
    let prepared: PreparedRecording | undefined;
    if (command.name === 'record') {
      const { maxDurationSeconds, format, trimSilence, channels } = command.request;
      const asked = { maxDurationMs: maxDurationSeconds * 1000, format, trimSilence, channels };
      try {
        prepared = await this.#parts.recordings.prepare({ callId, operationId: id, applicationId, ...asked });
      } catch (thrown) {
        return refuse('unavailable', `The recording cannot be made: ${reasonOf(thrown)}`);
      }
    }
    const entry = this.#create(command, prepared, id);
    const kept = await journal.keep(entry.record);
    if (!kept || this.#owner.ending() !== undefined) {
      await journal.forget(entry.record);
      if (prepared) await discard(prepared.recordingId, this.#parts);
      return kept
        ? refuse('callEnded', 'The call has ended.')
        : refuse('unavailable', 'The operation could not be written to the store.');
    }
    this.#entries.set(id, entry);
    if (command.idempotencyKey !== undefined) this.#keys.set(command.idempotencyKey, entry);
    const { operation } = entry.record;
    journal.tellPassing({ kind: 'asked', callId, operation, command });
    this.#tail = this.#conclude(entry, this.#begin(entry, command, line), this.#tail);
    return { ok: true, operation };
  }

  /** The operation that was made with this key before. */
  repeated(command: OperationStart): Reply | undefined {
    const first = command.idempotencyKey === undefined ? undefined : this.#keys.get(command.idempotencyKey);
    return first && repeatOf(first.record, command);
  }

  get(operationId: string): OperationSnapshot | undefined {
    return this.#entries.get(operationId)?.record.operation;
  }

  /** In the order they were made. */
  records(): readonly OperationRecord[] {
    return [...this.#entries.values()].map(({ record }) => record);
  }

  /** Resolves when every one has been told of for the last time. */
  concluded(): Promise<void> {
    return this.#tail;
  }

  get #unfinished(): number {
    return [...this.#entries.values()].filter(({ over }) => !over).length;
  }

  #create(command: OperationStart, prepared: PreparedRecording | undefined, id: string): Entry {
    const now = this.#parts.clock.now();
    const atOnce = command.name !== 'record' && command.name !== 'playPrompt';
    const operation: OperationSnapshot = {
      id,
      callId: this.#owner.call().id,
      revision: 1,
      kind: kindOf(command),
      status: atOnce ? 'completed' : this.#unfinished === 0 ? 'running' : 'notStarted',
      spelling: command.spelling,
      clientContext: command.clientContext,
      clientRequestId: command.clientRequestId,
      createdAt: now,
      lastActionAt: now,
      end: atOnce ? DONE : undefined,
      recording: undefined,
    };
    const number = this.#entries.size + 1;
    return {
      record: { operation, number, prepared, idempotencyKey: command.idempotencyKey },
      run: undefined,
      over: false,
    };
  }

  /** Starts what the command asks for. Synchronous: nothing can come between this and the place in the queue. */
  #begin(entry: Entry, command: OperationStart, line: MediaLine): Promise<OperationEnd> {
    const cancels = command.name === 'cancelMedia' || ('breaks' in command && command.breaks);
    // What it cancels is told of first; its own turn in the order of facts sees to that.
    if (cancels) for (const other of this.#entries.values()) if (other !== entry) other.run?.cancel();
    if (command.name === 'cancelMedia') return Promise.resolve(DONE);
    try {
      if (command.name !== 'record' && command.name !== 'playPrompt') {
        this.#owner.perform(command, line);
        return Promise.resolve(DONE);
      }
      const asked = command.name === 'record' ? command.request.prompts : command.prompts;
      const deliveries = asked.map((prompt) => this.#parts.prompts.get(prompt, command.applicationId));
      const { operation, prepared } = entry.record;
      const usual = this.#parts.sensitivityOf(command.applicationId);
      const spec = specOf(command, operation, prepared, this.#parts, usual);
      const streaming = command.name === 'record' && command.request.streaming;
      entry.run = line.run(spec, deliveries, (progress) => this.#progress(entry, streaming, progress));
      return entry.run.ended;
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  #progress(entry: Entry, streaming: boolean, progress: OperationProgress): void {
    if (entry.over) return;
    const { operation, prepared } = entry.record;
    if (progress.phase === 'running' && operation.status === 'notStarted')
      this.#change(entry, { status: 'running' });
    if (progress.phase === 'grown' && prepared)
      this.#parts.recordings.grown(prepared.recordingId, progress.samples);
    const { callId, id: operationId } = operation;
    this.#owner.journal.tellPassing({ kind: 'progress', callId, operationId, progress });
    if (progress.phase === 'recording' && streaming && prepared) {
      this.#change(entry, { status: 'running', recording: readable(prepared) });
      void this.#tell(entry, 'updated');
    }
  }

  async #conclude(entry: Entry, ended: Promise<OperationEnd>, before: Promise<void>): Promise<void> {
    // Whatever goes wrong, its last fact must come: the call waits for it.
    const end = await ended.catch((thrown): OperationEnd => ({ by: 'error', message: reasonOf(thrown) }));
    entry.over = true;
    const { id: operationId, callId, kind } = entry.record.operation;
    const outcome = await outcomeOf(end, entry.record.prepared, this.#owner.ending(), this.#parts);
    const { by: rule, report } = outcome.end ?? end;
    if (kind === 'record' || kind === 'playPrompt')
      this.#parts.log.info({ callId, operationId, rule, ...report }, `a ${kind} ended`);
    await before;
    this.#change(entry, outcome);
    await this.#tell(entry, 'deleted');
  }

  #change(entry: Entry, changes: Partial<OperationSnapshot>): void {
    const { operation } = entry.record;
    const lastActionAt = this.#parts.clock.now();
    entry.record = {
      ...entry.record,
      operation: { ...operation, ...changes, revision: operation.revision + 1, lastActionAt },
    };
  }

  #tell({ record }: Entry, change: 'updated' | 'deleted'): Promise<void> {
    const call = this.#owner.call();
    return this.#owner.journal.tellOperation(
      { kind: 'operation', change, call, operation: record.operation },
      record,
    );
  }
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
