/** A store that is forgotten with the test; `broken` makes every write fail. */
import { TonearmError } from '../../src/errors.ts';
import type { Store, StoredRecord } from '../../src/store/store.ts';

export class MemoryStore implements Store {
  readonly #records = new Map<string, StoredRecord<string>>();
  readonly #now: () => number;
  broken = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** What is there at this moment, as after a crash. */
  copy(): MemoryStore {
    const copy = new MemoryStore(this.#now);
    copy.take(this);
    return copy;
  }

  /** Goes on with what another one holds at this moment. */
  take(other: MemoryStore): void {
    for (const [key, record] of other.#records) this.#records.set(key, record);
  }

  #live(key: string): StoredRecord<string> | undefined {
    const record = this.#records.get(key);
    return record?.expiresAt !== undefined && record.expiresAt <= this.#now() ? undefined : record;
  }

  async get<T>(key: string): Promise<StoredRecord<T> | undefined> {
    const record = this.#live(key);
    return record && { ...record, value: JSON.parse(record.value) };
  }

  async put(
    key: string,
    value: unknown,
    options: { ifRevision?: number; expiresAt?: number } = {},
  ): Promise<number> {
    if (this.broken) throw new TonearmError('storeFailed', 'the disk is full');
    const revision = (this.#live(key)?.revision ?? 0) + 1;
    if (options.ifRevision !== undefined && options.ifRevision !== revision - 1) {
      throw new TonearmError('revisionConflict', `${key} is at revision ${revision - 1}`);
    }
    this.#records.set(key, { value: JSON.stringify(value), revision, expiresAt: options.expiresAt });
    return revision;
  }

  async delete(key: string): Promise<boolean> {
    if (this.broken) throw new TonearmError('storeFailed', 'the disk is full');
    return this.#records.delete(key);
  }

  async *list<T>(prefix: string): AsyncGenerator<{ readonly key: string } & StoredRecord<T>> {
    for (const key of [...this.#records.keys()].sort()) {
      const record = key.startsWith(prefix) ? await this.get<T>(key) : undefined;
      if (record !== undefined) yield { key, ...record };
    }
  }

  async close(): Promise<void> {}
}
