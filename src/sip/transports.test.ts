import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../log.ts';
import { formatSipMessage, parseSipMessage, type SipMessage } from '../wire/sip-message.ts';
import { openTcp } from './tcp-transport.ts';
import type { Peer, Transport, TransportHandler } from './transport.ts';
import { openUdp } from './udp-transport.ts';

const options = (transport: string) =>
  Buffer.from(
    `OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/${transport} 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`,
  );

/** Keeps what a transport hands up, and lets a test wait for the next. */
function recorder() {
  const messages: { message: SipMessage; from: Peer; via: Transport }[] = [];
  const refused: string[] = [];
  const errors: Peer[] = [];
  let wake = () => {};
  const handler: TransportHandler = {
    onMessage(message, from, via) {
      messages.push({ message, from, via });
      wake();
    },
    onUnparsable(parsed) {
      refused.push(parsed.reason);
      wake();
    },
    onSendError(to) {
      errors.push(to);
      wake();
    },
  };
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { handler, messages, refused, errors, until };
}

const loopback = (transport: 'udp' | 'tcp', port = 0) => ({ transport, address: '127.0.0.1', port }) as const;

test('a datagram comes up as a message, its answer goes back, and keep-alives go by', async () => {
  const seen = recorder();
  const transport = await openUdp(loopback('udp'), seen.handler, silentLog);
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  for (const bytes of [
    Buffer.from('\r\n\r\n'),
    Buffer.from('\0\0\0\0'),
    options('UDP'),
    Buffer.from('nonsense'),
  ]) {
    socket.send(bytes, transport.listening.port, '127.0.0.1');
  }
  await seen.until(() => seen.messages.length === 1 && seen.refused.length === 1);
  const [first] = seen.messages;
  assert.ok(first);
  first.via.send(formatSipMessage(first.message), first.from);
  const [echo] = (await once(socket, 'message')) as [Buffer];
  assert.deepEqual(parseSipMessage(echo), parseSipMessage(options('UDP')));
  socket.close();
  await transport.close();
});

for (const open of [openUdp, openTcp] as const) {
  const kind = open === openUdp ? 'udp' : 'tcp';
  test(`a busy ${kind} port is named, with the setting to change`, async () => {
    const first = await open(loopback(kind), recorder().handler, silentLog);
    const { port } = first.listening;
    await assert.rejects(open(loopback(kind, port), recorder().handler, silentLog), (error: Error) => {
      return (
        error.message.includes(`127.0.0.1:${port}`) &&
        error.message.includes('sip.listen') &&
        'code' in error &&
        error.code === 'sipPortBusy'
      );
    });
    await first.close();
  });
}

test('a stream comes apart into messages, pings are answered, and answers go back on the same connection', async () => {
  const seen = recorder();
  const transport = await openTcp(loopback('tcp'), seen.handler, silentLog);
  const socket = connect(transport.listening.port, '127.0.0.1');
  const stream = Buffer.concat([options('TCP'), options('TCP'), Buffer.from('\r\n\r\n'), options('TCP')]);
  for (const part of [stream.subarray(0, 50), stream.subarray(50, 333), stream.subarray(333)])
    socket.write(part);
  await seen.until(() => seen.messages.length === 3);
  const [pong] = (await once(socket, 'data')) as [Buffer];
  assert.equal(pong.toString(), '\r\n');
  const [first] = seen.messages;
  assert.ok(first);
  transport.send(options('TCP'), first.from);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.deepEqual(answer, options('TCP'));
  socket.destroy();
  await transport.close();
});

test('what is no SIP closes its connection, and nobody else’s', async () => {
  const seen = recorder();
  const transport = await openTcp(loopback('tcp'), seen.handler, silentLog);
  const good = connect(transport.listening.port, '127.0.0.1');
  const bad = connect(transport.listening.port, '127.0.0.1');
  bad.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  bad.resume();
  await once(bad, 'close');
  assert.deepEqual(seen.refused, ['No Content-Length on a stream']);
  good.write(options('TCP'));
  await seen.until(() => seen.messages.length === 1);
  good.destroy();
  await transport.close();
});

test('a message that never gets whole, and a connection too many, are closed', async () => {
  const limits = { connections: 1, idleMs: 60_000, messageMs: 20, unsentBytes: 1 << 20 };
  const transport = await openTcp(loopback('tcp'), recorder().handler, silentLog, limits);
  const slow = connect(transport.listening.port, '127.0.0.1');
  await once(slow, 'connect');
  slow.write('OPTIONS sip:a SIP/2.0\r\n');
  const second = connect(transport.listening.port, '127.0.0.1');
  second.resume();
  await once(second, 'close');
  slow.resume();
  await once(slow, 'close');
  await transport.close();
});

test('a request goes out over a connection of our own, and a peer that is not there is told of', async () => {
  const seen = recorder();
  const transport = await openTcp(loopback('tcp'), seen.handler, silentLog);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  transport.send(options('TCP'), { transport: 'tcp', address: '127.0.0.1', port });
  const [socket] = (await once(server, 'connection')) as [import('node:net').Socket];
  const [got] = (await once(socket, 'data')) as [Buffer];
  assert.deepEqual(got, options('TCP'));
  socket.destroy();
  server.close();
  await once(server, 'close');
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const nobody = (gone.address() as AddressInfo).port;
  gone.close();
  await once(gone, 'close');
  transport.send(options('TCP'), { transport: 'tcp', address: '127.0.0.1', port: nobody });
  await seen.until(() => seen.errors.some((peer) => peer.port === nobody));
  await transport.close();
});
