import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Latch } from './latch.ts';

/** SDP told 192.0.2.1:4000, SIP comes from 192.0.2.100; who sends does so every 20 ms, each with a sequence of its own. */
function stage() {
  const latch = new Latch();
  latch.given('192.0.2.1', 4000, 4001, '192.0.2.100');
  let now = 0;
  const sequences = new Map<number, number>();
  /** Whether each of so many packets was taken. */
  const send = (from: string, ssrc: number, packets = 1, everyMs = 20): boolean[] => {
    const [address = '', port] = from.split(':');
    return Array.from({ length: packets }, () => {
      const sequence = ((sequences.get(ssrc) ?? 65_530) + 1) & 0xffff;
      sequences.set(ssrc, sequence);
      now += everyMs;
      return latch.accept(address, Number(port), ssrc, sequence, now);
    });
  };
  return {
    latch,
    send,
    /** A packet that goes on with somebody's stream. */
    sendAs: (from: string, ssrc: number, ahead: number) => {
      const [address = '', port] = from.split(':');
      return latch.accept(address, Number(port), ssrc, ((sequences.get(ssrc) ?? 0) + ahead) & 0xffff, now);
    },
    wait: (ms: number) => {
      now += ms;
    },
    target: () => `${latch.address}:${latch.port}`,
  };
}

const CALLER = '192.0.2.1:4000';
const STRANGER = '203.0.113.5:5555';
const all = (taken: boolean[]) => taken.every(Boolean);
const none = (taken: boolean[]) => !taken.some(Boolean);

test('until something comes, media goes where SDP says', () => {
  assert.equal(stage().target(), CALLER);
});

for (const [what, from] of [
  ['the address and port that SDP told', CALLER],
  ['the address that SDP told, whatever port', '192.0.2.1:60000'],
  ['the address that SIP comes from, as of a phone behind NAT', '192.0.2.100:60000'],
]) {
  test(`the first packet settles the source when it comes from ${what}`, () => {
    const { send, target } = stage();
    assert.ok(all(send(from!, 7)));
    assert.equal(target(), from);
  });
}

for (const [address, source] of [
  ['127.0.0.1', '192.0.2.100'],
  ['169.254.169.254', '10.0.0.9'],
  ['::1', '2001:db8::9'],
  ['::ffff:127.0.0.1', '2001:db8::9'],
  ['fe80::1%eth0', '2001:db8::9'],
] as const) {
  test(`to ${address} nothing is sent on the word of ${source}, before something comes from there`, () => {
    const latch = new Latch();
    latch.given(address, 4000, 4001, source);
    assert.equal(latch.port, 0);
    assert.ok(latch.accept(address, 4000, 7, 1, 20));
    assert.deepEqual([latch.address, latch.port], [address, 4000]);
  });
}

test('who speaks from this machine may name it, and so may who speaks from nobody knows where', () => {
  for (const source of ['127.0.0.5', '::1', '::ffff:127.0.0.1', '']) {
    const latch = new Latch();
    latch.given('127.0.0.1', 4000, 4001, source);
    assert.equal(latch.port, 4000);
  }
});

test('a stranger who is there first is believed after five packets in a row, and not for as many that are none', () => {
  const { send, sendAs, target } = stage();
  for (let i = 0; i < 20; i++) {
    assert.ok(none(send(STRANGER, 7, 4)));
    assert.equal(sendAs(STRANGER, 7, 2), false, 'a gap');
    assert.ok(none(send('203.0.113.6:5555', 8, 1)), 'another one');
  }
  assert.equal(target(), CALLER);
  assert.deepEqual(send(STRANGER, 9, 6), [false, false, false, false, true, true]);
  assert.equal(target(), STRANGER);
});

for (const from of [CALLER, '192.0.2.1:60000', '192.0.2.100:60000']) {
  test(`a stranger who was there first, and is, gives way to the first packet from ${from}`, () => {
    const { send, target } = stage();
    send(STRANGER, 9, 50);
    assert.ok(all(send(from, 7)));
    assert.ok(none(send(STRANGER, 9, 500)));
    assert.equal(target(), from);
  });
}

test('a stranger takes no live stream over, however long and with whatever SSRC it tries', () => {
  const { send, sendAs, target } = stage();
  send(CALLER, 7);
  for (let i = 0; i < 1000; i++) {
    assert.equal(sendAs(STRANGER, 7, 1), false, 'the caller’s own SSRC and sequence');
    assert.ok(none(send(STRANGER, 9)));
    assert.ok(all(send(CALLER, 7)));
  }
  assert.equal(target(), CALLER);
});

