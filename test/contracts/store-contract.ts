import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock } from '../../src/clock.ts';
import type { Store } from '../../src/store/store.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** What every store must do. `open` gives an empty one; the suite closes it. */
export function storeContract(name: string, open: (clock: Clock) => Promise<Store>): void {
  const withStore = async (use: (store: Store, clock: VirtualClock) => Promise<void>) => {
    const clock = new VirtualClock();
    const store = await open(clock);
    try {
      await use(store, clock);
    } finally {
      await store.close();
    }
  };
  const keysOf = async (store: Store, prefix: string) =>
    (await recordsOf(store, prefix)).map(({ key }) => key);

  test(`${name}: what was put is there, with its revision`, () =>
    withStore(async (store) => {
      const value = { name: 'Zoë \u0000 "quoted"', list: [1, null, true], deep: { empty: {} } };
      const revision = await store.put('a/1', value);
      assert.ok(revision > 0);
      assert.deepEqual(await store.get('a/1'), { value, revision, expiresAt: undefined });
      assert.equal(await store.get('a/2'), undefined);
      assert.equal(await store.get('a'), undefined);
    }));

  test(`${name}: each write has a greater revision, a new life of the same key too`, () =>
    withStore(async (store) => {
      const first = await store.put('k', 1);
      const second = await store.put('k', 2);
      assert.ok(second > first);
      await store.delete('k');
      assert.ok((await store.put('k', 3)) > second);
      assert.equal((await store.get('k'))?.value, 3);
    }));

  test(`${name}: a write that expects another revision changes nothing`, () =>
    withStore(async (store) => {
      const conflict = { code: 'revisionConflict' };
      await assert.rejects(store.put('k', 'x', { ifRevision: 7 }), conflict);
      const first = await store.put('k', 'a', { ifRevision: 0 });
      await assert.rejects(store.put('k', 'b', { ifRevision: 0 }), conflict);
      const second = await store.put('k', 'c', { ifRevision: first });
      await assert.rejects(store.put('k', 'd', { ifRevision: first }), conflict);
      assert.deepEqual(await store.get('k'), { value: 'c', revision: second, expiresAt: undefined });
      await store.delete('k');
      await assert.rejects(store.put('k', 'e', { ifRevision: second }), conflict);
    }));

  test(`${name}: of two writers that read the same revision, one wins`, () =>
    withStore(async (store) => {
      const ifRevision = await store.put('k', 0);
      const writes = await Promise.allSettled(
        [1, 2, 3].map((value) => store.put('k', value, { ifRevision })),
      );
      assert.equal(writes.filter(({ status }) => status === 'fulfilled').length, 1);
    }));

  test(`${name}: delete says whether there was something`, () =>
    withStore(async (store) => {
      await store.put('k', 1);
      assert.equal(await store.delete('k'), true);
      assert.equal(await store.delete('k'), false);
      assert.equal(await store.get('k'), undefined);
    }));

  test(`${name}: a record is gone from its expiry on`, () =>
    withStore(async (store, clock) => {
      const expiresAt = clock.now() + 1000;
      await store.put('k', 'short', { expiresAt });
      await store.put('l', 'long');
      await clock.advance(999);
      assert.equal((await store.get('k'))?.expiresAt, expiresAt);
      assert.deepEqual(await keysOf(store, ''), ['k', 'l']);
      await clock.advance(1);
      assert.equal(await store.get('k'), undefined);
      assert.deepEqual(await keysOf(store, ''), ['l']);
      assert.equal(await store.delete('k'), false);
      await store.put('k', 'again', { ifRevision: 0 });
      assert.equal((await store.get('k'))?.value, 'again');
    }));

  test(`${name}: a write without an expiry takes the old one away`, () =>
    withStore(async (store, clock) => {
      await store.put('k', 1, { expiresAt: clock.now() + 10 });
      await store.put('k', 2);
      await clock.advance(86_400_000);
      assert.equal((await store.get('k'))?.value, 2);
    }));

  test(`${name}: list gives exactly what begins with the prefix, whatever characters it has`, () =>
    withStore(async (store) => {
      const keys = [
        'a',
        'a/',
        'a/%',
        'a/1',
        'a/_',
        'a/é',
        'a/\u{1f4de}',
        'a/\uffff',
        'a0',
        'A/1',
        'b',
        'a/1/2',
      ];
      for (const key of keys) await store.put(key, key);
      for (const prefix of ['', 'a', 'a/', 'a/1', 'a/%', 'a/_', 'a/\uffff', 'a/\u{1f4de}', 'zz', 'A']) {
        const expected = keys.filter((key) => key.startsWith(prefix));
        assert.deepEqual(new Set(await keysOf(store, prefix)), new Set(expected), `prefix ${prefix}`);
      }
    }));

  test(`${name}: list is in key order, over many records, and may be written to meanwhile`, () =>
    withStore(async (store) => {
      const numbers = Array.from({ length: 357 }, (_, i) => String((i * 7919) % 357).padStart(4, '0'));
      for (const number of numbers) await store.put(`n/${number}`, Number(number));
      const seen: number[] = [];
      for await (const { key, value } of store.list<number>('n/')) {
        seen.push(value);
        if (value % 2 === 0) await store.delete(key);
        else await store.put(key, value);
      }
      assert.deepEqual(
        seen,
        numbers.map(Number).sort((a, b) => a - b),
      );
      assert.equal((await keysOf(store, 'n/')).length, 178);
    }));

  test(`${name}: any sequence of writes leaves what a map would hold`, () => {
    const key = fc.constantFrom('x/1', 'x/2', 'x/10', 'y');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), key, value: fc.jsonValue() }),
      fc.record({ kind: fc.constant('delete' as const), key }),
    );
    return fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), (steps) =>
        withStore(async (store) => {
          const model = new Map<string, unknown>();
          for (const step of steps) {
            if (step.kind === 'delete') assert.equal(await store.delete(step.key), model.delete(step.key));
            else {
              await store.put(step.key, step.value);
              model.set(step.key, JSON.parse(JSON.stringify(step.value)));
            }
          }
          const held = (await recordsOf(store, '')).map(({ key, value }) => [key, value]);
          assert.deepEqual(
            held,
            [...model].sort(([a], [b]) => (a < b ? -1 : 1)),
          );
        }),
      ),
      { numRuns: 30 },
    );
  });
}

/** All that `list` gives. */
export async function recordsOf(store: Store, prefix: string): Promise<{ key: string; value: unknown }[]> {
  const records = [];
  for await (const record of store.list<unknown>(prefix)) records.push(record);
  return records;
}
