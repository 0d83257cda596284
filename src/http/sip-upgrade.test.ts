import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { silentLog } from '../log.ts';
import type { SipSocket } from '../sip/ws-transport.ts';
import type { HttpTimes } from './limits.ts';
import { buildHttp, listenHttp } from './server.ts';
import { mayCall, type SipUpgradeOptions, sipUpgrade, speaksSip } from './sip-upgrade.ts';

const errors = {
  notFound: () => assert.fail(),
  thrown: () => assert.fail(),
  describe: () => new Error(),
  newRequestId: () => 'id',
  clientRequestId: () => undefined,
};

async function stage(t: TestContext, options: Partial<SipUpgradeOptions> = {}, times?: HttpTimes) {
  const adopted: SipSocket[] = [];
  const plugin = sipUpgrade({
    origins: [],
    publicUrl: 'https://voice.example',
    trustProxy: false,
    adopt: () => (socket) => adopted.push(socket),
    log: silentLog,
    ...options,
  });
  const app = await buildHttp({
    plugins: [plugin],
    errors,
    log: silentLog,
    ...(times && { times }),
  });
  const port = await listenHttp(app, { address: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  /** Opens a WebSocket, or gives the status that it was refused with. */
  const open = async (path = '/sip', protocols = ['sip'], headers: Record<string, string> = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers });
    t.after(() => socket.terminate());
    const refused = once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number);
    return await Promise.race([refused, once(socket, 'open').then(() => socket)]);
  };
  return { app, port, adopted, open };
}

test('a WebSocket that speaks SIP is taken, and carries messages both ways', async (t) => {
  const { adopted, open } = await stage(t);
  const socket = await open();
  assert.ok(typeof socket === 'object');
  assert.equal(socket.protocol, 'sip');
  const [taken] = adopted;
  assert.equal(taken?.remote.address, '127.0.0.1');
  const heard = new Promise<string>((resolve) =>
    taken?.listen(
      (bytes) => resolve(String(bytes)),
      () => {},
    ),
  );
  socket.send('there');
  assert.equal(await heard, 'there');
  const back = once(socket, 'message');
  taken?.send('and back');
  assert.equal(String((await back)[0]), 'and back');
});

test('another path, another subprotocol or none, and a stranger’s page are refused', async (t) => {
  const { adopted, open } = await stage(t);
  assert.equal(await open('/other'), 404);
  assert.equal(await open('/sip', ['mqtt']), 400);
  assert.equal(await open('/sip', []), 400);
  assert.equal(await open('/sip', ['sip'], { origin: 'https://stranger.example' }), 403);
  assert.equal(adopted.length, 0);
});

test('the subprotocol sip is found among others, and at once in whatever else stands there', () => {
  for (const protocols of ['sip', 'mqtt, sip', 'sip,mqtt', ' mqtt ,\t sip '])
    assert.equal(speaksSip(protocols), true, protocols);
  // Tried from each blank anew it would take hours.
  for (const protocols of [undefined, '', 'SIP', 'sips', `a${' '.repeat(1_000_000)}b`])
    assert.equal(speaksSip(protocols), false);
});

test('who is not taken is told so before it is a WebSocket', async (t) => {
  const asked: string[] = [];
  const adopt = (address: string) => void asked.push(address);
  const { open } = await stage(t, { adopt });
  assert.equal(await open(), 503);
  assert.equal(await open('/other'), 404);
  assert.deepEqual(asked, ['127.0.0.1']);
});

const FORWARDED: readonly [trustProxy: boolean, header: string, address: string][] = [
  [false, '192.0.2.9', '127.0.0.1'],
  [true, '192.0.2.9', '192.0.2.9'],
  [true, '198.51.100.1, 192.0.2.9', '192.0.2.9'],
  [true, '::ffff:192.0.2.9', '192.0.2.9'],
  [true, '2001:db8::9', '2001:db8::9'],
  [true, 'unknown', '127.0.0.1'],
];

for (const [trustProxy, header, address] of FORWARDED)
  test(`who comes from «${header}» by a proxy that is ${trustProxy ? '' : 'not '}trusted comes from ${address}`, async (t) => {
    const { adopted, open } = await stage(t, { trustProxy });
    await open('/sip', ['sip'], { 'x-forwarded-for': header });
    assert.equal(adopted[0]?.remote.address, address);
  });

test('a web phone that says nothing stays, while other connections at a standstill are closed', async (t) => {
  const times = { headersMs: 50, requestMs: 50, standstillMs: 50, idleMs: 50, lookEveryMs: 10 };
  const { port, adopted, open } = await stage(t, {}, times);
  const socket = await open();
  assert.ok(typeof socket === 'object');
  for (let round = 0; round < 4; round++) {
    const other = connect(port, '127.0.0.1').resume();
    await once(other, 'close');
  }
  const heard = once(socket, 'message');
  adopted[0]?.send('still there');
  assert.equal(String((await heard)[0]), 'still there');
});

