import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { recordsOf, storeContract } from '../../test/contracts/store-contract.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { endOfPrefix } from './key-range.ts';
import { openSqliteStore } from './sqlite-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newPath = () => join(folder, `store-${++files}.db`);

storeContract('SQLite in memory', async (clock) => openSqliteStore(':memory:', clock));
storeContract('SQLite on disk', async (clock) => openSqliteStore(newPath(), clock));

/** Opens it in a process of its own, writes `k`, and says so; ends only when it is killed. */
async function holder(path: string) {
  const store = new URL('./sqlite-store.ts', import.meta.url).href;
  const script = `
    const { openSqliteStore } = await import(${JSON.stringify(store)});
    const store = openSqliteStore(${JSON.stringify(path)});
    await store.put('k', 'kept');
    console.log('written');
    setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('a store that another process holds is refused; when that one is killed, what it wrote is there', async () => {
  const path = newPath();
  const child = await holder(path);
  assert.throws(() => openSqliteStore(path), {
    code: 'storeUnusable',
    message: new RegExp(`${path}.*another running server`),
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  const store = openSqliteStore(path);
  assert.equal((await store.get('k'))?.value, 'kept');
  await store.close();
});

test('a store that is closed can be opened again, and goes on counting', async () => {
  const path = newPath();
  const first = openSqliteStore(path);
  const revision = await first.put('k', 1);
  await first.delete('k');
  await first.close();
  await first.close();
  const second = openSqliteStore(path);
  assert.ok((await second.put('k', 1)) > revision);
  await second.close();
});

test('a path in a folder that is none, or is missing, is refused by name', () => {
  writeFileSync(join(folder, 'file'), 'x');
  for (const path of [join(folder, 'file', 'a.db'), join(folder, 'missing', 'a.db'), '/proc/self/a.db']) {
    assert.throws(() => openSqliteStore(path), {
      code: 'storeUnusable',
      message: new RegExp(`${path}.*folder must exist`),
    });
  }
});

test('a file that is no database is refused and left as it is', () => {
  const path = newPath();
  const text = 'somebody else put this here '.repeat(100);
  writeFileSync(path, text);
  for (const _ of ['first', 'second: the first let go of the lock']) {
    assert.throws(() => openSqliteStore(path), {
      code: 'storeUnusable',
      message: new RegExp(`${path}.*no SQLite database`),
    });
  }
  assert.equal(readFileSync(path, 'utf8'), text);
});

test('a database that some tool keeps locked is refused as in use', () => {
  const path = newPath();
  const tool = new DatabaseSync(path);
  tool.exec('BEGIN EXCLUSIVE');
  assert.throws(() => openSqliteStore(path), { code: 'storeUnusable', message: /another running server/ });
  tool.close();
});

test('a write that SQLite refuses fails with storeFailed, and the store goes on', async () => {
  const path = newPath();
  const store = openSqliteStore(path);
  const tool = new DatabaseSync(path);
  tool.exec('BEGIN IMMEDIATE');
  await assert.rejects(store.put('k', 1), { code: 'storeFailed' });
  tool.exec('ROLLBACK');
  tool.close();
  await store.put('k', 2);
  assert.equal((await store.get('k'))?.value, 2);
  await store.close();
});

test('a closed store refuses with storeFailed', async () => {
  const store = openSqliteStore(':memory:');
  await store.close();
  await assert.rejects(store.put('k', 1), { code: 'storeFailed' });
  await assert.rejects(store.get('k'), { code: 'storeFailed' });
  await assert.rejects(recordsOf(store, ''), { code: 'storeFailed' });
});

test('what cannot be JSON is refused', async () => {
  const store = openSqliteStore(':memory:');
  await assert.rejects(store.put('k', undefined), { code: 'storeFailed' });
  await assert.rejects(store.put('k', 1n), { code: 'storeFailed' });
  assert.equal(await store.get('k'), undefined);
  await store.close();
});

test('expired records leave the file', async () => {
  const path = newPath();
  const clock = new VirtualClock();
  const store = openSqliteStore(path, clock);
  await store.put('k', 1, { expiresAt: clock.now() + 1 });
  await store.put('l', 1);
  await clock.advance(3_600_000);
  const look = new DatabaseSync(path, { readOnly: true });
  assert.deepEqual(
    look
      .prepare('SELECT key FROM record')
      .all()
      .map(({ key }) => key),
    ['l'],
  );
  look.close();
  await store.close();
  assert.equal(clock.timers, 0);
});

test('the write-ahead log does not grow with every write', async () => {
  const path = newPath();
  const store = openSqliteStore(path);
  for (let write = 0; write < 2000; write++) {
    await store.put(`k${write % 100}`, 'x'.repeat(500));
    await store.delete(`k${(write + 50) % 100}`);
  }
  assert.ok(statSync(`${path}-wal`).size < 5_000_000, `${statSync(`${path}-wal`).size} bytes`);
  await store.close();
});

test('what was replaced or deleted is in neither file after the next sweep', async () => {
  const path = newPath();
  const clock = new VirtualClock();
  const store = openSqliteStore(path, clock);
  const secretOf = (record: number) => `secret-${record}-`.repeat(10);
  for (let record = 0; record < 300; record++)
    await store.put(`k${record}`, { filler: 'x'.repeat((record * 37) % 400), secret: secretOf(record) });
  for (let record = 0; record < 300; record += 3) await store.put(`k${record}`, 'gone');
  for (let record = 1; record < 300; record += 3) await store.delete(`k${record}`);
  await clock.advance(600_000);
  const onDisk = readFileSync(path, 'latin1') + readFileSync(`${path}-wal`, 'latin1');
  for (let record = 0; record < 300; record++)
    assert.equal(onDisk.includes(`secret-${record}-`), record % 3 === 2, `record ${record}`);
  await store.close();
});

test('the end of a prefix is the first key after all that begin with it', () => {
  assert.equal(endOfPrefix('call/'), 'call0');
  assert.equal(endOfPrefix(''), undefined);
  assert.equal(endOfPrefix('a\u{10ffff}'), 'b');
  assert.equal(endOfPrefix('\u{10ffff}'), undefined);
  assert.equal(endOfPrefix('\ud7ff'), '\ue000');
  assert.equal(endOfPrefix('\uffff'), '\u{10000}');
});
