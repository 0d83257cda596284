/** One contract, two implementations. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePorts } from '../../test/support/pool-stage.ts';
import { systemClock } from '../clock.ts';
import { loadNativeSockets } from './native-sockets.ts';
import { createNodeSockets, type RtpSocket, type RtpSockets } from './rtp-sockets.ts';

const HERE = '127.0.0.1';
const built = existsSync(join(import.meta.dirname, `../../native/build/rtp-sockets-${process.arch}.node`));
const implementations: readonly [string, () => RtpSockets, skip: string | false][] = [
  ['Node.js', () => createNodeSockets(() => systemClock.monotonic()), false],
  [
    'native',
    () => {
      const sockets = loadNativeSockets(systemClock);
      assert.ok(sockets, 'the addon is built, and loads');
      return sockets;
    },
    !built && 'not built: npm run build:native',
  ],
];

/** A datagram, copied. */
interface Heard {
  readonly text: string;
  readonly address: string;
  readonly port: number;
}

/** Keeps what a socket hears. */
function hearing(socket: RtpSocket) {
  const heard: Heard[] = [];
  let wake = () => {};
  socket.listen({
    datagram(bytes, from, to, address, port) {
      heard.push({ text: Buffer.from(bytes.subarray(from, to)).toString('latin1'), address, port });
      wake();
    },
    failed() {},
  });
  return {
    heard,
    async until(count: number) {
      while (heard.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

async function phone(t: TestContext, address = HERE): Promise<Socket & { at: number }> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address);
  await once(socket, 'listening');
  t.after(() => socket.close());
  return Object.assign(socket, { at: socket.address().port });
}

function closeAll(sockets: readonly (RtpSocket | undefined)[]): void {
  for (const socket of sockets) socket?.close();
}

for (const [name, open, skip] of implementations) {
  const options = { skip, timeout: 120_000 };

  test(`${name}: what comes is heard whole, from whom it came, of each socket`, options, async (t) => {
    const sockets = open();
    const first = await freePorts(4);
    const bound = [await sockets.bind(HERE, first), await sockets.bind(HERE, first + 2)];
    t.after(() => closeAll(bound));
    const [one, two] = bound.map((socket) => hearing(socket!));
    const [a, b] = [await phone(t), await phone(t)];
    const longest = 'x'.repeat(1472);
    a.send('from a', first, HERE);
    await one!.until(1);
    b.send('from b', first, HERE);
    await one!.until(2);
    a.send('', first, HERE);
    await one!.until(3);
    b.send(longest, first + 2, HERE);
    await two!.until(1);
    assert.deepEqual(one!.heard, [
      { text: 'from a', address: HERE, port: a.at },
      { text: 'from b', address: HERE, port: b.at },
      { text: '', address: HERE, port: a.at },
    ]);
    assert.deepEqual(two!.heard, [{ text: longest, address: HERE, port: b.at }]);
  });

  test(`${name}: a burst is read to its end, in order`, options, async (t) => {
    const sockets = open();
    const port = await freePorts(2);
    const socket = await sockets.bind(HERE, port);
    t.after(() => socket?.close());
    const { heard, until } = hearing(socket!);
    const a = await phone(t);
    for (let index = 0; index < 100; index++)
      await new Promise((sent) => a.send(`packet ${index}`, port, HERE, sent));
    await until(100);
    assert.deepEqual(
      heard.map(({ text }) => text),
      Array.from({ length: 100 }, (_, index) => `packet ${index}`),
    );
  });

  test(`${name}: what is sent comes from the socket's own port, to whom it was sent`, options, async (t) => {
    const sockets = open();
    const port = await freePorts(2);
    const socket = await sockets.bind(HERE, port);
    t.after(() => socket?.close());
    const [a, b] = [await phone(t), await phone(t)];
    for (const [to, text] of [
      [a, 'one'],
      [b, 'two'],
      [a, 'three'],
    ] as const) {
      const arrived = once(to, 'message');
      const error = await new Promise((sent) => socket!.send(Buffer.from(text), to.at, HERE, sent));
      assert.equal(error, null);
      const [bytes, from] = await arrived;
      assert.deepEqual([String(bytes), from.port], [text, port]);
    }
  });

  test(`${name}: what cannot be sent is told, and the socket goes on`, options, async (t) => {
    const sockets = open();
    const port = await freePorts(2);
    const socket = await sockets.bind(HERE, port);
    t.after(() => socket?.close());
    const a = await phone(t);
    const tooLong = await new Promise((sent) => socket!.send(Buffer.alloc(70_000), a.at, HERE, sent));
    assert.ok(tooLong instanceof Error && /EMSGSIZE/.test(tooLong.message));
    const foreign = await new Promise((sent) => socket!.send(Buffer.from('x'), a.at, '::1', sent));
    assert.ok(foreign instanceof Error);
    const arrived = once(a, 'message');
    socket!.send(Buffer.from('fine'), a.at, HERE, () => {});
    assert.equal(String((await arrived)[0]), 'fine');
  });

  test(
    `${name}: a port that is taken is passed over, an address that is not ours is an error`,
    options,
    async (t) => {
      const sockets = open();
      const a = await phone(t);
      assert.equal(await sockets.bind(HERE, a.at), undefined);
      await assert.rejects(sockets.bind('192.0.2.1', 40_000), {
        code: 'mediaAddress',
        message: /media\.address/,
      });
    },
  );

  test(`${name}: a closed socket hears nothing, and its port is free`, options, async (t) => {
    const sockets = open();
    const port = await freePorts(2);
    const socket = await sockets.bind(HERE, port);
    const other = await sockets.bind(HERE, port + 1);
    t.after(() => other?.close());
    const { heard } = hearing(socket!);
    const { until } = hearing(other!);
    const a = await phone(t);
    socket!.close();
    a.send('too late', port, HERE);
    a.send('in time', port + 1, HERE);
    await until(1);
    assert.equal(heard.length, 0);
    const again = await sockets.bind(HERE, port);
    assert.ok(again);
    again.close();
  });

  test(`${name}: IPv6`, options, async (t) => {
    const sockets = open();
    const port = await freePorts(2);
    const socket = await sockets.bind('::1', port);
    t.after(() => socket?.close());
    const { heard, until } = hearing(socket!);
    const a = await phone(t, '::1');
    a.send('six', port, '::1');
    await until(1);
    assert.deepEqual(heard, [{ text: 'six', address: '::1', port: a.at }]);
    const arrived = once(a, 'message');
    socket!.send(Buffer.from('back'), a.at, '::1', () => {});
    assert.equal(String((await arrived)[0]), 'back');
  });
}

test('native: one that closes others while it hears, and hundreds at once', {
  skip: implementations[1]![2],
}, async (t) => {
  const sockets = implementations[1]![1]();
  const first = await freePorts(600);
  const bound = await Promise.all(
    Array.from({ length: 600 }, (_, index) => sockets.bind(HERE, first + index)),
  );
  t.after(() => closeAll(bound));
  const a = await phone(t);
  let count = 0;
  const closed = new Set<number>();
  const heardClosed: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const [index, socket] of bound.entries())
    socket?.listen({
      datagram() {
        if (closed.has(index)) heardClosed.push(index);
        if (index >= 300) return;
        // Each of the first half closes one of the other half, whose datagram may have been read already.
        bound[index + 300]?.close();
        closed.add(index + 300);
        if (++count === 300) resolve();
      },
      failed() {},
    });
  for (let index = 0; index < 600; index++) a.send('x', first + index, HERE);
  await promise;
  assert.deepEqual(heardClosed, []);
});

test('native: reading ends after a while, so that others have their turn, and goes on for four times as long as they took', {
  skip: !built && 'not built: npm run build:native',
}, async (t) => {
  let now = 0;
  const clock = { now: () => 0, monotonic: () => now, after: () => ({ cancel() {} }) };
  const sockets = loadNativeSockets(clock);
  assert.ok(sockets);
  const caller = await phone(t);
  const bound: RtpSocket[] = [];
  let heard = 0;
  const first = await freePorts(20);
  for (let port = first; port < first + 20; port++) {
    const socket = await sockets.bind(HERE, port);
    assert.ok(socket);
    t.after(() => socket.close());
    socket.listen({
      datagram() {
        heard++;
        now += 0.125;
      },
      failed() {},
    });
    bound.push(socket);
  }
  const send = async (each: number) => {
    const sent: Promise<void>[] = [];
    for (const { port } of bound)
      for (let i = 0; i < each; i++)
        sent.push(new Promise((resolve) => caller.send('x', port, HERE, () => resolve())));
    await Promise.all(sent);
  };
  await send(100);
  assert.equal(sockets.poll(), false);
  assert.equal(heard, 40, 'for 4 ms, to the end of a pass');
  now += 20;
  assert.equal(sockets.poll(), false);
  assert.equal(heard, 40 + 640, 'for 80 ms, after 20 ms of others');
  now += 1000;
  assert.equal(sockets.poll(), false);
  assert.equal(heard, 680 + 800, 'for 100 ms, however long the others took');
  assert.equal(sockets.poll(), false);
  assert.equal(heard, 1480 + 40, 'what it took itself does not count');
  while (!sockets.poll());
  assert.equal(heard, 2000);
});

test('native: while more is left than is read at once, it is not said that all was read', {
  skip: !built && 'not built: npm run build:native',
}, async (t) => {
  const sockets = loadNativeSockets({ now: () => 0, monotonic: () => 0, after: () => ({ cancel() {} }) });
  assert.ok(sockets);
  const caller = await phone(t);
  const first = await freePorts(300);
  const bound = await Promise.all(
    Array.from({ length: 300 }, (_, index) => sockets.bind(HERE, first + index)),
  );
  t.after(() => closeAll(bound));
  let heard = 0;
  for (const socket of bound) socket?.listen({ datagram: () => heard++, failed() {} });
  for (let datagram = 0; datagram < 60; datagram++)
    await Promise.all(
      Array.from(
        { length: 300 },
        (_, index) => new Promise<void>((sent) => caller.send('x', first + index, HERE, () => sent())),
      ),
    );
  assert.equal(sockets.poll(), true);
  assert.equal(heard, 300 * 60);
});
