import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { Retention } from './retention.ts';

const HOUR = 3_600_000;

test('recordings go when their time has come, whatever order they came in', async () => {
  const clock = new VirtualClock();
  const start = clock.now();
  const gone: [string, number][] = [];
  const retention = new Retention(clock, silentLog, async (id) => gone.push([id, clock.now() - start]));
  for (const [id, hours] of [
    ['c', 30],
    ['a', 10],
    ['b', 20],
    ['d', 30],
  ] as const)
    retention.add(id, start + hours * HOUR);
  await clock.advance(10 * HOUR - 1);
  assert.deepEqual(gone, []);
  await clock.advance(21 * HOUR);
  assert.deepEqual(gone, [
    ['a', 10 * HOUR],
    ['b', 20 * HOUR],
    ['c', 30 * HOUR],
    ['d', 30 * HOUR],
  ]);
  assert.equal(clock.timers, 0, 'no timer without a recording');
  retention.close();
});

test('what is already past its time goes at once', async () => {
  const clock = new VirtualClock();
  const gone: string[] = [];
  const retention = new Retention(clock, silentLog, async (id) => gone.push(id));
  retention.add('old', clock.now() - HOUR);
  await clock.advance(0);
  assert.deepEqual(gone, ['old']);
  retention.close();
});

test('a removal that fails is logged and tried again, and holds up no other', async () => {
  const clock = new VirtualClock();
  const errors: object[] = [];
  const gone: string[] = [];
  let broken = true;
  const log = { ...silentLog, error: (fields: object) => errors.push(fields) };
  const retention = new Retention(clock, log, async (id) => {
    if (id === 'a' && broken) throw new Error('read-only file system');
    gone.push(id);
  });
  retention.add('a', clock.now() + 1000);
  retention.add('b', clock.now() + 1000);
  await clock.advance(1000);
  assert.deepEqual(gone, ['b']);
  assert.deepEqual(errors, [{ recordingId: 'a', error: 'read-only file system' }]);
  broken = false;
  await clock.advance(60_000);
  assert.deepEqual(gone, ['b', 'a']);
  retention.close();
});

test('a retention longer than a timer can be is kept', async () => {
  const clock = new VirtualClock();
  const delays: number[] = [];
  const after = clock.after.bind(clock);
  clock.after = (delayMs, action) => {
    delays.push(delayMs);
    return after(delayMs, action);
  };
  const gone: string[] = [];
  const retention = new Retention(clock, silentLog, async (id) => gone.push(id));
  retention.add('a', clock.now() + 60 * 24 * HOUR);
  await clock.advance(60 * 24 * HOUR - 1);
  assert.deepEqual(gone, []);
  await clock.advance(1);
  assert.deepEqual(gone, ['a']);
  assert.ok(Math.max(...delays) < 2 ** 31);
  retention.close();
});

test('nothing is removed after close', async () => {
  const clock = new VirtualClock();
  const retention = new Retention(clock, silentLog, async () => assert.fail('removed'));
  retention.add('a', clock.now() + 1);
  retention.close();
  retention.add('b', clock.now() + 1);
  await clock.advance(HOUR);
  assert.equal(clock.timers, 0);
});
