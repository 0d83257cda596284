import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Latch } from './latch.ts';

function latchedTo(address: string, port: number) {
  const latch = new Latch();
  latch.given('192.0.2.1', 4000, 4001);
  assert.equal(latch.accept(address, port, 7, 0), true);
  return latch;
}

test('until something comes, media goes where SDP says', () => {
  const latch = new Latch();
  latch.given('192.0.2.1', 4000, 4001);
  assert.deepEqual([latch.address, latch.port], ['192.0.2.1', 4000]);
});

test('the first packet settles the source, wherever it comes from', () => {
  const latch = latchedTo('198.51.100.9', 60_000);
  assert.deepEqual([latch.address, latch.port], ['198.51.100.9', 60_000]);
});

test('a stray packet takes no live stream over, whatever its SSRC', () => {
  const latch = latchedTo('198.51.100.9', 60_000);
  for (let now = 20; now <= 10_000; now += 20) {
    assert.equal(latch.accept('203.0.113.5', 5555, 7, now), false);
    assert.equal(latch.accept('198.51.100.9', 60_000, 7, now), true);
  }
  assert.equal(latch.address, '198.51.100.9');
});

test('the source that SDP gave is believed over one that was there first', () => {
  const latch = latchedTo('203.0.113.5', 5555);
  assert.equal(latch.accept('192.0.2.1', 4000, 8, 20), true);
  assert.equal(latch.accept('203.0.113.5', 5555, 7, 40), false);
  assert.deepEqual([latch.address, latch.port], ['192.0.2.1', 4000]);
});

test('a caller whose address changed is followed after a second of silence, at once with the same SSRC', () => {
  const latch = latchedTo('198.51.100.9', 60_000);
  assert.equal(latch.accept('198.51.100.9', 60_001, 7, 1000), false);
  assert.equal(latch.accept('198.51.100.9', 60_001, 7, 1001), true);
  assert.equal(latch.port, 60_001);
});

test('another stream is followed after a second of silence, but not for one stray packet', () => {
  const latch = latchedTo('198.51.100.9', 60_000);
  assert.equal(latch.accept('203.0.113.5', 5555, 8, 2000), false);
  assert.equal(latch.accept('198.51.100.9', 60_000, 7, 2010), true);
  assert.deepEqual(
    [4000, 4020, 4040].map((now) => latch.accept('203.0.113.6', 5555, 8, now)),
    [false, false, true],
  );
});

test('a re-INVITE with another address settles the source anew; with the same it changes nothing', () => {
  const latch = latchedTo('198.51.100.9', 60_000);
  latch.given('192.0.2.1', 4000, 4001);
  assert.equal(latch.port, 60_000);
  latch.given('192.0.2.2', 4000, 4001);
  assert.deepEqual([latch.address, latch.port], ['192.0.2.2', 4000]);
  assert.equal(latch.accept('198.51.100.9', 60_002, 9, 20), true);
});

test('RTCP goes where SDP says, beside RTP that came from elsewhere, and in the end where the far end sends its own from', () => {
  const latch = new Latch();
  latch.given('192.0.2.1', 4000, 4444);
  assert.equal(latch.rtcpPort, 4444);
  latch.accept('198.51.100.9', 60_000, 7, 0);
  assert.equal(latch.rtcpPort, 60_001);
  assert.equal(latch.acceptRtcp('203.0.113.5', 5555), false);
  assert.equal(latch.rtcpPort, 60_001);
  assert.equal(latch.acceptRtcp('198.51.100.9', 61_234), true);
  assert.equal(latch.rtcpPort, 61_234);
});
