/**
 * A store that owes what its disk refuses. A write that fails is told as failed, and made again until it succeeds or is overtaken by another one of the
 * same key; meanwhile it is read as if it had succeeded. So a call that goes on while the disk is full has its last word in the store all the same.
 *
 * Nothing is written before what is owed, so whatever moment the process dies at, the disk holds what was so at some moment before.
 */
import type { Clock, Timer } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store, StoredRecord } from './store.ts';

export interface OwingOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Asked before every write; `false` refuses it, as the disk would. Default: always. */
  readonly mayWrite?: () => boolean;
  /** More keys are not owed: their writes have failed for good. Default 20,000. */
  readonly most?: number;
}

/** `undefined`: a deletion. */
type Owed = { readonly value: unknown; readonly expiresAt: number | undefined } | undefined;

const RETRY_MS = 5000;

/** Closing it makes a last attempt and closes `store`. A write with `ifRevision` is never owed. */
export function owingStore(
  store: Store,
  { clock, log, mayWrite = () => true, most = 20_000 }: OwingOptions,
): Store {
  /** In the order in which it is to be written. */
  const owed = new Map<string, Owed>();
  let paying: Promise<void> | undefined;
  let retry: Timer | undefined;

  const owe = (key: string, debt: Owed) => {
    owed.delete(key);
    if (owed.size >= most) return;
    owed.set(key, debt);
    retry ??= clock.after(RETRY_MS, settle);
  };

  const payAll = async () => {
    const before = owed.size;
    for (const [key, debt] of owed) {
      if (debt === undefined) await store.delete(key);
      else await store.put(key, debt.value, optionsOf(debt));
      // Meanwhile another write of the key may have been refused.
      if (owed.get(key) === debt) owed.delete(key);
    }
    retry?.cancel();
    retry = undefined;
    log.info({ records: before }, 'what the store refused is written now');
  };
  /** Throws what the first write that is refused again is refused with. */
  const pay = async () => {
    if (!mayWrite())
      throw new TonearmError('storeFailed', 'the store waits for the outbox, which cannot be written');
    if (owed.size === 0) return;
    paying ??= payAll().finally(() => {
      paying = undefined;
    });
    await paying;
  };

  const settle = async () => {
    retry = undefined;
    try {
      await pay();
    } catch (thrown) {
      log.warn({ records: owed.size, error: reasonOf(thrown) }, 'the store still refuses what it is owed');
      retry ??= clock.after(RETRY_MS, settle);
    }
  };

  const write = async <T>(key: string, debt: Owed, mayOwe: boolean, step: () => Promise<T>): Promise<T> => {
    try {
      await pay();
      const result = await step();
      owed.delete(key);
      return result;
    } catch (thrown) {
      if (mayOwe && thrown instanceof TonearmError && thrown.code === 'storeFailed') owe(key, debt);
      throw thrown;
    }
  };

  const asRecord = <T>(debt: Owed): StoredRecord<T> | undefined =>
    debt === undefined || (debt.expiresAt !== undefined && debt.expiresAt <= clock.now())
      ? undefined
      : { value: debt.value as T, revision: 0, expiresAt: debt.expiresAt };

  return {
    async get<T>(key: string) {
      return owed.has(key) ? asRecord<T>(owed.get(key)) : store.get<T>(key);
    },
    put: (key, value, options = {}) =>
      write(key, { value, expiresAt: options.expiresAt }, options.ifRevision === undefined, () =>
        store.put(key, value, options),
      ),
    delete(key) {
      // What is owed of it need not be written first.
      owed.delete(key);
      return write(key, undefined, true, () => store.delete(key));
    },
    async *list<T>(prefix: string) {
      const keys = [...owed.keys()].filter((key) => key.startsWith(prefix)).sort();
      const debtsBefore = function* (end: string | undefined) {
        while (keys[0] !== undefined && (end === undefined || keys[0] < end)) {
          const key = keys.shift() ?? '';
          const record = owed.has(key) ? asRecord<T>(owed.get(key)) : undefined;
          if (record !== undefined) yield { key, ...record };
        }
      };
      for await (const record of store.list<T>(prefix)) {
        yield* debtsBefore(record.key);
        if (keys[0] !== record.key) yield record;
      }
      yield* debtsBefore(undefined);
    },
    async close() {
      retry?.cancel();
      if (owed.size > 0) await settle();
      retry?.cancel();
      await store.close();
    },
  };
}

function optionsOf({ expiresAt }: NonNullable<Owed>) {
  return expiresAt === undefined ? {} : { expiresAt };
}
