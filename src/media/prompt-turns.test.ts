import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../test/support/virtual-clock.ts';
import { promptTurns } from './prompt-turns.ts';

const LIMITS = { atOnce: 2, ofHost: 4, atOnceOfApplication: 3, ofApplication: 6 };

function stage(limits = {}) {
  const inTurn = promptTurns({ ...LIMITS, ...limits });
  const begun: string[] = [];
  const gate = Promise.withResolvers<void>();
  const ask = (applicationId: string, uri: string) =>
    inTurn(applicationId, uri, async () => {
      begun.push(`${applicationId} ${uri}`);
      await gate.promise;
      return 'fetched';
    });
  return { inTurn, begun, gate, ask };
}

test('an application has so many tasks at a time at a host; another host, files, and other applications do not wait for it', async () => {
  const { begun, gate, ask } = stage({ atOnceOfApplication: 100, ofApplication: 100 });
  const uris = ['https://slow/1', 'https://slow/2', 'https://slow/3', 'https://other/1', 'file:./a.wav', 'b'];
  const all = [...uris.map((uri) => ask('a', uri)), ask('b', 'https://slow/4')];
  await settle();
  assert.deepEqual(begun, [
    'a https://slow/1',
    'a https://slow/2',
    'a https://other/1',
    'a file:./a.wav',
    'a b',
    'b https://slow/4',
  ]);
  gate.resolve();
  assert.deepEqual(new Set(await Promise.all(all)), new Set(['fetched']));
  assert.equal(begun.length, 7);
});

test('what would wait behind too much at one host, or in all, is not run, and others are', async () => {
  const { begun, gate, ask } = stage();
  const all = [1, 2, 3, 4].map((n) => ask('a', `https://slow/${n}`));
  const ofHost = await ask('a', 'https://slow/5');
  assert.ok(typeof ofHost === 'object');
  assert.match(ofHost.tooMany, /^4 prompts .* from its host/);
  all.push(ask('a', 'https://x/'), ask('a', 'https://y/'));
  const ofApplication = await ask('a', 'https://z/');
  assert.ok(typeof ofApplication === 'object');
  assert.match(ofApplication.tooMany, /^6 prompts of its application/);
  all.push(ask('b', 'https://slow/1'));
  await settle();
  assert.deepEqual(begun, ['a https://slow/1', 'a https://slow/2', 'a https://x/', 'b https://slow/1']);
  gate.resolve();
  assert.deepEqual(await Promise.all(all), Array(7).fill('fetched'));
  assert.equal(await ask('a', 'https://slow/5'), 'fetched');
});

test('a failure makes room, and is its own task’s', async () => {
  const { inTurn } = stage({ atOnce: 1 });
  const failing = inTurn('a', 'https://a/', () => Promise.reject(new Error('no')));
  const next = inTurn('a', 'https://a/', async () => 'done');
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'done');
});
