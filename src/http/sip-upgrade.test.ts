import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { silentLog } from '../log.ts';
import type { SipSocket } from '../sip/ws-transport.ts';
import { buildHttp, listenHttp } from './server.ts';
import { mayCall, type SipUpgradeOptions, sipUpgrade } from './sip-upgrade.ts';

const errors = {
  notFound: () => assert.fail(),
  thrown: () => assert.fail(),
  describe: () => new Error(),
  newRequestId: () => 'id',
  clientRequestId: () => undefined,
};

async function stage(t: TestContext, options: Partial<SipUpgradeOptions> = {}) {
  const adopted: SipSocket[] = [];
  const plugin = sipUpgrade({
    origins: [],
    publicUrl: 'https://voice.example',
    connections: 10,
    adopt: () => (socket) => adopted.push(socket),
    log: silentLog,
    ...options,
  });
  const app = await buildHttp({ plugins: [plugin], errors, log: silentLog });
  const port = await listenHttp(app, { address: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  /** Opens a WebSocket, or gives the status that it was refused with. */
  const open = async (path = '/sip', protocols = ['sip'], origin?: string) => {
    const socket = new WebSocket(
      `ws://127.0.0.1:${port}${path}`,
      protocols,
      origin === undefined ? {} : { origin },
    );
    t.after(() => socket.terminate());
    const refused = once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number);
    return await Promise.race([refused, once(socket, 'open').then(() => socket)]);
  };
  return { app, adopted, open };
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
  assert.equal(await open('/sip', ['sip'], 'https://stranger.example'), 403);
  assert.equal(adopted.length, 0);
});

test('there are no more connections than may be, and none while nobody takes them', async (t) => {
  const { open } = await stage(t, { connections: 1 });
  assert.ok(typeof (await open()) === 'object');
  assert.equal(await open(), 503);
  const closed = await stage(t, { adopt: () => undefined });
  assert.equal(await closed.open(), 503);
});

test('a message that is too long ends its connection, and its owner hears of that', async (t) => {
  const { adopted, open } = await stage(t);
  const socket = await open();
  assert.ok(typeof socket === 'object');
  const told = new Promise<void>((resolve) => adopted[0]?.listen(() => assert.fail(), resolve));
  socket.send('x'.repeat(70_000));
  await told;
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
