/**
 * What a call tells and keeps, one thing after the other. Each fact is written down as untold, published, and written down
 * as told; so whatever moment the process dies at, the next one knows which fact may be missing and publishes it again
 * (the outbox knows it by its key).
 */
import type { Clock } from '../clock.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PreparedRecording } from '../recording/library.ts';
import type { Store } from '../store/store.ts';
import type { CallSnapshot, Command, Fact, OperationSnapshot, Reply } from './model.ts';

export interface CallRecord {
  readonly call: CallSnapshot;
  /** Was perhaps not published before the process died. */
  readonly untold?: Extract<Fact, { kind: 'call' }>;
}

export interface OperationRecord {
  readonly operation: OperationSnapshot;
  /** 1, 2, 3 … within the call: the order in which they were made. */
  readonly number: number;
  /** Known from the start, told to the bot when its time comes. */
  readonly prepared: PreparedRecording | undefined;
  readonly idempotencyKey: string | undefined;
  readonly untold?: Extract<Fact, { kind: 'operation' }>;
}

export const callPrefix = 'call/';
export const callKey = (callId: string) => `${callPrefix}${callId}`;
export const operationPrefix = (callId: string) => `operation/${callId}/`;
export const operationKey = (callId: string, operationId: string) => operationPrefix(callId) + operationId;
const keyOf = ({ operation }: OperationRecord) => operationKey(operation.callId, operation.id);

export interface JournalParts {
  readonly store: Store;
  readonly cluster: Cluster<Command, Reply, Fact>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long an ended call and its operations can be asked for. */
  readonly retentionMs: number;
}

/**
 * One a call. Everything is done in the order it was asked for. A store that fails is logged, and what was to be told is told all the same.
 * A class, as are the operations and the media session: a factory's functions would be objects of each call.
 */
export class Journal {
  readonly #parts: JournalParts;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(parts: JournalParts) {
    this.#parts = parts;
  }

  /** Tells the first fact of a call, unless it cannot be kept: `false`, and nothing was told. */
  begin(fact: Extract<Fact, { kind: 'call' }>): Promise<boolean> {
    return this.#inTurn(async () => {
      const key = callKey(fact.call.id);
      const kept = await this.#put(key, { call: fact.call, untold: fact });
      if (kept) await this.#tellKept(fact);
      else await this.#delete(key);
      return kept;
    });
  }

  /** Resolves when it was published. */
  tellCall(fact: Extract<Fact, { kind: 'call' }>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#put(callKey(fact.call.id), { call: fact.call, untold: fact });
      await this.#tellKept(fact);
    });
  }

  tellOperation(fact: Extract<Fact, { kind: 'operation' }>, record: OperationRecord): Promise<void> {
    return this.#inTurn(async () => {
      const key = keyOf(record);
      await this.#put(key, { ...record, untold: fact });
      await this.#publish(key, fact);
      await this.#put(key, record);
    });
  }

  /** Not kept. */
  tellPassing(fact: Extract<Fact, { kind: 'asked' | 'progress' }>): void {
    void this.#inTurn(() => this.#publish(callKey(fact.callId), fact));
  }

  /** Keeps an operation of which there is nothing to tell yet. `false` when it could not be kept. */
  keep(record: OperationRecord): Promise<boolean> {
    return this.#inTurn(() => this.#put(keyOf(record), record));
  }

  async forget(record: OperationRecord): Promise<void> {
    await this.#inTurn(() => this.#delete(keyOf(record)));
  }

  /** The last entry of a call that has ended: from now on it, and its operations, expire. */
  seal(call: CallSnapshot, operations: readonly OperationRecord[]): Promise<void> {
    return this.#inTurn(async () => {
      const expiresAt = this.#parts.clock.now() + this.#parts.retentionMs;
      for (const record of operations) await this.#put(keyOf(record), record, expiresAt);
      // Last: a call without expiry is what a restart looks for.
      await this.#put(callKey(call.id), { call }, expiresAt);
    });
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(step);
    this.#tail = done;
    return done;
  }

  async #attempt(what: string, key: string, step: () => Promise<unknown>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (thrown) {
      this.#parts.log.error({ key, error: reasonOf(thrown) }, `${what} failed`);
      return false;
    }
  }

  #put(key: string, value: CallRecord | OperationRecord, expiresAt?: number): Promise<boolean> {
    const options = expiresAt === undefined ? {} : { expiresAt };
    return this.#attempt('writing to the store', key, () => this.#parts.store.put(key, value, options));
  }

  #publish(key: string, fact: Fact): Promise<boolean> {
    return this.#attempt('publishing', key, () => this.#parts.cluster.publish(fact));
  }

  #delete(key: string): Promise<boolean> {
    return this.#attempt('deleting from the store', key, () => this.#parts.store.delete(key));
  }

  async #tellKept(fact: Extract<Fact, { kind: 'call' }>): Promise<void> {
    const key = callKey(fact.call.id);
    await this.#publish(key, fact);
    await this.#put(key, { call: fact.call });
  }
}
