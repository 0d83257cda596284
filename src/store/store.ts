/**
 * Records with a revision and an expiry, listed by prefix. SQLite by default (sqlite-store.ts); the contract
 * suite in test/contracts/ runs against every implementation. Values are JSON.
 */
export interface Store {
  get<T>(key: string): Promise<StoredRecord<T> | undefined>;
  /**
   * Writes and returns the new revision. Throws TonearmError `revisionConflict` when `ifRevision` is not the stored
   * revision (0: must not exist yet). `expiresAt`: milliseconds since the epoch; `undefined`: never.
   */
  put(
    key: string,
    value: unknown,
    options?: { readonly ifRevision?: number; readonly expiresAt?: number },
  ): Promise<number>;
  /** `false` when there was nothing. */
  delete(key: string): Promise<boolean>;
  /** In key order; expired records are not seen. */
  list<T>(prefix: string): AsyncIterable<{ readonly key: string } & StoredRecord<T>>;
  close(): Promise<void>;
}

export interface StoredRecord<T> {
  readonly value: T;
  readonly revision: number;
  readonly expiresAt: number | undefined;
}
