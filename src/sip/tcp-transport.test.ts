import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { optionsRequest, transportRecorder } from '../../test/support/transport-recorder.ts';
import { silentLog } from '../log.ts';
import type { TcpLimits } from './tcp-connection.ts';
import { openTcp } from './tcp-transport.ts';
import type { TransportHandler } from './transport.ts';

const OPTIONS = optionsRequest('TCP');
const LOOPBACK = { transport: 'tcp', address: '127.0.0.1', port: 0 } as const;
const PATIENT = {
  connections: 100,
  idleMs: 60_000,
  messageMs: 60_000,
  closingMs: 60_000,
  unsentBytes: 1 << 16,
};

async function stage(
  t: TestContext,
  limits: Partial<TcpLimits> = {},
  changed: Partial<TransportHandler> = {},
) {
  const seen = transportRecorder();
  const handler = { ...seen.handler, ...changed };
  const transport = await openTcp(LOOPBACK, handler, silentLog, { ...PATIENT, ...limits });
  t.after(() => transport.close());
  const dial = async (localAddress = '127.0.0.1') => {
    const socket = connect({ port: transport.listening.port, host: '127.0.0.1', localAddress });
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { seen, transport, dial };
}

/** Somebody who can be connected to. */
async function farEnd(t: TestContext) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const incoming = on(server, 'connection');
  /** The next one that is opened. */
  const connections = async (): Promise<Socket> => {
    const socket = (await incoming.next()).value?.[0] as Socket;
    t.after(() => socket.destroy());
    return socket;
  };
  return { peer: { transport: 'tcp', address: '127.0.0.1', port } as const, connections };
}

async function portOfNobody(): Promise<number> {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  return port;
}

/** Everything that comes until so many bytes are there, or the other side closes. */
function received(socket: Socket, length = Number.POSITIVE_INFINITY): Promise<Buffer> {
  return new Promise((resolve) => {
    let all = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      all = Buffer.concat([all, chunk]);
      if (all.length >= length) finish();
    };
    const finish = () => {
      socket.off('data', onData).off('close', finish);
      resolve(all);
    };
    socket.on('data', onData).on('close', finish);
    if (socket.destroyed) finish();
  });
}

test('a stream comes apart into messages, pings are answered, and answers go back on the same connection', async (t) => {
  const { seen, transport, dial } = await stage(t);
  const other = await dial();
  other.write(OPTIONS);
  await seen.until(() => seen.messages.length === 1);
  const socket = await dial();
  const pong = received(socket, 2);
  const stream = Buffer.concat([OPTIONS, OPTIONS, Buffer.from('\r\n\r\n'), OPTIONS]);
  for (const part of [stream.subarray(0, 50), stream.subarray(50, 333), stream.subarray(333)])
    socket.write(part);
  await seen.until(() => seen.messages.length === 4);
  assert.equal((await pong).toString(), '\r\n');
  const answer = received(socket, OPTIONS.length);
  transport.send(OPTIONS, seen.messages[1]!.from);
  assert.deepEqual(await answer, OPTIONS);
  assert.equal(other.bytesRead, 0);
});

test('keep-alives that come together are answered together', async (t) => {
  const { seen, dial } = await stage(t);
  const socket = await dial();
  let answered = 0;
  socket.on('data', (bytes) => {
    answered += bytes.length / 2;
  });
  socket.write(Buffer.concat([Buffer.alloc(40_000, '\r\n'), OPTIONS]));
  await seen.until(() => seen.messages.length === 1);
  while (answered === 0) await once(socket, 'data');
  // A stream arrives in some pieces.
  assert.ok(answered < 1000, `${answered} answers`);
});

test('what is no SIP closes its connection, and nobody else’s', async (t) => {
  const { seen, dial } = await stage(t);
  const [good, bad] = [await dial(), await dial()];
  bad.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await received(bad)).length, 0);
  assert.deepEqual(seen.refused, ['Not SIP']);
  good.write(OPTIONS);
  await seen.until(() => seen.messages.length === 1);
});

test('a request that leaves the end of its body open can be answered before its connection closes', async (t) => {
  const { dial } = await stage(
    t,
    {},
    {
      onUnparsable: ({ reason, answerable }, from, via) =>
        via.send(Buffer.from(`${reason}: ${answerable?.method}`), from),
    },
  );
  const socket = await dial();
  socket.write(OPTIONS.toString().replace(/Content-Length.*\r\n/, ''));
  assert.equal((await received(socket)).toString(), 'No Content-Length on a stream: OPTIONS');
});

test('a message that can be cut out but not read is refused, and the next one is read', async (t) => {
  const { seen, dial } = await stage(t);
  const socket = await dial();
  socket.write(Buffer.concat([Buffer.from(OPTIONS.toString().replace('CSeq: 1', 'CSeq: x')), OPTIONS]));
  await seen.until(() => seen.messages.length === 1);
  assert.deepEqual(seen.refused, ['Bad CSeq']);
});

for (const [what, bytes, limits] of [
  ['a message that never gets whole', 'OPTIONS sip:a SIP/2.0\r\n', { messageMs: 20 }],
  ['a connection that brings nothing', '', { messageMs: 20 }],
  ['a connection that brought a message and fell silent', OPTIONS, { idleMs: 20 }],
] as const) {
  test(`${what} is closed when its time is over`, async (t) => {
    const { dial } = await stage(t, limits);
    const socket = await dial();
    socket.write(bytes);
    assert.equal((await received(socket)).length, 0);
  });
}

