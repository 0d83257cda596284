import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/**
 * What lies in a data folder that nothing needs any more, once every call is over: spool files, half-written files, finished files without a record and
 * records without a file, calls and operations that never expire, recordings that never come to be, notifications that wait. The server may be running.
 */
export function leftBehind(dataFolder: string): string[] {
  const spool = readdirSync(join(dataFolder, 'recordings', 'spool')).map((name) => `spool: ${name}`);
  const finished = readdirSync(join(dataFolder, 'recordings', 'finished'));
  const records = read(join(dataFolder, 'tonearm.db'), 'SELECT key, value, expires_at FROM record').map(
    (row) => ({
      key: String(row.key),
      value: JSON.parse(String(row.value)),
      expires: row.expires_at !== null,
    }),
  );
  const state = new Map(
    records
      .filter(({ key }) => key.startsWith('recording/'))
      .map(({ key, value }) => [key.slice('recording/'.length), value.state as string]),
  );
  const files = finished
    .filter((name) => name.endsWith('.part') || state.get(name.slice(0, 36)) !== 'finished')
    .map((name) => `finished: ${name} (${state.get(name.slice(0, 36)) ?? 'no record'})`);
  const ids = new Set(finished.map((name) => name.slice(0, 36)));
  const bare = [...state]
    .filter(([id, state]) => state === 'prepared' || (state === 'finished' && !ids.has(id)))
    .map(([id, state]) => `record: recording ${id} is ${state}`);
  const open = records
    .filter(({ key, expires }) => /^(call|operation)\//.test(key) && !expires)
    .map(({ key }) => `record: ${key} never expires`);
  const waiting = pendingNotifications(dataFolder);
  return [...spool, ...files, ...bare, ...open, ...waiting];
}

/** Notifications that have not been received. */
export function pendingNotifications(dataFolder: string): string[] {
  return read(
    join(dataFolder, 'outbox.db'),
    `SELECT lane, key FROM notification WHERE state <> 'delivered'`,
  ).map(({ lane, key }) => `outbox: ${lane} ${key}`);
}

function read(path: string, sql: string): Record<string, SQLInputValue>[] {
  if (!existsSync(path)) return [];
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  try {
    return database.prepare(sql).all() as Record<string, SQLInputValue>[];
  } finally {
    database.close();
  }
}
