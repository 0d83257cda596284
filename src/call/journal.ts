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

/** Everything is done in the order it was asked for. A store that fails is logged, and what was to be told is told all the same. */
export interface Journal {
  /** Tells the first fact of a call, unless it cannot be kept: `false`, and nothing was told. */
  begin(fact: Extract<Fact, { kind: 'call' }>): Promise<boolean>;
  /** Resolves when it was published. */
  tellCall(fact: Extract<Fact, { kind: 'call' }>): Promise<void>;
  tellOperation(fact: Extract<Fact, { kind: 'operation' }>, record: OperationRecord): Promise<void>;
  /** Not kept. */
  tellPassing(fact: Extract<Fact, { kind: 'asked' | 'progress' }>): void;
  /** Keeps an operation of which there is nothing to tell yet. `false` when it could not be kept. */
  keep(record: OperationRecord): Promise<boolean>;
  forget(record: OperationRecord): Promise<void>;
  /** The last entry of a call that has ended: from now on it, and its operations, expire. */
  seal(call: CallSnapshot, operations: readonly OperationRecord[]): Promise<void>;
}

export function openJournal({ store, cluster, clock, log, retentionMs }: JournalParts): Journal {
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const done = tail.then(step);
    tail = done;
    return done;
  };

  const attempt = async (what: string, key: string, step: () => Promise<unknown>): Promise<boolean> => {
    try {
      await step();
      return true;
    } catch (thrown) {
      log.error({ key, error: reasonOf(thrown) }, `${what} failed`);
      return false;
    }
  };
  const put = (key: string, value: CallRecord | OperationRecord, expiresAt?: number) =>
    attempt('writing to the store', key, () =>
      store.put(key, value, expiresAt === undefined ? {} : { expiresAt }),
    );
  const publish = (key: string, fact: Fact) => attempt('publishing', key, () => cluster.publish(fact));

  const forget = (key: string) => attempt('deleting from the store', key, () => store.delete(key));
  const tellKept = async (fact: Extract<Fact, { kind: 'call' }>) => {
    const key = callKey(fact.call.id);
    await publish(key, fact);
    await put(key, { call: fact.call });
  };

  return {
    begin: (fact) =>
      inTurn(async () => {
        const key = callKey(fact.call.id);
        const kept = await put(key, { call: fact.call, untold: fact });
        if (kept) await tellKept(fact);
        else await forget(key);
        return kept;
      }),
    tellCall: (fact) =>
      inTurn(async () => {
        await put(callKey(fact.call.id), { call: fact.call, untold: fact });
        await tellKept(fact);
      }),
    tellOperation: (fact, record) =>
      inTurn(async () => {
        const key = keyOf(record);
        await put(key, { ...record, untold: fact });
        await publish(key, fact);
        await put(key, record);
      }),
    tellPassing: (fact) => void inTurn(() => publish(callKey(fact.callId), fact)),
    keep: (record) => inTurn(() => put(keyOf(record), record)),
    forget: (record) =>
      inTurn(async () => {
        await forget(keyOf(record));
      }),
    seal: (call, operations) =>
      inTurn(async () => {
        const expiresAt = clock.now() + retentionMs;
        for (const record of operations) await put(keyOf(record), record, expiresAt);
        // Last: a call without expiry is what a restart looks for.
        await put(callKey(call.id), { call }, expiresAt);
      }),
  };
}
