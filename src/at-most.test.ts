import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../test/support/virtual-clock.ts';
import { atMost } from './at-most.ts';

test('no more than so many run at a time, in the order they came; a failure makes room too', async () => {
  const inTurn = atMost(2);
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const started: number[] = [];
  const results = gates.map((gate, i) =>
    inTurn(() => {
      started.push(i);
      return gate.promise;
    }),
  );
  const settled = Promise.allSettled(results);
  await settle();
  assert.deepEqual(started, [0, 1]);
  gates[1]?.reject(new Error('broken'));
  await settle();
  assert.deepEqual(started, [0, 1, 2]);
  for (const i of [0, 2, 3, 4]) gates[i]?.resolve(i);
  assert.deepEqual(
    (await settled).map((result) => (result.status === 'fulfilled' ? result.value : 'failed')),
    [0, 'failed', 2, 3, 4],
  );
  assert.equal(await inTurn(async () => 'again'), 'again');
});
