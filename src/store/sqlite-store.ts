/**
 * The store on disk: one SQLite file through node:sqlite, in WAL mode. Every call is one step of some tens of
 * microseconds; what SQLite refuses becomes TonearmError `storeFailed`. What is deleted is overwritten (`secure_delete`).
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import { endOfPrefix } from './key-range.ts';
import type { Store, StoredRecord } from './store.ts';

/**
 * `revision` is a row number that is never given twice (AUTOINCREMENT): a record that was deleted and made again cannot be
 * mistaken for the old one.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS record (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL,
    expires_at INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS record_expiry ON record (expires_at) WHERE expires_at IS NOT NULL;
`;

/** How long a start waits for a process that is just ending. */
const BUSY_MS = 1000;
const SWEEP_EVERY_MS = 600_000;
/** Rows read at once by `list`: between two pages others get their turn. */
const PAGE = 100;

/** SQLite's primary result codes (sqlite3.h). */
const SQLITE = { busy: 5, notADatabase: 26 } as const;

/**
 * Opens, or makes, the store at `path` (`:memory:` for one that is forgotten), and keeps every other process away from it
 * until it is closed. Throws TonearmError `storeUnusable`, naming the path and what to do.
 */
export function openSqliteStore(path: string, clock: Clock = systemClock): Store {
  let owner: DatabaseSync | undefined;
  let database: DatabaseSync | undefined;
  try {
    owner = path === ':memory:' ? undefined : takeOwnership(`${path}.lock`);
    database = new DatabaseSync(path, { timeout: BUSY_MS });
    // NORMAL in WAL mode: a commit survives the death of the process, which is what is promised; a power cut may take the last ones.
    const settings = 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;';
    database.exec(`${settings} ${SCHEMA}`);
    return new SqliteStore(database, owner, clock);
  } catch (cause) {
    if (database?.isOpen) database.close();
    if (owner?.isOpen) owner.close();
    throw unusable(path, cause);
  }
}

/**
 * A lock that dies with its process: an open exclusive transaction on a file of its own. Two servers on one folder would each
 * take the other's running recordings for what a killed process left.
 */
function takeOwnership(path: string): DatabaseSync {
  const owner = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    owner.exec('BEGIN EXCLUSIVE');
    return owner;
  } catch (error) {
    owner.close();
    throw error;
  }
}

function unusable(path: string, cause: unknown): TonearmError<'storeUnusable'> {
  const code = cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) & 0xff : undefined;
  const advice =
    code === SQLITE.busy
      ? 'another running server uses it: stop that one, or give this one another data folder'
      : code === SQLITE.notADatabase
        ? 'it is no SQLite database: move the file away, or name another data folder'
        : `its folder must exist, be writable and have room (${reasonOf(cause)})`;
  return new TonearmError('storeUnusable', `the store ${path} cannot be used: ${advice}`, { cause });
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #owner: DatabaseSync | undefined;
  readonly #clock: Clock;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #page: StatementSync;
  readonly #sweep: StatementSync;
  #sweeping: Timer | undefined;

  constructor(database: DatabaseSync, owner: DatabaseSync | undefined, clock: Clock) {
    this.#database = database;
    this.#owner = owner;
    this.#clock = clock;
    const live = '(expires_at IS NULL OR expires_at > ?)';
    this.#get = database.prepare(`SELECT value, revision, expires_at FROM record WHERE key = ? AND ${live}`);
    this.#put = database.prepare('INSERT OR REPLACE INTO record (key, value, expires_at) VALUES (?, ?, ?)');
    this.#delete = database.prepare(`DELETE FROM record WHERE key = ? RETURNING ${live} AS live`);
    this.#page = database.prepare(
      `SELECT key, value, revision, expires_at FROM record
       WHERE key >= ? AND key > ? AND (? IS NULL OR key < ?) AND ${live} ORDER BY key LIMIT ${PAGE}`,
    );
    this.#sweep = database.prepare('DELETE FROM record WHERE expires_at <= ?');
    this.#sweepNow();
  }

  async get<T>(key: string): Promise<StoredRecord<T> | undefined> {
    return this.#step(() => {
      const row = this.#get.get(key, this.#clock.now());
      return row && fromRow<T>(row);
    });
  }

  async put(
    key: string,
    value: unknown,
    options: { readonly ifRevision?: number; readonly expiresAt?: number } = {},
  ): Promise<number> {
    return this.#step(() => {
      const { ifRevision, expiresAt } = options;
      // Nothing can come between the look and the write: both happen in this turn, and no other process has the file.
      if (ifRevision !== undefined) {
        const found = Number(this.#get.get(key, this.#clock.now())?.revision ?? 0);
        if (found !== ifRevision) {
          const message = `${key} is at revision ${found}, not ${ifRevision}: read it again`;
          throw new TonearmError('revisionConflict', message);
        }
      }
      return Number(this.#put.run(key, JSON.stringify(value), expiresAt ?? null).lastInsertRowid);
    });
  }

  async delete(key: string): Promise<boolean> {
    return this.#step(() => onlyRow(this.#delete, key, this.#clock.now())?.live === 1);
  }

  async *list<T>(prefix: string): AsyncGenerator<{ readonly key: string } & StoredRecord<T>> {
    const end = endOfPrefix(prefix) ?? null;
    for (let last = ''; ; ) {
      const rows = this.#step(() => this.#page.all(prefix, last, end, end, this.#clock.now()));
      for (const row of rows) yield { key: String(row.key), ...fromRow<T>(row) };
      if (rows.length < PAGE) return;
      last = String(rows.at(-1)?.key);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async close(): Promise<void> {
    this.#sweeping?.cancel();
    if (this.#database.isOpen) this.#database.close();
    if (this.#owner?.isOpen) this.#owner.close();
  }

  #sweepNow(): void {
    try {
      this.#sweep.run(this.#clock.now());
      // What was deleted, recordings' keys above all, is still in the write-ahead log: it is emptied.
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // Expired records are not seen anyway: until the next sweep they cost room only.
    }
    this.#sweeping = this.#clock.after(SWEEP_EVERY_MS, () => this.#sweepNow());
  }

  #step<T>(step: () => T): T {
    try {
      return step();
    } catch (cause) {
      if (cause instanceof TonearmError) throw cause;
      throw new TonearmError('storeFailed', `the store failed: ${reasonOf(cause)}`, { cause });
    }
  }
}

/**
 * What a statement with RETURNING gives back. Not by `get`: that resets the statement after its first row, so it commits while nobody looks, and
 * what a full disk says to that is lost with what was written.
 */
function onlyRow(statement: StatementSync, ...parameters: SQLInputValue[]) {
  return statement.all(...parameters)[0];
}

function fromRow<T>(row: Record<string, unknown>): StoredRecord<T> {
  return {
    value: JSON.parse(String(row.value)) as T,
    revision: Number(row.revision),
    expiresAt: row.expires_at === null ? undefined : Number(row.expires_at),
  };
}
