import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordsOf, storeContract } from '../../test/contracts/store-contract.ts';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { owingStore } from './owing-store.ts';
import { openSqliteStore } from './sqlite-store.ts';

storeContract('a store that owes nothing', async (clock) =>
  owingStore(openSqliteStore(':memory:', clock), { clock, log: silentLog }),
);

function stage(most?: number) {
  const clock = new VirtualClock();
  const disk = new MemoryStore(() => clock.now());
  const store = owingStore(disk, { clock, log: silentLog, ...(most !== undefined && { most }) });
  const refused = (key: string, value: unknown, expiresAt?: number) =>
    assert.rejects(store.put(key, value, expiresAt === undefined ? {} : { expiresAt }), {
      code: 'storeFailed',
    });
  return { clock, disk, store, refused };
}

test('what the disk refused is told as failed, read as if it had not, and written when the disk takes it', async () => {
  const { clock, disk, store, refused } = stage();
  await store.put('a/1', 'old');
  await store.put('a/3', 'kept');
  disk.broken = true;
  await refused('a/1', 'between');
  await refused('a/1', 'new');
  await refused('a/2', 'made meanwhile');
  await refused('a/4', 'over', clock.now() - 1);
  assert.equal((await store.get('a/1'))?.value, 'new');
  assert.equal(await store.get('a/4'), undefined);
  const seen = (await recordsOf(store, 'a/')).map(({ key, value }) => [key, value]);
  assert.deepEqual(seen, [
    ['a/1', 'new'],
    ['a/2', 'made meanwhile'],
    ['a/3', 'kept'],
  ]);
  await clock.advance(60_000);
  assert.equal((await disk.get('a/1'))?.value, 'old');
  disk.broken = false;
  await clock.advance(5000);
  assert.equal((await disk.get('a/1'))?.value, 'new');
  assert.equal((await disk.get('a/2'))?.value, 'made meanwhile');
  assert.equal(clock.timers, 0);
});

test('a later write, or a deletion, of the same key settles the debt', async () => {
  const { clock, disk, store, refused } = stage();
  disk.broken = true;
  await refused('a', 1);
  await refused('b', 1);
  disk.broken = false;
  await store.put('a', 2);
  await store.delete('b');
  await clock.advance(5000);
  assert.equal((await disk.get('a'))?.value, 2);
  assert.equal(await disk.get('b'), undefined);
});

test('what is owed has a bound, and a close pays what it can', async () => {
  const { disk, store, refused } = stage(2);
  disk.broken = true;
  for (const key of ['a', 'b', 'c']) await refused(key, key);
  disk.broken = false;
  await store.close();
  assert.deepEqual(
    (await recordsOf(disk, '')).map(({ key }) => key),
    ['a', 'b'],
  );
});

test('a write that was to follow a revision is not made later', async () => {
  const { clock, disk, store } = stage();
  disk.broken = true;
  await assert.rejects(store.put('a', 1, { ifRevision: 0 }));
  disk.broken = false;
  await clock.advance(5000);
  assert.equal(await disk.get('a'), undefined);
});

test('nothing is written before what is owed: the disk never holds what came later without what came before', async () => {
  const { disk, store, refused } = stage();
  await store.put('gone', 'old');
  disk.broken = true;
  await refused('operation', 'ended');
  await assert.rejects(store.delete('gone'), { code: 'storeFailed' });
  assert.equal(await store.get('gone'), undefined);
  disk.broken = false;
  const put = disk.put.bind(disk);
  const written: string[] = [];
  disk.put = async (key, ...rest) => {
    const revision = await put(key, ...rest);
    written.push(key);
    return revision;
  };
  await store.put('call', 'ended');
  assert.deepEqual(written, ['operation', 'call']);
  assert.equal(await disk.get('gone'), undefined, 'a deletion is owed as well');
});

test('what must wait for something else is owed meanwhile', async () => {
  const clock = new VirtualClock();
  const disk = new MemoryStore(() => clock.now());
  let mayWrite = false;
  const store = owingStore(disk, { clock, log: silentLog, mayWrite: () => mayWrite });
  await assert.rejects(store.put('a', 1), { code: 'storeFailed' });
  assert.equal(await disk.get('a'), undefined);
  mayWrite = true;
  await clock.advance(5000);
  assert.equal((await disk.get('a'))?.value, 1);
  assert.equal(clock.timers, 0);
});