test('who is refused and breaks off harms nobody, and who stays is not waited for', async (t) => {
  const { port, open } = await stage(t);
  const ask = 'GET /other HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  for (let round = 0; round < 20; round++) {
    const other = connect(port, '127.0.0.1');
    await once(other, 'connect');
    other.write(ask);
    other.resetAndDestroy();
  }
  const other = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  other.write(ask);
  assert.match(String((await once(other, 'data'))[0]), /^HTTP\/1\.1 404 /);
  // Nobody reads what it says now: its connection is gone.
  const gone = new Promise((resolve) => other.on('error', () => {}).once('close', resolve));
  const saying = setInterval(() => other.write('more'), 1);
  t.after(() => clearInterval(saying));
  await gone;
  assert.ok(typeof (await open()) === 'object');
});

test('who pings and reads nothing is let go', { timeout: 60_000 }, async (t) => {
  const { adopted, open } = await stage(t);
  const socket = await open();
  assert.ok(typeof socket === 'object');
  let isGone = false;
  adopted[0]?.listen(
    () => {},
    () => {
      isGone = true;
    },
  );
  socket.on('error', () => {});
  socket.pause();
  const filling = Buffer.alloc(125);
  while (!isGone && socket.readyState === WebSocket.OPEN) {
    for (let count = 0; count < 1000; count++) socket.ping(filling);
    await new Promise((resolve) => socket.ping(filling, undefined, resolve));
  }
  assert.equal(isGone || socket.readyState !== WebSocket.OPEN, true);
});

test('who would rather speak HTTP/2 is answered in HTTP/1.1', async (t) => {
  const { app, port } = await stage(t);
  const other = connect(port, '127.0.0.1');
  t.after(() => other.destroy());
  assert.ok(app.server.listenerCount('upgrade') > 0);
  other.write(
    'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\r\n',
  );
  assert.match(String((await once(other, 'data'))[0]), /^HTTP\/1\.1 /);
});

test('a WebSocket that is asked for ambiguously, of two hosts or none, is refused as any other request, and ends the connection', async (t) => {
  const { adopted, port } = await stage(t);
  const rest =
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n';
  for (const begin of [
    'GET /sip HTTP/1.1\r\nHost: a\r\nHost: b\r\n',
    'GET /sip HTTP/1.1\r\n',
    'GET /sip HTTP/1.0\r\nTransfer-Encoding: chunked\r\nHost: a\r\n',
  ]) {
    const other = connect(port, '127.0.0.1');
    t.after(() => other.destroy());
    other.write(begin + rest);
    assert.match(String((await once(other, 'data'))[0]), /^HTTP\/1\.1 400 .*\r\nconnection: close\r\n/);
    await once(other, 'close');
  }
  assert.equal(adopted.length, 0);
});

test('a message that is too long ends its connection, and its owner hears of that', async (t) => {
  const { adopted, open } = await stage(t);
  const socket = await open();
  assert.ok(typeof socket === 'object');
  const told = new Promise<void>((resolve) => adopted[0]?.listen(() => assert.fail(), resolve));
  socket.send('x'.repeat(70_000));
  await told;
});

test('a ping is told as a message that says nothing, so that it counts', async (t) => {
  const { adopted, open } = await stage(t);
  const socket = await open();
  assert.ok(typeof socket === 'object');
  const heard = new Promise<number>((resolve) =>
    adopted[0]?.listen(
      (bytes) => resolve(bytes.length),
      () => {},
    ),
  );
  socket.ping('anything');
  assert.equal(await heard, 0);
});

test('a message in more pieces than anybody has need of ends its connection, and one in a few is taken', async (t) => {
  const { adopted, open } = await stage(t);
  const socket = await open();
  assert.ok(typeof socket === 'object');
  const heard: string[] = [];
  const told = new Promise<void>((resolve) =>
    adopted[0]?.listen((bytes) => heard.push(String(bytes)), resolve),
  );
  for (const piece of ['in ', 'three ']) socket.send(piece, { fin: false });
  socket.send('pieces');
  for (let piece = 0; piece < 17; piece++) socket.send('x', { fin: false });
  await told;
  assert.deepEqual(heard, ['in three pieces']);
});

test('a server that closes does not wait for its WebSockets', async (t) => {
  const { app, open } = await stage(t);
  const socket = await open();
  assert.ok(typeof socket === 'object');
  const closed = once(socket, 'close');
  await app.close();
  await closed;
});

const PAGES: readonly [origin: string | undefined, host: string, may: boolean][] = [
  [undefined, 'voice.example', true],
  ['https://voice.example', 'voice.example', true],
  ['http://localhost:3000', 'voice.example', true],
  ['http://127.0.0.1:3000', '127.0.0.1:8080', true],
  ['http://[::1]:3000', '[::1]:8080', true],
  ['http://192.0.2.1:8080', '192.0.2.1:8080', true],
  ['http://192.0.2.2:8080', '192.0.2.1:8080', false],
  ['https://listed.example', 'voice.example', true],
  ['https://listed.example:444', 'voice.example', false],
  ['https://stranger.example', 'voice.example', false],
  // A name that was made to lead here.
  ['http://rebound.example:8080', 'rebound.example:8080', false],
  ['null', 'voice.example', false],
  ['', 'voice.example', false],
];

for (const [origin, host, may] of PAGES)
  test(`a page of ${origin ?? 'nowhere'} at ${host} may ${may ? '' : 'not '}call`, () => {
    const policy = { origins: ['https://listed.example'], publicUrl: 'https://voice.example' };
    assert.equal(mayCall(origin, host, policy), may);
    assert.equal(mayCall(origin, host, { ...policy, origins: ['*'] }), true);
  });
