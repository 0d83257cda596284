import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import type { Clock } from '../clock.ts';
import { createTick } from './tick.ts';

function counter() {
  const sent: number[] = [];
  const filled: number[] = [];
  return {
    sent,
    filled,
    send: (now: number) => void sent.push(now),
    fill: (now: number) => void filled.push(now),
  };
}

test('every line is served each 20 ms, sending before filling', async () => {
  const clock = new VirtualClock();
  const tick = createTick(clock);
  const [one, two] = [counter(), counter()];
  const start = clock.monotonic();
  tick.add(one);
  tick.add(two);
  await clock.advance(100);
  assert.deepEqual(
    one.sent.map((at) => at - start),
    [20, 40, 60, 80, 100],
  );
  assert.deepEqual(two.filled, one.sent);
});

test('a tick that comes late does not put off those after it', async () => {
  const clock = new VirtualClock();
  let extra = 7;
  const late: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (delayMs, action) => clock.after(delayMs + extra, action),
  };
  const line = counter();
  const start = clock.monotonic();
  createTick(late).add(line);
  await clock.advance(67);
  extra = 0;
  await clock.advance(53);
  assert.deepEqual(
    line.sent.map((at) => at - start),
    [27, 47, 67, 87, 100, 120],
  );
});

test('after a stall of this process the filling waits until what was queued can have been read', async () => {
  for (const { stallMs, turns } of [
    { stallMs: 0, turns: 1 },
    { stallMs: 1000, turns: 4 },
  ]) {
    const clock = new VirtualClock();
    const stalled: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs, action) => clock.after(delayMs + stallMs, action),
    };
    let passed = 0;
    let passedAtFill: number | undefined;
    const count = () => {
      if (++passed < 10) setImmediate(count);
    };
    createTick(stalled).add({
      send: () => void setImmediate(count),
      fill: () => {
        passedAtFill = passed;
      },
    });
    await clock.advance(stallMs + 20);
    assert.equal(passedAtFill, turns);
  }
});

test('the filling waits while there is more to be read, but not for ever', async () => {
  for (const { turns, wanted } of [
    { turns: 4, wanted: 4 },
    { turns: Number.POSITIVE_INFINITY, wanted: undefined },
  ]) {
    const clock = new VirtualClock();
    let polls = 0;
    let pollsAtFill: number | undefined;
    let over = false;
    createTick(clock, () => ++polls >= turns || over).add({
      send() {},
      fill: () => {
        pollsAtFill ??= polls;
      },
    });
    await clock.advance(20);
    for (let passed = 0; passed < 10; passed++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(pollsAtFill, wanted);
    await clock.advance(400);
    for (let passed = 0; passed < 10; passed++) await new Promise((resolve) => setImmediate(resolve));
    over = true;
    assert.ok(pollsAtFill !== undefined, 'who sends without an end does not keep others from being filled');
  }
});

test('a line that has nothing to do until later is left alone until then', async () => {
  const clock = new VirtualClock();
  const line = counter();
  const start = clock.monotonic();
  const turn = createTick(clock).add(line);
  turn.sendAt = start + 70;
  turn.fillAt = start + 40;
  await clock.advance(100);
  assert.deepEqual(
    [line.sent, line.filled].map((times) => times.map((at) => at - start)),
    [
      [80, 100],
      [40, 60, 80, 100],
    ],
  );
});

test('without lines there is no timer', async () => {
  const clock = new VirtualClock();
  const tick = createTick(clock);
  const line = counter();
  const turn = tick.add(line);
  assert.equal(clock.timers, 1);
  turn.end();
  assert.equal(clock.timers, 0);
  await clock.advance(100);
  assert.deepEqual(line.sent, []);
  tick.add(line);
  await clock.advance(20);
  assert.equal(line.sent.length, 1);
});

test('of many lines that come and go each is served in its own time', async () => {
  const clock = new VirtualClock();
  const tick = createTick(clock);
  const lines = Array.from({ length: 200 }, counter);
  const turns = lines.map((line) => tick.add(line));
  for (const [index, turn] of turns.entries()) {
    turn.sendAt = turn.fillAt = clock.monotonic() + (index % 3) * 20;
    if (index % 7 === 0) turn.end();
  }
  turns[7]!.end();
  await clock.advance(40);
  for (const [index, line] of lines.entries()) {
    const times = index % 7 === 0 ? 0 : index % 3 === 2 ? 1 : 2;
    assert.deepEqual([line.sent.length, line.filled.length], [times, times], `line ${index}`);
  }
});
