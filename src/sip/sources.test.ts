import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { type Log, silentLog } from '../log.ts';
import { createSources, DEFAULT_LIMITS, type SourceLimits } from './sources.ts';
import type { Peer } from './transport.ts';

function stage(limits: Partial<SourceLimits> = {}) {
  const clock = new VirtualClock();
  const logged: object[] = [];
  const log: Log = { ...silentLog, warn: (fields) => void logged.push(fields) };
  const sources = createSources({ limits: { ...DEFAULT_LIMITS, ...limits }, clock, log });
  /** How many of so many requests of this size are taken. */
  const ask = (address: string, times: number, bytes = 500, transport: Peer['transport'] = 'udp') => {
    const source = sources.of({ transport, address, port: 5060 });
    return Array.from({ length: times }, () => sources.admit(source, bytes, false)).filter(
      (one) => one === 'take',
    ).length;
  };
  const hear = (address: string, times: number) =>
    Array.from({ length: times }, () => sources.hear({ transport: 'udp', address, port: 5060 }, 500)).filter(
      Boolean,
    ).length;
  const known = (address: string) => {
    const source = sources.of({ transport: 'udp', address, port: 5060 });
    sources.recognize(source);
    return source;
  };
  return { clock, sources, logged, ask, hear, known };
}

test('a source gets its requests a second, after a burst of two seconds’ worth; another has its own', async () => {
  const { ask, clock, known } = stage({ requestsPerSecond: 50 });
  for (const address of ['192.0.2.1', '192.0.2.2']) {
    known(address);
    assert.equal(ask(address, 500), 100);
  }
  await clock.advance(1000);
  assert.equal(ask('192.0.2.1', 500), 50);
});

test('a large request weighs more than a small one, and none more than a whole burst', async () => {
  const { ask, clock, known } = stage({ requestsPerSecond: 10 });
  known('192.0.2.1');
  assert.equal(ask('192.0.2.1', 100, 10_000), 4);
  await clock.advance(2000);
  assert.equal(ask('192.0.2.1', 100, 60_000), 1);
});

test('strangers have four sources’ worth between them, however many they are; who is known has the own', () => {
  const { ask, known } = stage({ requestsPerSecond: 50 });
  known('192.0.2.1');
  let taken = 0;
  for (let i = 0; i < 5000; i++) taken += ask(`203.0.${i >> 8}.${i & 255}`, 1);
  assert.equal(taken, 400);
  assert.equal(ask('192.0.2.1', 500), 100);
});

test('who opens a TCP connection is no stranger', () => {
  const { ask, sources } = stage({ requestsPerSecond: 50 });
  for (let i = 0; i < 5000; i++) ask(`203.0.${i >> 8}.${i & 255}`, 1);
  assert.equal(ask('192.0.2.7', 500, 500, 'tcp'), 100);
  assert.equal(sources.of({ transport: 'udp', address: '192.0.2.7', port: 9 }).known, true);
});

test('who is trusted has no limit of its own, and takes nothing from others', () => {
  const { ask, hear, sources } = stage({
    isTrusted: (address) => address === '192.0.2.9',
    callsPerSource: 2,
  });
  assert.equal(hear('192.0.2.9', 10_000), 10_000);
  assert.equal(ask('192.0.2.9', 10_000), 10_000);
  assert.equal(ask('203.0.113.1', 500), 100);
  const trunk = sources.of({ transport: 'udp', address: '192.0.2.9', port: 5060 });
  for (let i = 0; i < 100; i++) assert.ok(sources.takeCall(trunk));
});

test('messages beyond twenty to each request are not even read', async () => {
  const { hear, clock } = stage({ requestsPerSecond: 50 });
  assert.equal(hear('192.0.2.1', 5000), 2000);
  await clock.advance(1000);
  assert.equal(hear('192.0.2.1', 5000), 1000);
});

