/**
 * A store that owes what its disk refuses. A write that fails is told as failed, and made again until it succeeds or is overtaken by another one of the
 * same key; meanwhile it is read as if it had succeeded. So a call that goes on while the disk is full has its last word in the store all the same.
 */
import type { Clock, Timer } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store, StoredRecord } from './store.ts';

export interface OwingOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** More keys are not owed: their writes have failed for good. Default 20,000. */
  readonly most?: number;
}

interface Owed {
  readonly value: unknown;
  readonly expiresAt: number | undefined;
}

const RETRY_MS = 5000;

/** Closing it makes a last attempt and closes `store`. A write with `ifRevision` is never owed. */
export function owingStore(store: Store, { clock, log, most = 20_000 }: OwingOptions): Store {
  const owed = new Map<string, Owed>();
  let retry: Timer | undefined;

  const owe = (key: string, debt: Owed) => {
    owed.delete(key);
    if (owed.size >= most) return;
    owed.set(key, debt);
    retry ??= clock.after(RETRY_MS, () => void settle());
  };

  /** In the order they were made; the first that is refused again ends it. */
  const settle = async () => {
    retry = undefined;
    const before = owed.size;
    try {
      for (const [key, debt] of owed) {
        await store.put(key, debt.value, optionsOf(debt));
        // Meanwhile another write of the key may have been refused.
        if (owed.get(key) === debt) owed.delete(key);
      }
      if (before > 0) log.info({ records: before }, 'what the store refused is written now');
    } catch (thrown) {
      log.warn({ records: owed.size, error: reasonOf(thrown) }, 'the store still refuses what it is owed');
      retry ??= clock.after(RETRY_MS, () => void settle());
    }
  };

  const live = ({ expiresAt }: Owed) => expiresAt === undefined || expiresAt > clock.now();
  const asRecord = <T>({ value, expiresAt }: Owed): StoredRecord<T> => ({
    value: value as T,
    revision: 0,
    expiresAt,
  });

  return {
    async get<T>(key: string) {
      const debt = owed.get(key);
      if (debt === undefined) return store.get<T>(key);
      return live(debt) ? asRecord<T>(debt) : undefined;
    },
    async put(key, value, options = {}) {
      try {
        const revision = await store.put(key, value, options);
        owed.delete(key);
        return revision;
      } catch (thrown) {
        const refused = thrown instanceof TonearmError && thrown.code === 'storeFailed';
        if (refused && options.ifRevision === undefined) owe(key, { value, expiresAt: options.expiresAt });
        throw thrown;
      }
    },
    async delete(key) {
      owed.delete(key);
      return store.delete(key);
    },
    async *list<T>(prefix: string) {
      const keys = [...owed.keys()].filter((key) => key.startsWith(prefix)).sort();
      const debtsBefore = function* (end: string | undefined) {
        while (keys[0] !== undefined && (end === undefined || keys[0] < end)) {
          const key = keys.shift() ?? '';
          const debt = owed.get(key);
          if (debt !== undefined && live(debt)) yield { key, ...asRecord<T>(debt) };
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

function optionsOf({ expiresAt }: Owed) {
  return expiresAt === undefined ? {} : { expiresAt };
}
