import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { type TestContext, test } from 'node:test';
import { type Behaviour, misbehaviours, startRawServer } from '../../test/support/raw-server.ts';
import { type Bounds, type Resolve, readBody, sendRequest, sharedResolve } from './request.ts';
import { outboundRules } from './rules.ts';

const none = outboundRules('callbacks.allow', []);
const bounds = (resolve: Resolve, reach: Bounds['reach'] = 'public'): Bounds => ({
  rules: none,
  reach,
  resolve,
});
const at =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
const within = (ms = 20_000) => AbortSignal.timeout(ms);

async function served(t: TestContext, behaviour: Behaviour) {
  const server = await startRawServer(behaviour);
  t.after(() => server.close());
  return server;
}

const answering =
  (text: string): Behaviour =>
  (socket) =>
    void socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);

test('a host is looked up once, and that address is connected to: one that moves between two looks gains nothing', async (t) => {
  const server = await served(t, answering('here'));
  const answers = [['127.0.0.1'], ['169.254.169.254']];
  let looks = 0;
  const moving: Resolve = async () => at(...(answers[looks++] ?? []))('');
  const url = new URL(`http://moving.example:${server.port}/`);
  const response = await sendRequest({ url }, bounds(moving, 'private'), within());
  assert.equal((await readBody(response, 100))?.toString(), 'here');
  assert.deepEqual([looks, server.connections], [1, 1]);
});

test('a host with one address that is not allowed is not connected to at all, whatever the others are', async (t) => {
  const server = await served(t, answering('secret'));
  const url = new URL(`http://rebound.example:${server.port}/`);
  for (const addresses of [
    ['127.0.0.1'],
    ['1.1.1.1', '127.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['2002:7f00:1::'],
    ['fd00::1'],
    ['fe80::1%lo'],
    ['nonsense'],
  ])
    await assert.rejects(sendRequest({ url }, bounds(at(...addresses)), within()), {
      message: /^rebound\.example has the address .*, which is not a public address/,
    });
  for (const address of ['169.254.169.254', '::ffff:127.0.0.1', '0.0.0.0'])
    await assert.rejects(
      sendRequest({ url }, bounds(at(address), 'private'), within()),
      /not a public address/,
    );
  await assert.rejects(sendRequest({ url }, bounds(at()), within()), /has no address/);
  assert.equal(server.connections, 0);
});

test('a connection that is kept goes to the address that was judged when it was made', async (t) => {
  const server = await served(t, (socket) => {
    const answer = () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    socket.on('data', answer);
    answer();
  });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  let looks = 0;
  const once: Resolve = async () => (looks++ === 0 ? at('127.0.0.1') : at('169.254.169.254'))('');
  const url = new URL(`http://bot.example:${server.port}/`);
  for (let time = 0; time < 2; time++)
    await readBody(await sendRequest({ url, agent }, bounds(once, 'private'), within()), 10);
  assert.deepEqual([looks, server.connections], [1, 1]);
});

test('a redirect is an answer like others', async (t) => {
  const server = await served(t, (socket) => {
    socket.end('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n');
  });
  const response = await sendRequest({ url: new URL(server.origin) }, bounds(at()), within());
  assert.equal(response.statusCode, 302);
  response.destroy();
});

for (const [name, expected] of [
  ['endlessHeaders', /Header overflow/],
  ['endlessHeader', /Header overflow/],
  ['endlessStatusLine', /Header overflow/],
  ['endlessInformational', /1xx without end/],
  ['noHttp', /Parse Error/],
  ['closes', /socket hang up/],
  ['resets', /ECONNRESET/],
  ['closesWithinHeaders', /socket hang up|Parse Error/],
  ['switchesProtocols', /without an answer/],
] as const) {
  test(`an answer of the kind ${name} is given up early, and little of it is read`, async (t) => {
    const server = await served(t, misbehaviours[name]);
    await assert.rejects(sendRequest({ url: new URL(server.origin) }, bounds(at()), within()), {
      message: expected,
    });
    // What was read, and what the sockets' buffers on both sides took.
    assert.ok(server.sent < 16_000_000, `${server.sent} bytes`);
  });
}

for (const name of ['endlessBody', 'endlessChunks'] as const) {
  test(`a body of the kind ${name} is read up to the limit and no further`, async (t) => {
    const server = await served(t, misbehaviours[name]);
    const response = await sendRequest({ url: new URL(server.origin) }, bounds(at()), within());
    assert.equal(await readBody(response, 100_000), undefined);
    assert.ok(response.destroyed);
  });
}

test('trailers without end break the body off', async (t) => {
  const server = await served(t, misbehaviours.endlessTrailers);
  const response = await sendRequest({ url: new URL(server.origin) }, bounds(at()), within());
  await assert.rejects(readBody(response, 100_000));
});

test('whoever waits can give up at any time', async (t) => {
  const server = await served(t, misbehaviours.neverAnswers);
  const giveUp = new AbortController();
  const answer = sendRequest({ url: new URL(server.origin) }, bounds(at()), giveUp.signal);
  giveUp.abort();
  await assert.rejects(answer, { name: 'AbortError' });
});

test('those who look for one name at the same time share one look-up', async () => {
  const looks: PromiseWithResolvers<Awaited<ReturnType<Resolve>>>[] = [];
  const asked: string[] = [];
  const resolve = sharedResolve((host) => {
    asked.push(host);
    looks.push(Promise.withResolvers());
    return looks.at(-1)!.promise;
  });
  const [a, b, c] = [resolve('slow.example'), resolve('slow.example'), resolve('other.example')];
  assert.deepEqual(asked, ['slow.example', 'other.example']);
  for (const look of looks) look.resolve([{ address: '1.1.1.1', family: 4 }]);
  assert.deepEqual(await a, await b);
  await c;
  const again = resolve('slow.example');
  assert.equal(asked.length, 3);
  looks[2]!.reject(new Error('none'));
  await assert.rejects(again);
});
