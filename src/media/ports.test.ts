import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { createPortPairs, type PortPair, shareOfPorts } from './ports.ts';
import { createNodeSockets } from './rtp-sockets.ts';

const sockets = createNodeSockets(() => performance.now());

/** The even one of two ports that were free a moment ago, below those that the system gives out by itself. */
async function freePair(): Promise<number> {
  const pair = await createPortPairs({ min: somePort(), max: 13_999 }, sockets).open('127.0.0.1');
  pair.close();
  return pair.port;
}

function somePort(): number {
  return 10_000 + 2 * Math.floor(Math.random() * 1900);
}

test('a pair is an even port and the next one, and both receive', async () => {
  const min = await freePair();
  const pair = await createPortPairs({ min, max: min + 1 }, sockets).open('127.0.0.1');
  try {
    assert.equal(pair.port, min);
    assert.equal(pair.rtp.port, min);
    assert.equal(pair.rtcp.port, min + 1);
  } finally {
    pair.close();
  }
});

test('when all are in use the error says what to change, and a closed pair can be opened again', async () => {
  const min = await freePair();
  const pairs = createPortPairs({ min, max: min + 1 }, sockets);
  const pair = await pairs.open('127.0.0.1');
  await assert.rejects(pairs.open('127.0.0.1'), { code: 'noPorts', message: /media\.ports/ });
  pair.close();
  pair.close();
  assert.equal(pairs.free, 1);
  (await pairs.open('127.0.0.1')).close();
});

test('a pair of which another program holds one port is passed over', async () => {
  const min = await freePair();
  for (const held of [min, min + 1]) {
    const stranger = createSocket('udp4');
    stranger.bind(held, '127.0.0.1');
    await once(stranger, 'listening');
    const pairs = createPortPairs({ min, max: min + 1 }, sockets);
    await assert.rejects(pairs.open('127.0.0.1'), { code: 'noPorts' });
    assert.equal(pairs.free, 1);
    stranger.close();
    await once(stranger, 'close');
    (await pairs.open('127.0.0.1')).close();
  }
});

test('opened at the same time, no two get the same port', async () => {
  const min = await freePair();
  const pairs = createPortPairs({ min, max: min + 39 }, sockets);
  const opened = await Promise.allSettled(Array.from({ length: 10 }, () => pairs.open('127.0.0.1')));
  const got = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  for (const pair of got) pair.close();
  assert.ok(got.length > 0);
  assert.equal(new Set(got.map((pair: PortPair) => pair.port)).size, got.length);
});

test('an address that is not of this machine is named, with the setting, and costs no port', async () => {
  const pairs = createPortPairs({ min: 20000, max: 20003 }, sockets);
  await assert.rejects(pairs.open('192.0.2.1'), {
    code: 'mediaAddress',
    message: /192\.0\.2\.1.*media\.address/,
  });
  assert.equal(pairs.free, 2);
});

test('the shares of the workers make up the range, without overlap, in whole pairs', () => {
  for (const [min, max] of [
    [20000, 29999],
    [20001, 20010],
    [20000, 20002],
  ] as const) {
    for (const workers of [1, 2, 3, 7]) {
      const shares = Array.from({ length: workers }, (_, index) =>
        shareOfPorts({ min, max }, index, workers),
      );
      const free = shares.map((share) => createPortPairs(share, sockets).free);
      assert.equal(
        free.reduce((sum, one) => sum + one),
        createPortPairs({ min, max }, sockets).free,
      );
      for (const [index, share] of shares.entries()) {
        assert.equal(share.min % 2, 0);
        if (index > 0) assert.equal(share.min, shares[index - 1]!.max + 1);
      }
    }
  }
});

test('a range without a whole pair has no ports', async () => {
  await assert.rejects(createPortPairs({ min: 20001, max: 20002 }, sockets).open('127.0.0.1'), {
    code: 'noPorts',
  });
});
