import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { optionsRequest, transportRecorder } from '../../test/support/transport-recorder.ts';
import { silentLog } from '../log.ts';
import { formatSipMessage, parseSipMessage } from '../wire/sip-message.ts';
import { openUdp } from './udp-transport.ts';

const OPTIONS = optionsRequest('UDP');

async function stage(t: TestContext, address = '127.0.0.1') {
  const seen = transportRecorder();
  const transport = await openUdp({ transport: 'udp', address, port: 0 }, seen.handler, silentLog);
  t.after(() => transport.close());
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address);
  t.after(() => socket.close());
  await once(socket, 'listening');
  const send = (bytes: Uint8Array | string) => socket.send(bytes, transport.listening.port, address);
  return { seen, transport, socket, send };
}

const IPV6 = Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === '::1'));

for (const address of ['127.0.0.1', '::1']) {
  const skip = address === '::1' && !IPV6 && 'this machine has no IPv6';
  test(`a datagram to ${address} comes up as a message, and its answer goes back`, { skip }, async (t) => {
    const { seen, socket, send } = await stage(t, address);
    send(OPTIONS);
    await seen.until(() => seen.messages.length === 1);
    const [first] = seen.messages;
    assert.ok(first);
    assert.deepEqual(first.from, { transport: 'udp', address, port: socket.address().port });
    first.via.send(formatSipMessage(first.message), first.from);
    const [echo] = (await once(socket, 'message')) as [Buffer];
    assert.deepEqual(parseSipMessage(echo), parseSipMessage(OPTIONS));
  });
}

test('keep-alives of any length go by, and what is no SIP is refused', async (t) => {
  const { seen, send } = await stage(t);
  for (const bytes of ['\r\n', '\r\n\r\n', '', ' ', '\0\0\0\0', '\0'.repeat(1000), 'nonsense', OPTIONS])
    send(bytes);
  await seen.until(() => seen.messages.length === 1);
  assert.deepEqual(seen.refused, ['No empty line after the headers']);
});

test('a datagram that is not to be read is not read, nor answered', async (t) => {
  const heard: number[] = [];
  const seen = transportRecorder();
  const hear = (_from: unknown, bytes: number) => heard.push(bytes) > 2;
  const transport = await openUdp(
    { transport: 'udp', address: '127.0.0.1', port: 0 },
    { ...seen.handler, hear },
    silentLog,
  );
  t.after(() => transport.close());
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  for (const bytes of [OPTIONS, 'nonsense', OPTIONS])
    socket.send(bytes, transport.listening.port, '127.0.0.1');
  await seen.until(() => seen.messages.length === 1);
  assert.deepEqual([heard, seen.refused], [[OPTIONS.length, 8, OPTIONS.length], []]);
});

test('whoever watches the wire is told of what is read and what is sent', async (t) => {
  const told: string[] = [];
  const seen = transportRecorder();
  const transport = await openUdp(
    { transport: 'udp', address: '127.0.0.1', port: 0 },
    {
      ...seen.handler,
      onWire: (direction, bytes, { port }) =>
        told.push(`${direction} ${port} ${Buffer.from(bytes).toString()}`),
    },
    silentLog,
  );
  t.after(() => transport.close());
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => socket.close());
  await once(socket, 'listening');
  for (const bytes of ['\r\n\r\n', OPTIONS]) socket.send(bytes, transport.listening.port, '127.0.0.1');
  await seen.until(() => seen.messages.length === 1);
  transport.send(Buffer.from('an answer'), seen.messages[0]!.from);
  await once(socket, 'message');
  const { port } = socket.address();
  assert.deepEqual(told, [`in ${port} ${OPTIONS}`, `out ${port} an answer`]);
});

test('what can’t be sent is told of, and what could is not held up', async (t) => {
  const { seen, transport, socket } = await stage(t);
  const { port } = socket.address();
  const heard = once(socket, 'message');
  const peers = [
    { transport: 'udp', address: '127.0.0.1', port: 70_000 },
    { transport: 'udp', address: '::1', port },
    { transport: 'udp', address: '127.0.0.1', port: 1 },
  ] as const;
  transport.send(OPTIONS, peers[0]);
  transport.send(OPTIONS, peers[1]);
  transport.send(Buffer.alloc(70_000), peers[2]);
  assert.deepEqual(seen.errors, [], 'never while sending');
  transport.send(OPTIONS, { transport: 'udp', address: '127.0.0.1', port });
  await seen.until(() => seen.errors.length === 3);
  assert.deepEqual(new Set(seen.errors), new Set(peers));
  await heard;
});

test('a port where nobody listens does no harm to others', async (t) => {
  const { seen, transport, send } = await stage(t);
  const gone = createSocket('udp4').bind(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address();
  await new Promise<void>((resolve) => gone.close(resolve));
  transport.send(OPTIONS, { transport: 'udp', address: '127.0.0.1', port });
  send(OPTIONS);
  await seen.until(() => seen.messages.length === 1);
});

test('a defect above costs the message that hits it, and is logged', async (t) => {
  const logged: object[] = [];
  const seen = transportRecorder();
  let calls = 0;
  const handler = {
    ...seen.handler,
    onMessage: (...args: Parameters<typeof seen.handler.onMessage>) => {
      if (++calls === 1) throw new TypeError('a defect');
      seen.handler.onMessage(...args);
    },
  };
  const log = { ...silentLog, error: (fields: object) => void logged.push(fields) };
  const transport = await openUdp({ transport: 'udp', address: '127.0.0.1', port: 0 }, handler, log);
  t.after(() => transport.close());
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  for (let i = 0; i < 2; i++) socket.send(OPTIONS, transport.listening.port, '127.0.0.1');
  await seen.until(() => seen.messages.length === 1);
  assert.match(JSON.stringify(logged), /a defect/);
});

test('it can be closed twice, and what is sent afterwards is told of', async (t) => {
  const { seen, transport } = await stage(t);
  await Promise.all([transport.close(), transport.close()]);
  transport.send(OPTIONS, { transport: 'udp', address: '127.0.0.1', port: 9 });
  await seen.until(() => seen.errors.length === 1);
});

test('a busy port is named, with the setting to change', async (t) => {
  const { transport, seen } = await stage(t);
  const { port } = transport.listening;
  await assert.rejects(openUdp(transport.listening, seen.handler, silentLog), {
    code: 'sipPortBusy',
    message: new RegExp(`udp:127\\.0\\.0\\.1:${port}.*sip\\.listen`),
  });
});
