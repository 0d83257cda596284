/**
 * The outbox on disk: one SQLite file, every step of a delivery a row that a killed process finds again.
 */
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { reasonOf, TonearmError } from '../errors.ts';
import { idOf } from './notification-id.ts';
import type { NewNotification, Page, StoredNotification, Undelivered } from './outbox.ts';

/** Which notification of a lane is next, without what it says: lanes that wait are many. */
export interface NextOfLane {
  readonly id: string;
  readonly target: string;
  readonly applicationId: string;
  /** Not to be tried before. */
  readonly nextAttemptAt: number | undefined;
}

/** A pending notification with where its retries stand. Times are milliseconds since the epoch. */
export interface PendingNotification extends StoredNotification {
  readonly firstAttemptAt: number | undefined;
  /** Not to be tried before. */
  readonly nextAttemptAt: number | undefined;
}

/** In the data folder. */
export const OUTBOX_FILE = 'outbox.db';

/** How many an application may have. */
export interface Bounds {
  readonly pending: number;
  readonly undelivered: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notification (
    id TEXT PRIMARY KEY,
    lane TEXT NOT NULL,
    key TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    target TEXT NOT NULL,
    application_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    body TEXT NOT NULL,
    headers TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    first_attempt_at INTEGER,
    next_attempt_at INTEGER,
    settled_at INTEGER,
    UNIQUE (lane, key),
    UNIQUE (lane, sequence)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS pending ON notification (lane, sequence) WHERE state = 'pending';
  CREATE INDEX IF NOT EXISTS settled ON notification (settled_at) WHERE state <> 'pending';
  -- Entries of one application are in the order of their rows, which is the order they came in.
  CREATE INDEX IF NOT EXISTS undelivered_of ON notification (application_id) WHERE state = 'undelivered';
  CREATE INDEX IF NOT EXISTS pending_of ON notification (application_id) WHERE state = 'pending';
  -- Apart from the notifications, so that a lane goes on counting when its delivered ones were swept.
  CREATE TABLE IF NOT EXISTS lane (lane TEXT PRIMARY KEY, last INTEGER NOT NULL, used_at INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS used ON lane (used_at);
`;

/**
 * Opens, or makes, the outbox at `path` (`:memory:` for one that is forgotten). Throws TonearmError `outboxUnusable`, naming the
 * path. Whoever opens it closes it, after the notifier.
 */
export function openSqliteOutbox(path: string): SqliteOutbox {
  try {
    return new SqliteOutbox(path);
  } catch (cause) {
    throw new TonearmError(
      'outboxUnusable',
      `the outbox ${path} cannot be used (${reasonOf(cause)}): its folder must exist and be writable`,
      { cause },
    );
  }
}

/**
 * So long the log may grow, 40 MB, before it is written into the tables: that waits for the disk three times, up to 0.1 s where recordings are written
 * to it meanwhile, and by default, of 4 MB, came every few seconds.
 */
const WAL_PAGES = 10_000;

/** Every method is one synchronous step of some tens of microseconds, and throws what SQLite throws. */
export class SqliteOutbox {
  readonly #database: DatabaseSync;
  readonly #count: StatementSync;
  readonly #insert: StatementSync;
  readonly #known: StatementSync;
  readonly #next: StatementSync;
  readonly #head: StatementSync;
  readonly #failed: StatementSync;
  readonly #delivered: StatementSync;
  readonly #gaveUp: StatementSync;
  readonly #version: StatementSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 5000 });
    // NORMAL in WAL mode: a commit survives the death of the process, which is what is promised; a power cut may take the last ones.
    this.#database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${WAL_PAGES}; ${SCHEMA}`,
    );
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#known = prepare('SELECT 1 FROM notification WHERE lane = ? AND key = ?');
    this.#count = prepare(`
      INSERT INTO lane (lane, last, used_at) VALUES (?, 1, ?)
      ON CONFLICT (lane) DO UPDATE SET last = last + 1, used_at = excluded.used_at RETURNING last`);
    this.#insert = prepare(`
      INSERT INTO notification
        (id, lane, key, sequence, target, application_id, tenant_id, body, headers, state, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?)`);
    this.#next = prepare(`
      SELECT id, target, application_id, next_attempt_at FROM notification
      WHERE lane = ? AND state = 'pending' ORDER BY sequence LIMIT 1`);
    this.#head = prepare(
      `SELECT * FROM notification WHERE lane = ? AND state = 'pending' AND sequence > ? ORDER BY sequence LIMIT 1`,
    );
    this.#failed = prepare(`
      UPDATE notification SET attempts = attempts + 1, last_error = ?, first_attempt_at = coalesce(first_attempt_at, ?),
        next_attempt_at = ? WHERE id = ?`);
    this.#delivered = prepare(`
      UPDATE notification SET attempts = attempts + 1, state = 'delivered', last_error = NULL, settled_at = ?,
        next_attempt_at = NULL, body = '', headers = '{}' WHERE id = ?`);
    this.#gaveUp = prepare(`
      UPDATE notification SET attempts = attempts + 1, state = 'undelivered', last_error = ?, settled_at = ?,
        next_attempt_at = NULL WHERE id = ?`);
    this.#version = prepare('PRAGMA data_version');
  }

  /** `false` when the lane has had this key already: the first stays as it is. */
  append(notification: NewNotification, now: number): boolean {
    const { lane, key, target, applicationId, tenantId, body, headers } = notification;
    return this.#atomically(() => {
      if (this.knows(lane, key)) return false;
      const sequence = Number(this.#count.get(lane, now)?.last);
      this.#insert.run(
        ...[
          idOf(lane, key),
          lane,
          key,
          sequence,
          target,
          applicationId,
          tenantId,
          body,
          JSON.stringify(headers),
          now,
        ],
      );
      return true;
    });
  }

  /** Lanes with something to deliver, the longest waiting first. */
  lanes(): readonly string[] {
    return this.#database
      .prepare(`SELECT lane FROM notification WHERE state = 'pending' GROUP BY lane ORDER BY min(created_at)`)
      .all()
      .map((row) => String(row.lane));
  }

  /** Of the one that must be delivered before the others of the lane. */
  next(lane: string): NextOfLane | undefined {
    const row = this.#next.get(lane);
    return row === undefined
      ? undefined
      : {
          id: String(row.id),
          target: String(row.target),
          applicationId: String(row.application_id),
          nextAttemptAt: timeOf(row.next_attempt_at),
        };
  }

  /** The one that must be delivered before the others of the lane, of those with a number above `after`. */
  head(lane: string, after = 0): PendingNotification | undefined {
    const row = this.#head.get(lane, after);
    return row === undefined ? undefined : fromRow(row);
  }

  pending(id: string): PendingNotification | undefined {
    const row = this.#database
      .prepare(`SELECT * FROM notification WHERE id = ? AND state = 'pending'`)
      .get(id);
    return row === undefined ? undefined : fromRow(row);
  }

  /** Whether the lane has had this key. */
  knows(lane: string, key: string): boolean {
    return this.#known.get(lane, key) !== undefined;
  }

  /** How far the lane has counted. */
  lastOf(lane: string): number {
    return Number(this.#database.prepare('SELECT last FROM lane WHERE lane = ?').get(lane)?.last ?? 0);
  }

  /** An attempt at `startedAt` failed; the next is due at `nextAttemptAt`. */
  failed(id: string, error: string, startedAt: number, nextAttemptAt: number): void {
    this.#failed.run(error, startedAt, nextAttemptAt, id);
  }

  /** What it said is forgotten, its key is not. */
  delivered(id: string, now: number): void {
    this.#delivered.run(now, id);
  }

  /** The last attempt failed: the lane goes on without it. */
  gaveUp(id: string, error: string, now: number): void {
    this.#gaveUp.run(error, now, id);
  }

  /** Oldest first; `undefined`: of every application. */
  undelivered(applicationId: string | undefined, { skip, top }: Page): Undelivered {
    const whose = applicationId === undefined ? [] : [applicationId];
    const of = `FROM notification WHERE state = 'undelivered'${whose.map(() => ' AND application_id = ?').join('')}`;
    const total = this.#database.prepare(`SELECT count(*) AS total ${of}`).get(...whose)?.total;
    const page = this.#database.prepare(`SELECT * ${of} ORDER BY rowid LIMIT ? OFFSET ?`);
    return { total: Number(total), page: page.all(...whose, top, skip).map(fromRow) };
  }

  /** How many wait, and how many were given up. */
  counts(): Bounds {
    const count = (state: keyof Bounds) =>
      Number(
        this.#database.prepare(`SELECT count(*) AS count FROM notification WHERE state = '${state}'`).get()
          ?.count,
      );
    return { pending: count('pending'), undelivered: count('undelivered') };
  }

  /** The applications that have any, in no order. */
  applicationsWithUndelivered(): readonly string[] {
    return this.#database
      .prepare(`SELECT DISTINCT application_id FROM notification WHERE state = 'undelivered'`)
      .all()
      .map((row) => String(row.application_id));
  }

  /**
   * Makes an undelivered one pending again, with its retries from the start. `undefined`: of whichever application. Its lane, or `undefined` when
   * there is none.
   */
  revive(applicationId: string | undefined, id: string): string | undefined {
    // Not `get`: that would not hear whether the commit went well.
    const [row] = this.#database
      .prepare(
        `UPDATE notification SET state = 'pending', attempts = 0, first_attempt_at = NULL, next_attempt_at = NULL,
          settled_at = NULL WHERE id = ? AND application_id = coalesce(?, application_id) AND state = 'undelivered'
          RETURNING lane`,
      )
      .all(id, applicationId ?? null);
    return row === undefined ? undefined : String(row.lane);
  }

  /** Changes when another process, such as the command line, has changed something. */
  version(): number {
    return Number(this.#version.get()?.data_version);
  }

  /**
   * Gives up the oldest that are pending, and forgets the oldest that are undelivered, of each application that has more than so many.
   * Returns how many of each.
   */
  bound(most: Bounds, now: number): { readonly gaveUp: number; readonly forgotten: number } {
    const each = (state: keyof Bounds, change: string, ...values: number[]) => {
      const of = `FROM notification WHERE state = '${state}'`;
      const counts = this.#database.prepare(
        `SELECT application_id, count(*) AS count ${of} GROUP BY application_id`,
      );
      const oldest = `rowid IN (SELECT rowid ${of} AND application_id = ? ORDER BY rowid LIMIT ?)`;
      let changed = 0;
      for (const { application_id: application = '', count } of counts.all()) {
        const excess = Number(count) - most[state];
        if (excess <= 0) continue;
        changed += Number(
          this.#database.prepare(`${change} WHERE ${oldest}`).run(...values, application, excess).changes,
        );
      }
      return changed;
    };
    return this.#atomically(() => ({
      gaveUp: each(
        'pending',
        `UPDATE notification SET state = 'undelivered', last_error = coalesce(last_error, 'too many were waiting'),
          settled_at = ?, next_attempt_at = NULL`,
        now,
      ),
      forgotten: each('undelivered', 'DELETE FROM notification'),
    }));
  }

  /** Removes what was settled, and lanes that were last used, before the given moments. Returns how many notifications went. */
  sweep(before: {
    readonly delivered: number;
    readonly undelivered: number;
    readonly lanes: number;
  }): number {
    const settled = this.#database.prepare('DELETE FROM notification WHERE state = ? AND settled_at < ?');
    return this.#atomically(() => {
      const gone =
        Number(settled.run('delivered', before.delivered).changes) +
        Number(settled.run('undelivered', before.undelivered).changes);
      this.#database
        .prepare(
          'DELETE FROM lane WHERE used_at < ? AND NOT EXISTS (SELECT 1 FROM notification n WHERE n.lane = lane.lane)',
        )
        .run(before.lanes);
      return gone;
    });
  }

  close(): void {
    this.#database.close();
  }

  #atomically<T>(step: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = step();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite has rolled back by itself for some errors, a full disk among them.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

function timeOf(value: SQLOutputValue | undefined): number | undefined {
  return value == null ? undefined : Number(value);
}

function fromRow(row: Record<string, SQLOutputValue>): PendingNotification {
  return {
    id: String(row.id),
    lane: String(row.lane),
    key: String(row.key),
    sequence: Number(row.sequence),
    target: String(row.target),
    applicationId: String(row.application_id),
    tenantId: String(row.tenant_id),
    body: String(row.body),
    headers: JSON.parse(String(row.headers)),
    state: row.state as StoredNotification['state'],
    attempts: Number(row.attempts),
    lastError: row.last_error == null ? undefined : String(row.last_error),
    createdAt: Number(row.created_at),
    firstAttemptAt: timeOf(row.first_attempt_at),
    nextAttemptAt: timeOf(row.next_attempt_at),
  };
}