test('a source has room for so many transactions, the last quarter of them for those within calls', () => {
  const { sources, known } = stage({ requestsPerSecond: 1 });
  const source = known('192.0.2.1');
  source.transactions = 60;
  assert.deepEqual([sources.admit(source, 100, false), sources.admit(source, 100, true)], ['refuse', 'take']);
  source.transactions = 80;
  assert.equal(sources.admit(source, 100, true), 'refuse');
  source.known = false;
  assert.equal(sources.admit(source, 100, true), 'ignore', 'a stranger is not answered');
});

test('calls are limited: of a source, of a stranger, of all strangers, of all', () => {
  const { sources, known } = stage({ callsPerSource: 40, calls: 100 });
  const stranger = (i: number) => sources.of({ transport: 'udp', address: `203.0.113.${i}`, port: 5060 });
  const most = (source: ReturnType<typeof known>) => {
    let taken = 0;
    while (sources.takeCall(source) !== undefined) taken++;
    return taken;
  };
  assert.equal(most(stranger(1)), 2);
  assert.deepEqual(
    [2, 3, 4, 5, 6, 7].map((i) => most(stranger(i))),
    [2, 2, 2, 2, 0, 0],
  );
  assert.deepEqual(
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => most(known(address))),
    [40, 40, 10],
  );
});

test('a call that is over makes room once; a stranger who becomes known makes room among strangers', () => {
  const { sources, known } = stage({ callsPerSource: 20, calls: 10 });
  const source = sources.of({ transport: 'udp', address: '203.0.113.1', port: 5060 });
  const other = sources.of({ transport: 'udp', address: '203.0.113.2', port: 5060 });
  const release = sources.takeCall(source);
  assert.equal(sources.takeCall(other), undefined);
  sources.recognize(source);
  const second = sources.takeCall(other);
  assert.ok(release && second);
  for (const one of [release, release, second, second]) one();
  assert.deepEqual([source.calls, other.calls], [0, 0]);
  const last = known('192.0.2.1');
  for (let i = 0; i < 10; i++) assert.ok(sources.takeCall(last));
  assert.equal(sources.takeCall(last), undefined);
});

test('a stranger is told again as long as it was sent at most three times its bytes and five times its messages', () => {
  const { sources, known } = stage();
  const peer: Peer = { transport: 'udp', address: '203.0.113.1', port: 5060 };
  const source = sources.of(peer);
  const repeats = (bytes: number) => {
    let told = 0;
    for (; sources.mayRepeat(source, bytes); told++) sources.tell(source, bytes);
    return told;
  };
  sources.hear(peer, 1000);
  assert.equal(repeats(900), 3);
  sources.hear(peer, 10_000);
  assert.equal(repeats(300), 7);
  const other = known('192.0.2.1');
  for (let i = 0; i < 100; i++) sources.tell(other, 1000);
  assert.ok(sources.mayRepeat(other, 1000));
});

test('sources that are remembered are bounded, and strangers do not push out who is known', () => {
  const { sources, known } = stage();
  known('192.0.2.1');
  for (let i = 0; i < 30_000; i++)
    sources.of({ transport: 'udp', address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, port: 5060 });
  assert.equal(sources.size, 10_001);
  assert.ok(sources.of({ transport: 'udp', address: '192.0.2.1', port: 5060 }).known);
});

test('what is turned away is counted, and logged at most once in ten seconds with how often it was since', async () => {
  const { ask, clock, sources, logged } = stage({ requestsPerSecond: 50 });
  ask('203.0.113.1', 1000);
  assert.equal(sources.turnedAway.requests, 900);
  assert.deepEqual(logged, [{ source: '203.0.113.1', stranger: true, reason: 'requests', since: 1 }]);
  await clock.advance(10_000);
  ask('203.0.113.1', 101);
  assert.deepEqual(logged.slice(1), [
    { source: '203.0.113.1', stranger: true, reason: 'requests', since: 900 },
  ]);
});
