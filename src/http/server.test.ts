import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify';
import type { Log } from '../log.ts';
import { silentLog } from '../log.ts';
import { healthRoutes } from './health.ts';
import { buildHttp, type ErrorAnswers, listenHttp } from './server.ts';

const plain = (reply: FastifyReply, status: number) => reply.code(status).send({ error: status });
const errors: ErrorAnswers = {
  notFound: (reply) => plain(reply, 404),
  thrown: (error, reply, log) => {
    log(error);
    return plain(reply, 500);
  },
  describe: () => new Error('wrong'),
  newRequestId: () => 'the-id',
  clientRequestId: () => undefined,
};

const build = (plugins: readonly FastifyPluginAsync[], log: Log = silentLog) =>
  buildHttp({ plugins, errors, log });

const health = (ready: () => boolean) =>
  healthRoutes({
    ready,
    gauges: {
      tonearm_calls_active: { help: 'Calls.', read: () => 7 },
      free_bytes: { help: 'Room.', read: async () => 9 },
    },
    counters: {
      turned_away_total: { help: 'Much.', label: 'of', read: () => ({ calls: 3, requests: 0 }) },
      refused_total: { help: 'No room.', read: () => 5 },
    },
  });

async function listening(app: FastifyInstance): Promise<string> {
  return `http://127.0.0.1:${await listenHttp(app, { address: '127.0.0.1', port: 0 })}`;
}

test('a server is alive from the start, and ready when it says so', async () => {
  let ready = false;
  const app = await build([health(() => ready)]);
  assert.equal((await app.inject('/healthz')).statusCode, 200);
  assert.equal((await app.inject('/readyz')).statusCode, 503);
  ready = true;
  assert.equal((await app.inject('/readyz')).statusCode, 200);
  await app.close();
});

test('metrics are read when they are asked for, and servers beside each other do not mix theirs', async () => {
  const apps = [await build([health(() => true)]), await build([health(() => true)])];
  for (const app of apps) {
    await app.inject('/metrics');
    const reply = await app.inject('/metrics');
    assert.match(String(reply.headers['content-type']), /^text\/plain/);
    assert.match(reply.body, /^tonearm_calls_active 7$/m);
    assert.match(reply.body, /^free_bytes 9$/m);
    assert.match(reply.body, /^refused_total 5$/m);
    assert.match(reply.body, /^turned_away_total\{of="calls"\} 3\nturned_away_total\{of="requests"\} 0$/m);
    assert.match(reply.body, /^process_cpu_user_seconds_total /m);
    await app.close();
  }
});

test('a busy port is told with the address and the setting to change', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const app = await build([]);
  await assert.rejects(listenHttp(app, { address: '127.0.0.1', port }), {
    code: 'httpPortBusy',
    message: new RegExp(`127\\.0\\.0\\.1:${port}.*http\\.listen`),
  });
  await app.close();
  holder.close();
});

test('an address that is not of this machine is told likewise', async () => {
  const app = await build([]);
  await assert.rejects(listenHttp(app, { address: '192.0.2.1', port: 0 }), {
    code: 'httpPortBusy',
    message: /192\.0\.2\.1:0: this machine has no such address.*http\.listen/,
  });
  await app.close();
});

test('what goes wrong inside is logged under the request-id, and the answer has that id and nothing of it', async () => {
  const logged: object[] = [];
  const log: Log = { ...silentLog, error: (fields) => logged.push(fields) };
  const failing: FastifyPluginAsync = async (app) => {
    app.get('/', async () => {
      throw new Error('hush');
    });
  };
  const app = await build([failing], log);
  const reply = await app.inject('/');
  assert.equal(reply.headers['request-id'], 'the-id');
  assert.doesNotMatch(reply.body, /hush/);
  assert.match(JSON.stringify(logged), /"requestId":"the-id".*hush/);
  await app.close();
});

test('what is logged of a request has neither its query nor its headers', async () => {
  const logged: object[] = [];
  const app = await build([], { ...silentLog, debug: (fields) => logged.push(fields) });
  await app.inject({ url: '/none?code=hush', headers: { authorization: 'Bearer hush' } });
  assert.match(JSON.stringify(logged), /"path":"\/none"/);
  assert.doesNotMatch(JSON.stringify(logged), /hush/);
  await app.close();
});

test('what is logged of a request says which call it was about, and which request and scenario of the bot', async () => {
  const logged: object[] = [];
  const routes: FastifyPluginAsync = async (app) => {
    app.get('/calls/:callId', async () => 'ok');
  };
  const app = await buildHttp({
    plugins: [routes],
    errors: { ...errors, clientRequestId: ({ headers }) => String(headers['client-request-id']) },
    log: { ...silentLog, debug: (fields) => logged.push(fields) },
  });
  const headers = { 'client-request-id': 'a-bot/17', 'scenario-id': 'the-scenario' };
  await app.inject({ url: '/calls/the-call', headers });
  await app.inject({ url: '/calls/the-call', headers: { 'scenario-id': 'no header of ours' } });
  const [first, second] = JSON.parse(JSON.stringify(logged));
  assert.deepEqual(
    [first.callId, first.clientRequestId, first.scenarioId],
    ['the-call', 'a-bot/17', 'the-scenario'],
  );
  assert.equal('scenarioId' in second, false);
  await app.close();
});

/** Sends `begin`, and `end` when it is let go. */
function slow(): { readonly plugin: FastifyPluginAsync; readonly letGo: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  async function* parts() {
    yield 'begin,';
    await promise;
    yield 'end';
  }
  return {
    letGo: resolve,
    plugin: async (app) => {
      app.get('/', (_request, reply) => reply.send(Readable.from(parts())));
    },
  };
}

test('an answer that is under way when the server closes comes to its end', async () => {
  const { plugin, letGo } = slow();
  const app = await build([plugin]);
  const reader = (await fetch(await listening(app))).body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, 'begin,');
  const closed = app.close();
  while (app.server.listening) await setImmediate();
  letGo();
  assert.equal((await reader.read()).value, 'end');
  assert.equal((await reader.read()).done, true);
  await closed;
});

test('a reader whose answer never ends does not hold up the close', async () => {
  const { plugin } = slow();
  const app = await build([plugin]);
  const response = await fetch(await listening(app));
  await app.close();
  await assert.rejects(response.text());
});

test('a connection that waits for its next request does not hold up the close', async () => {
  const app = await build([health(() => true)]);
  const url = new URL(await listening(app));
  const socket = connect(Number(url.port), url.hostname);
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  const began = performance.now();
  await app.close();
  assert.ok(performance.now() - began < 1500);
  socket.destroy();
});

test('bytes that are no HTTP are answered 400', async () => {
  const app = await build([]);
  const url = new URL(await listening(app));
  const socket = connect(Number(url.port), url.hostname);
  socket.write('INVITE sip:x SIP/2.0\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 400 /);
  socket.destroy();
  await app.close();
});

test('who asks is whom the last proxy names, if it is trusted, and not whom the request says it came from', async (t) => {
  const route: FastifyPluginAsync = async (app) => {
    app.get('/', async ({ ip }) => ip);
  };
  const headers = { 'x-forwarded-for': '203.0.113.7, 198.51.100.1' };
  for (const [trustProxy, ip] of [
    [true, '198.51.100.1'],
    [false, '192.0.2.1'],
  ] as const) {
    const app = await buildHttp({ plugins: [route], errors, log: silentLog, trustProxy });
    t.after(() => app.close());
    assert.equal((await app.inject({ url: '/', remoteAddress: '192.0.2.1', headers })).body, ip);
  }
});
