import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../test/support/virtual-clock.ts';
import { perHost } from './per-host.ts';

test('a host has so many tasks at a time; another host, and files, do not wait for it', async () => {
  const inTurn = perHost(2);
  const begun: string[] = [];
  const gate = Promise.withResolvers<void>();
  const task = (uri: string) =>
    inTurn(uri, async () => {
      begun.push(uri);
      await gate.promise;
    });
  const uris = ['https://slow/1', 'https://slow/2', 'https://slow/3', 'https://other/1', 'file:./a.wav', 'b'];
  const all = uris.map(task);
  await settle();
  assert.deepEqual(begun, ['https://slow/1', 'https://slow/2', 'https://other/1', 'file:./a.wav', 'b']);
  gate.resolve();
  await Promise.all(all);
  assert.equal(begun.length, 6);
});

test('a failure makes room, and is its own task’s', async () => {
  const inTurn = perHost(1);
  const failing = inTurn('https://a/', () => Promise.reject(new Error('no')));
  const next = inTurn('https://a/', async () => 'done');
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'done');
});