test('nor a silent one: not with another SSRC, and not with the caller’s and a sequence that does not follow', () => {
  const { send, sendAs, wait, target } = stage();
  send(CALLER, 7);
  wait(5000);
  assert.ok(none(send(STRANGER, 9, 500)));
  for (const ahead of [0, -1, 10_000, 30_000]) assert.equal(sendAs(STRANGER, 7, ahead), false, `${ahead}`);
  assert.equal(target(), CALLER);
});

test('a NAT that makes another binding is followed: the same stream goes on, after a second of silence where it was', () => {
  const { send, sendAs, wait, target } = stage();
  const [before, after] = ['198.51.100.9:60000', '198.51.100.77:61000'];
  send(before!, 7, 20);
  assert.equal(target(), before);
  wait(900);
  assert.equal(sendAs(after!, 7, 2), false);
  wait(101);
  assert.equal(sendAs(after!, 7, 50), true);
  assert.equal(target(), after);
  assert.equal(sendAs(before!, 7, 51), false);
});

test('the sequence goes on after a pause as it was left, or by what the pause would have held', () => {
  for (const [pauseMs, ahead, follows] of [
    [2000, 1, true],
    [2000, 100, true],
    [2000, 300, true],
    [2000, 400, false],
    [60_000, 3000, true],
  ] as const) {
    const { send, sendAs, wait } = stage();
    send(CALLER, 7);
    wait(pauseMs);
    assert.equal(sendAs('198.51.100.77:61000', 7, ahead), follows, `${ahead} after ${pauseMs} ms`);
  }
});

test('a new stream from where the caller was told to be, or is, is followed after a second of silence and five packets', () => {
  for (const from of ['192.0.2.1:4002', '192.0.2.100:4002', '192.0.2.1:60000']) {
    const { send, wait, target } = stage();
    send(CALLER, 7);
    assert.ok(none(send(from, 8, 20)));
    wait(1000);
    assert.deepEqual(send(from, 8, 5), [false, false, false, false, true], from);
    assert.equal(target(), from);
  }
});

test('the source that SDP gave is believed over one that was there first', () => {
  const { send, target } = stage();
  send('192.0.2.1:60000', 7);
  assert.ok(all(send(CALLER, 8)));
  assert.ok(none(send('192.0.2.1:60000', 7)));
  assert.equal(target(), CALLER);
});

test('a re-INVITE with another address settles the source anew, with the same it changes nothing; the stream may go on', () => {
  const { latch, send, target } = stage();
  send('192.0.2.100:60000', 7);
  latch.given('192.0.2.1', 4000, 4001, '192.0.2.100');
  assert.equal(target(), '192.0.2.100:60000');
  latch.given('192.0.2.2', 4000, 4001, '192.0.2.101');
  assert.equal(target(), '192.0.2.2:4000');
  assert.ok(all(send('192.0.2.100:60000', 7)), 'as before');
  assert.ok(all(send('192.0.2.2:4000', 8)));
  assert.equal(target(), '192.0.2.2:4000');
});

test('without an address in SDP the one of the signalling is believed at once, others after five packets', () => {
  for (const [from, packets] of [
    ['192.0.2.100:4000', 1],
    [STRANGER, 5],
  ] as const) {
    const latch = new Latch();
    latch.given('', 0, 0, '192.0.2.100');
    const [address = '', port] = from.split(':');
    let sent = 0;
    while (!latch.accept(address, Number(port), 7, ++sent, sent * 20));
    assert.equal(sent, packets);
  }
});

test('RTCP goes where SDP says, beside RTP that came from elsewhere, and in the end where the far end sends its own from', () => {
  const latch = new Latch();
  latch.given('192.0.2.1', 4000, 4444, '198.51.100.9');
  assert.equal(latch.rtcpPort, 4444);
  latch.accept('198.51.100.9', 60_000, 7, 1, 0);
  assert.equal(latch.rtcpPort, 60_001);
  assert.equal(latch.acceptRtcp('203.0.113.5', 5555), false);
  assert.equal(latch.rtcpPort, 60_001);
  assert.equal(latch.acceptRtcp('198.51.100.9', 61_234), true);
  assert.equal(latch.rtcpPort, 61_234);
});
