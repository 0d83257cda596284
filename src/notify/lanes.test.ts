import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle, VirtualClock } from '../../test/support/virtual-clock.ts';
import { openLanes } from './lanes.ts';

/** Lanes whose runs end when the test says so, with the pause that it gives. */
function staged() {
  const clock = new VirtualClock();
  const runs: { readonly lane: string; readonly end: (restMs?: number) => void }[] = [];
  const lanes = openLanes(
    clock,
    (lane) => new Promise((resolve) => void runs.push({ lane, end: (restMs) => resolve(restMs) })),
  );
  return { clock, lanes, runs };
}

test('a lane runs when it is woken, once more when it is woken meanwhile, and is settled when nothing is left', async () => {
  const { lanes, runs } = staged();
  lanes.wake('a');
  lanes.wake('a');
  let isSettled = false;
  const settled = lanes.settled('a').then(() => (isSettled = true));
  assert.equal(runs.length, 1);
  runs[0]?.end();
  await settle();
  assert.deepEqual([runs.length, isSettled], [2, false], 'it was woken after it began');
  runs[1]?.end();
  await settled;
  assert.equal(runs.length, 2);
  await lanes.settled('a');
});

test('a lane that rests has a timer and no task; it runs when the time has come, or at once when it is woken', async () => {
  const { clock, lanes, runs } = staged();
  lanes.wake('a');
  runs[0]?.end(1000);
  await settle();
  assert.equal(clock.timers, 1);
  await clock.advance(999);
  assert.equal(runs.length, 1);
  await clock.advance(1);
  assert.equal(runs.length, 2);
  runs[1]?.end(60_000);
  await settle();
  lanes.wake('a');
  assert.deepEqual([runs.length, clock.timers], [3, 0]);
});

test('closing waits for what runs, drops what rests, and settles all', async () => {
  const { clock, lanes, runs } = staged();
  for (const lane of ['a', 'b']) lanes.wake(lane);
  runs[0]?.end(1000);
  await settle();
  const settled = Promise.all(['a', 'b'].map((lane) => lanes.settled(lane)));
  const closed = lanes.close();
  assert.equal(clock.timers, 0);
  runs[1]?.end(1000);
  await Promise.all([closed, settled]);
  lanes.wake('a');
  assert.deepEqual([runs.length, clock.timers], [2, 0]);
});