test('a connection too many is closed at once, and none is opened beyond the limit', async (t) => {
  const { seen, transport, dial } = await stage(t, { connections: 1 });
  const first = await dial();
  assert.equal((await received(await dial())).length, 0);
  const { peer } = await farEnd(t);
  transport.send(OPTIONS, peer);
  assert.equal(seen.errors.length, 0, 'never while sending');
  await seen.until(() => seen.errors.length === 1);
  first.write(OPTIONS);
  await seen.until(() => seen.messages.length === 1);
});

test('a source too many connections of which are open is closed at once, and no other', async (t) => {
  const { seen, dial } = await stage(t, {}, { mayConnect: (_address, open) => open < 2 });
  const [first] = [await dial(), await dial()];
  assert.equal((await received(await dial())).length, 0);
  const other = await dial('127.0.0.2');
  for (const socket of [first, other]) socket.write(OPTIONS);
  await seen.until(() => seen.messages.length === 2);
});

test('when there is no room, who has the most connections gives up the one that was silent for longest', async (t) => {
  const { seen, dial } = await stage(t, { connections: 3 });
  const heavy = [await dial(), await dial(), await dial()];
  for (const socket of heavy) {
    socket.write(OPTIONS);
    await seen.until(() => seen.messages.length === heavy.indexOf(socket) + 1);
  }
  heavy[0]?.write(OPTIONS);
  await seen.until(() => seen.messages.length === 4);
  const light = await dial('127.0.0.2');
  await received(heavy[1]!);
  light.write(OPTIONS);
  await seen.until(() => seen.messages.length === 5);
  assert.equal((await received(await dial('127.0.0.2'))).length, 0, 'it would have as many as the other');
});

test('when there is no room, who is trusted gets some, and gives up none', async (t) => {
  const isTrusted = (address: string) => address === '127.0.0.3';
  const { seen, dial } = await stage(t, { connections: 2 }, { isTrusted });
  const [trunk, stranger] = [await dial('127.0.0.3'), await dial('127.0.0.2')];
  const second = await dial('127.0.0.3');
  await received(stranger);
  assert.equal((await received(await dial('127.0.0.2'))).length, 0);
  for (const socket of [trunk, second]) socket.write(OPTIONS);
  await seen.until(() => seen.messages.length === 2);
});

test('messages that are not to be read are cut out of the stream, and the next one is read', async (t) => {
  let asked = 0;
  const { seen, dial } = await stage(t, {}, { hear: () => ++asked > 2 });
  const socket = await dial();
  socket.write(Buffer.concat([OPTIONS, OPTIONS, OPTIONS]));
  await seen.until(() => seen.messages.length === 1);
});

test('requests to one peer share a connection of ours, over which it answers', async (t) => {
  const { seen, transport } = await stage(t);
  const { peer, connections } = await farEnd(t);
  transport.send(OPTIONS, peer);
  transport.send(OPTIONS, peer);
  const socket = await connections();
  assert.deepEqual(await received(socket, 2 * OPTIONS.length), Buffer.concat([OPTIONS, OPTIONS]));
  socket.write(OPTIONS);
  await seen.until(() => seen.messages.length === 1);
  assert.equal(seen.messages[0]?.from.port, peer.port);
});

test('what names a connection goes over it, whatever port its Contact told', async (t) => {
  const { seen, transport, dial } = await stage(t);
  const socket = await dial();
  socket.write(OPTIONS);
  await seen.until(() => seen.messages.length === 1);
  const { peer } = await farEnd(t);
  const answer = received(socket, OPTIONS.length);
  transport.send(OPTIONS, { ...seen.messages[0]!.from, port: peer.port });
  assert.deepEqual(await answer, OPTIONS);
});

test('when its connection is gone, a peer is connected to anew', async (t) => {
  const { seen, transport } = await stage(t);
  const { peer, connections } = await farEnd(t);
  transport.send(OPTIONS, peer);
  const first = await connections();
  first.write(OPTIONS);
  await seen.until(() => seen.messages.length === 1);
  first.resume().end();
  await once(first, 'close');
  transport.send(OPTIONS, seen.messages[0]!.from);
  assert.deepEqual(await received(await connections(), OPTIONS.length), OPTIONS);
});

test('a peer that is not there, and a port that is none, are told of', async (t) => {
  const { seen, transport } = await stage(t);
  const nobody = await portOfNobody();
  transport.send(OPTIONS, { transport: 'tcp', address: '127.0.0.1', port: nobody });
  transport.send(OPTIONS, { transport: 'tcp', address: '127.0.0.1', port: 70_000 });
  await seen.until(() => seen.errors.length === 2);
  assert.deepEqual(new Set(seen.errors.map((one) => one.port)), new Set([nobody, 70_000]));
});

test('a peer that does not read what it is sent loses its connection', async (t) => {
  const { seen, transport } = await stage(t);
  const { peer, connections } = await farEnd(t);
  transport.send(OPTIONS, peer);
  await connections();
  const much = Buffer.alloc(1 << 20);
  while (seen.errors.length === 0) {
    transport.send(much, peer);
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('it closes, twice if asked, though a peer does not take the last of what it is sent', async (t) => {
  const { transport } = await stage(t, { closingMs: 20, unsentBytes: 1 << 30 });
  const { peer, connections } = await farEnd(t);
  transport.send(Buffer.alloc(32 << 20), peer);
  const socket = await connections();
  await Promise.all([transport.close(), transport.close()]);
  assert.ok((await received(socket)).length < 32 << 20);
});

test('a busy port is named, with the setting to change', async (t) => {
  const { transport, seen } = await stage(t);
  await assert.rejects(openTcp(transport.listening, seen.handler, silentLog), {
    code: 'sipPortBusy',
    message: new RegExp(`tcp:127\\.0\\.0\\.1:${transport.listening.port}.*sip\\.listen`),
  });
});
