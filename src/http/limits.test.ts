/** What clients try with bytes, connections and patience; over raw sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { FastifyPluginAsync } from 'fastify';
import { CERTIFICATE, KEY } from '../../test/support/certificate.ts';
import { settle, VirtualClock } from '../../test/support/virtual-clock.ts';
import { errorAnswers } from '../graph/error-answers.ts';
import { silentLog } from '../log.ts';
import { limitConnections } from './limits.ts';
import { buildHttp, type HttpOptions, listenHttp } from './server.ts';

/** Short enough for a test; what is tested is that they end. */
const SHORT = { headersMs: 150, requestMs: 300, standstillMs: 500, idleMs: 150, lookEveryMs: 20 };

async function listening(t: TestContext, options: Partial<HttpOptions> = {}) {
  const reached: string[] = [];
  const routes: FastifyPluginAsync = async (app) => {
    app.addHook('preHandler', async ({ url }) => void reached.push(url));
    app.get('/', async () => 'here');
    app.get('/smuggled', async () => 'smuggled');
    app.get('/large', async () => 'x'.repeat(1_000_000));
    app.post('/', async () => 'taken');
  };
  const app = await buildHttp({ plugins: [routes], errors: errorAnswers, log: silentLog, ...options });
  const port = await listenHttp(app, { address: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const open = (localAddress = '127.0.0.1') => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    return socket;
  };
  return { app, port, open, reached };
}

/** All that comes until the other side closes. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  if (!socket.closed) await once(socket, 'close');
  return text;
}

const HOST = 'Host: x\r\n';
const JSON_BODY = `${HOST}Content-Type: application/json\r\n`;
const NEXT = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;

for (const [what, request] of [
  [
    'both lengths',
    `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'both lengths, turned round',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${NEXT}`,
  ],
  ['two lengths', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}${NEXT}`],
  [
    'one length twice',
    `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${NEXT}`,
  ],
  ['a list of lengths', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 2, 2\r\n\r\n{}${NEXT}`],
  ['a signed length', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: +2\r\n\r\n{}${NEXT}`],
  ['a negative length', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: -1\r\n\r\n{}${NEXT}`],
  ['a length in hexadecimal', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 0x2\r\n\r\n{}${NEXT}`],
  [
    'a length beyond numbers',
    `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 99999999999999999999999\r\n\r\n{}${NEXT}`,
  ],
  ['a space before the colon', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length : 2\r\n\r\n{}${NEXT}`],
  ['a folded header', `GET / HTTP/1.1\r\n${HOST}X-A: b\r\n c\r\n\r\n${NEXT}`],
  [
    'a folded encoding',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'an unknown encoding',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'an encoding after chunked',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'two encodings',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'chunks in HTTP/1.0',
    `POST / HTTP/1.0\r\n${JSON_BODY}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'a chunk size that is none',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'a chunk size beyond numbers',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'chunks with bare line feeds',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n${NEXT}`,
  ],
  ['bare line feeds', `GET / HTTP/1.1\nHost: x\n\n${NEXT}`],
  ['a bare carriage return', `GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n${NEXT}`],
  ['a zero byte', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n${NEXT}`],
  ['no host', `GET / HTTP/1.1\r\n\r\n${NEXT}`],
  ['two hosts', `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${NEXT}`],
  ['the same host twice', `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n${NEXT}`],
  [
    'two hosts and an expectation',
    `POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nExpect: x\r\nContent-Length: 0\r\n\r\n${NEXT}`,
  ],
  [
    'a quoted encoding',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n${NEXT}`,
  ],
  ['an empty length', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: \r\n\r\n${NEXT}`],
  [
    'a line feed within a chunk extension',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked\r\n\r\n2;a="\nb"\r\n{}\r\n0\r\n\r\n${NEXT}`,
  ],
  [
    'a length among the trailers',
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n${NEXT}`,
  ],
] as const) {
  test(`a request with ${what} is refused, and nothing after it on its connection is taken for another`, async (t) => {
    const { open, reached } = await listening(t);
    const socket = open();
    socket.write(request, 'latin1');
    const answer = await untilClosed(socket);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1);
    assert.deepEqual(reached, []);
  });
}

test('an expectation that nobody can meet is refused, and what follows it, a body or not, is not looked at', async (t) => {
  const { open, reached } = await listening(t);
  const socket = open();
  socket.write(`POST / HTTP/1.1\r\n${HOST}Expect: x\r\nContent-Length: ${NEXT.length}\r\n\r\n${NEXT}${NEXT}`);
  const answer = await untilClosed(socket);
  assert.match(answer, /^HTTP\/1\.1 417 /);
  assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1);
  assert.deepEqual(reached, []);
});

test('what is said twice and means the same to everybody is taken: a body with GET, and requests one after the other', async (t) => {
  const { open, reached } = await listening(t);
  const socket = open();
  socket.write(
    `GET / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
  );
  assert.equal((await untilClosed(socket)).match(/HTTP\/1\.1 200/g)?.length, 2);
  assert.deepEqual(reached, ['/', '/']);
});

for (const [what, request] of [
  ['a header of 20 kB', `GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(20_000)}\r\n\r\n`],
  ['five thousand headers', `GET / HTTP/1.1\r\n${HOST}${'a:b\r\n'.repeat(5000)}\r\n`],
  ['an address of 20 kB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`],
] as const) {
  test(`${what} is 431, and the end of the connection`, async (t) => {
    const { open, reached } = await listening(t);
    const socket = open();
    socket.write(request);
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 431 /);
    assert.deepEqual(reached, []);
  });
}

test('a body over 256 kB is 413, told by its length or by its chunks', async (t) => {
  const { open } = await listening(t);
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  for (const request of [
    `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 300000\r\n\r\n`,
    `POST / HTTP/1.1\r\n${JSON_BODY}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}`,
  ]) {
    const socket = open();
    socket.write(request);
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 413 /);
  }
});

for (const [what, begin, drip] of [
  ['says nothing', '', ''],
  ['sends its headers drop by drop', 'GET / HTTP/1.1\r\n', 'X: y\r\n'],
  ['sends its body drop by drop', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 9000\r\n\r\n`, ' '],
  ['stops in the middle of its body', `POST / HTTP/1.1\r\n${JSON_BODY}Content-Length: 9000\r\n\r\n{`, ''],
  ['waits after its answer', `GET / HTTP/1.1\r\n${HOST}\r\n`, ''],
] as const) {
  test(`a client that ${what} is not waited for`, async (t) => {
    const { open } = await listening(t, { times: SHORT });
    const socket = open();
    if (begin !== '') socket.write(begin);
    const dripping = setInterval(() => {
      if (drip !== '' && socket.writable) socket.write(drip);
    }, 20);
    const answer = await untilClosed(socket).catch((thrown: NodeJS.ErrnoException) => {
      // A drop that crosses the end is answered by a reset, which takes the answer with it.
      assert.ok(drip !== '' && thrown.code === 'ECONNRESET', String(thrown));
      return 'HTTP/1.1 408 ';
    });
    clearInterval(dripping);
    assert.match(
      answer,
      begin.startsWith('GET / HTTP/1.1\r\nHost') ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 408 /,
    );
  });
}

test('a client that asks and asks and reads nothing is let go of', async (t) => {
  const { app, open } = await listening(t, { times: SHORT });
  const closed = Promise.withResolvers<void>();
  app.server.on('connection', (socket) => socket.once('close', () => closed.resolve()));
  const socket = open();
  socket.pause();
  socket.write(`GET /large HTTP/1.1\r\n${HOST}\r\n`.repeat(50));
  await closed.promise;
});

test('a TLS handshake that is begun and not gone on with is not waited for', async (t) => {
  const { open } = await listening(t, { times: SHORT, tls: { cert: CERTIFICATE, key: KEY } });
  await untilClosed(open());
});

test('connections beyond the limit are closed, and those that are idle make room for the next', async (t) => {
  const warnings: object[] = [];
  const clock = new VirtualClock();
  const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) };
  const { app, open } = await listening(t, { maxConnections: 4, trustProxy: true, clock, log });
  const asking = async () => {
    const socket = open();
    socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    return Promise.race([
      once(socket, 'data').then(() => 'answered'),
      once(socket, 'close').then(() => 'closed'),
    ]);
  };
  for (let at = 0; at < 4; at++) assert.equal(await asking(), 'answered');
  assert.equal(await asking(), 'closed');
  while ((await connectionsOf(app.server)) > 0) await settle();
  assert.equal(await asking(), 'answered');
  assert.equal(warnings.length, 1, 'told once a minute');
});

test('one address gets half of the connections, and another its own', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const { open } = await listening(t, { maxConnections: 8 });
  // Busy with their requests: they can't make room.
  const busy = async (from: string) => {
    const socket = open(from);
    await once(socket, 'connect');
    socket.write(`POST / HTTP/1.1\r\n${JSON_BODY}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`);
    return Promise.race([
      once(socket, 'data').then(() => 'open'),
      once(socket, 'close').then(() => 'closed'),
    ]);
  };
  const from = async (address: string, times: number) => {
    const found: string[] = [];
    for (let at = 0; at < times; at++) found.push(await busy(address));
    return found;
  };
  assert.deepEqual(await from('127.0.0.2', 5), ['open', 'open', 'open', 'open', 'closed']);
  assert.deepEqual(await from('127.0.0.3', 2), ['open', 'open']);
});

test('the addresses of one IPv6 network, 64 bits of them, count as one', () => {
  const server = Object.assign(createServer(), { closeIdleConnections() {} }) as unknown as Server;
  limitConnections(server, { most: 8, perAddress: 2, clock: new VirtualClock(), log: silentLog });
  const isTaken = (remoteAddress: string) => {
    const socket = Object.assign(new PassThrough(), { remoteAddress });
    server.emit('connection', socket);
    return !socket.destroyed;
  };
  const taken = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1', '::ffff:192.0.2.1'].map(
    isTaken,
  );
  assert.deepEqual(taken, [true, true, false, true, true]);
});

function connectionsOf(server: {
  getConnections(told: (error: Error | null, count: number) => void): unknown;
}): Promise<number> {
  return new Promise((resolve) => void server.getConnections((_, count) => resolve(count)));
}
