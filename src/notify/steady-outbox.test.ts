import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FullableOutbox } from '../../test/support/fullable-outbox.ts';
import { notification } from '../../test/support/notification.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { steadyOutbox } from './steady-outbox.ts';

function stage(most?: number) {
  const clock = new VirtualClock();
  const file = new FullableOutbox(':memory:');
  const outbox = steadyOutbox(file, { clock, log: silentLog, ...(most !== undefined && { most }) });
  /** Delivers all of a lane: key, number and id of each. */
  const deliverAll = (lane: string) => {
    const told: (readonly [key: string, sequence: number, id: string])[] = [];
    for (let next = outbox.head(lane); next !== undefined; next = outbox.head(lane)) {
      told.push([next.key, next.sequence, next.id]);
      outbox.delivered(next.id, clock.now());
    }
    return told;
  };
  return { clock, file, outbox, deliverAll };
}

test('while the disk is full a lane goes on in order, each notification once, numbered as ever', async () => {
  const { clock, file, outbox, deliverAll } = stage();
  outbox.append(notification('a', 'one'), 1);
  outbox.append(notification('a', 'two'), 2);
  file.full = true;
  outbox.append(notification('a', 'three'), 3);
  outbox.append(notification('a', 'three'), 3);
  outbox.append(notification('a', 'two'), 3);
  const first = deliverAll('a');
  assert.deepEqual(
    first.map(([key, sequence]) => [key, sequence]),
    [
      ['one', 1],
      ['two', 2],
      ['three', 3],
    ],
  );
  outbox.append(notification('a', 'four'), 4);
  file.full = false;
  await clock.advance(5000);
  assert.deepEqual([file.head('a')?.key, file.head('a')?.sequence], ['four', 4]);
  assert.equal(file.knows('a', 'three'), true, 'it is written down afterwards');
  assert.deepEqual(
    deliverAll('a').map(([key]) => key),
    ['four'],
  );
  assert.equal(new Set(first.map(([, , id]) => id)).size, 3);
  assert.equal(clock.timers, 0);
});

test('what is written down late keeps the id and the number under which it was delivered', async () => {
  const { clock, file, outbox } = stage();
  file.full = true;
  outbox.append(notification('a', 'one'), 1);
  const tried = outbox.head('a');
  outbox.failed(tried!.id, 'answered 500', 10, 20);
  outbox.failed(tried!.id, 'answered 500', 20, 40);
  const retried = outbox.head('a');
  assert.deepEqual([retried?.attempts, retried?.firstAttemptAt, retried?.nextAttemptAt], [2, 10, 40]);
  file.full = false;
  await clock.advance(5000);
  const written = file.head('a');
  assert.deepEqual([written?.id, written?.sequence], [tried?.id, 1]);
  assert.deepEqual([written?.attempts, written?.firstAttemptAt, written?.nextAttemptAt], [2, 10, 40]);
});

test('a disk that takes one step and refuses the next changes nothing for the lane', () => {
  const { file, outbox, deliverAll } = stage();
  file.full = true;
  for (const key of ['one', 'two', 'three']) outbox.append(notification('a', key), 1);
  outbox.delivered(outbox.head('a')!.id, 2);
  // The next write finds room for two steps.
  let room = 2;
  const append = file.append.bind(file);
  file.full = false;
  file.append = (...args) => {
    if (room-- <= 0) throw new Error('full again');
    return append(...args);
  };
  outbox.append(notification('b', 'one'), 3);
  assert.deepEqual(
    deliverAll('a').map(([key, sequence]) => [key, sequence]),
    [
      ['two', 2],
      ['three', 3],
    ],
  );
});

test('which is next says nothing of what was delivered while the disk was full, and when the next attempt is due', async () => {
  const { clock, file, outbox } = stage();
  outbox.append(notification('a', 'one'), 1);
  file.full = true;
  outbox.append(notification('a', 'two'), 2);
  outbox.delivered(outbox.next('a')!.id, 3);
  const second = outbox.head('a')!;
  outbox.failed(second.id, 'answered 500', 4, 1000);
  const { id, target, applicationId } = second;
  const expected = { id, target, applicationId, nextAttemptAt: 1000 };
  assert.deepEqual(outbox.next('a'), expected);
  file.full = false;
  await clock.advance(5000);
  assert.deepEqual(outbox.next('a'), expected);
  assert.equal(outbox.next('b'), undefined);
});

test('one that was given up while the disk was full can be sent again although later steps still wait for the disk', () => {
  const { file, outbox } = stage();
  outbox.append(notification('a', 'one'), 1);
  const { id, applicationId } = outbox.next('a')!;
  file.full = true;
  outbox.gaveUp(id, 'answered 500', 2);
  outbox.append(notification('b', 'one'), 3);
  file.full = false;
  file.append = () => {
    throw new Error('full again');
  };
  assert.equal(outbox.revive(applicationId, id), 'a');
  assert.equal(outbox.next('a')?.id, id);
  assert.ok(outbox.next('b'));
});

test('what was delivered while the disk was full is not given up for being too much', () => {
  const { file, outbox } = stage();
  for (const key of ['one', 'two', 'three']) outbox.append(notification('a', key), 1);
  file.full = true;
  outbox.delivered(outbox.next('a')!.id, 2);
  const most = { pending: 2, undelivered: 2 };
  assert.deepEqual(outbox.bound(most, 3), { gaveUp: 0, forgotten: 0 });
  file.full = false;
  assert.deepEqual(outbox.bound(most, 3), { gaveUp: 0, forgotten: 0 });
  assert.equal(outbox.head('a')?.key, 'two');
});

test('what waits for the disk has a bound, and a close writes what it can', () => {
  const { file, outbox } = stage(2);
  file.full = true;
  outbox.append(notification('a', 'one'), 1);
  outbox.append(notification('a', 'two'), 1);
  assert.throws(() => outbox.append(notification('a', 'three'), 1), /2 steps wait/);
  file.full = false;
  outbox.close();
  assert.equal(file.lastOf('a'), 2);
});

test('a process that was killed with a full disk, and its successor, tell the same under the same id', () => {
  const [before, after] = [stage(), stage()];
  before.file.full = true;
  for (const { outbox } of [before, after]) outbox.append(notification('a', 'one'), 1);
  assert.equal(before.outbox.isWritten(), false);
  assert.equal(after.outbox.isWritten(), true);
  assert.equal(after.outbox.head('a')?.id, before.outbox.head('a')?.id);
  after.outbox.append(notification('b', 'one'), 1);
  assert.notEqual(after.outbox.head('b')?.id, after.outbox.head('a')?.id);
});
