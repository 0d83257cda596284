import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { healthReading } from './health-reading.ts';

function stage() {
  const clock = new VirtualClock();
  let packets = { expected: 0, received: 0 };
  let cpu = 0;
  const read = healthReading({
    ready: () => true,
    calls: () => 2,
    recordingsLive: () => 1,
    packets: async () => packets,
    diskFreeBytes: async () => 5,
    outbox: () => ({ pending: 3, undelivered: 4 }),
    clock,
    cpuUsage: () => ({ user: cpu, system: 0 }),
  });
  return {
    clock,
    read,
    /** In `ms`: so many packets expected, of which so many came, for so much CPU in microseconds. */
    async pass(ms: number, expected: number, received: number, microseconds: number) {
      await clock.advance(ms);
      packets = { expected: packets.expected + expected, received: packets.received + received };
      cpu += microseconds;
    },
  };
}

test('loss, rate and cost are those since somebody asked before', async () => {
  const { read, pass, clock } = stage();
  await pass(2000, 100, 100, 1000);
  await read();
  await pass(2000, 200, 150, 3000);
  const health = await read();
  assert.equal(health.packetLoss, 0.25);
  assert.equal(health.packetsPerSecond, 75);
  assert.equal(health.microsecondsPerPacket, 20);
  assert.equal(health.cpu, 0.0015);
  assert.deepEqual(
    [health.at, health.ready, health.calls, health.recordingsLive, health.diskFreeBytes],
    [clock.now(), true, 2, 1, 5],
  );
  assert.deepEqual([health.outboxPending, health.outboxUndelivered], [3, 4]);
});

test('without packets there is neither loss nor a price of one', async () => {
  const { read, pass } = stage();
  await pass(2000, 0, 0, 500);
  const health = await read();
  assert.ok(!('packetLoss' in health) && !('microsecondsPerPacket' in health));
  assert.equal(health.packetsPerSecond, 0);
});

test('what came twice or late is no negative loss', async () => {
  const { read, pass } = stage();
  await pass(2000, 10, 12, 0);
  assert.equal((await read()).packetLoss, 0);
});

test('who asks within a second is told what the one before was', async () => {
  const { read, pass } = stage();
  await pass(2000, 10, 10, 0);
  const first = await read();
  await pass(999, 10, 0, 0);
  assert.equal(await read(), first);
  await pass(1, 0, 0, 0);
  assert.equal((await read()).packetLoss, 1);
});
