import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, symlinkSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Fastify, { type FastifyReply, type InjectOptions } from 'fastify';
import { babble, collect, expectedFile, stageRecordings, until } from '../../test/support/recordings.ts';
import { silentLog } from '../log.ts';
import type { OpenRecording } from '../recording/library.ts';
import { recordingRoutes } from './recordings.ts';

const sendError = (reply: FastifyReply, status: number, code: string, message: string) =>
  reply.code(status).type('application/json').send({ error: { code, message } });

/** Recordings behind a server that nobody has to listen for. `following` counts the readers of growing recordings. */
async function served(t: TestContext, options?: Parameters<typeof stageRecordings>[0]) {
  const stage = await stageRecordings(options);
  const following = new Set<AbortSignal>();
  const { recordings } = stage;
  const watched = {
    authorize: recordings.authorize.bind(recordings),
    delete: recordings.delete.bind(recordings),
    async open(id: string): Promise<OpenRecording> {
      const recording = await recordings.open(id);
      if (recording.state !== 'recording') return recording;
      return {
        ...recording,
        follow(signal) {
          following.add(signal);
          signal.addEventListener('abort', () => following.delete(signal));
          return recording.follow(signal);
        },
      };
    },
  };
  const app = Fastify({ forceCloseConnections: true });
  const audit: Record<string, unknown>[] = [];
  const log = { ...silentLog, info: (fields: object) => void audit.push({ ...fields }) };
  await app.register(recordingRoutes({ recordings: watched, sendError, log, clock: stage.clock }));
  t.after(async () => {
    await app.close();
    await stage.close();
  });
  const ask = (
    method: NonNullable<InjectOptions['method']>,
    recordingId: string,
    token?: string,
    headers: Record<string, string> = {},
  ) =>
    app.inject({
      method,
      url: `/recordings/${recordingId}`,
      headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    });
  return { stage, app, ask, following, audit };
}

test('a finished recording is sent whole, with everything that tells what it is', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(50_000));
  const expected = expectedFile(babble(50_000));
  const sha256 = createHash('sha256').update(expected).digest();
  const reply = await ask('GET', recordingId, accessToken);
  assert.equal(reply.statusCode, 200);
  assert.ok(reply.rawPayload.equals(expected));
  const { date: _, connection: __, ...headers } = reply.headers;
  assert.deepEqual(headers, {
    'cache-control': 'private, no-store',
    'content-type': 'audio/wav',
    'content-disposition': `attachment; filename="recording-${recordingId}.wav"`,
    'accept-ranges': 'bytes',
    etag: `"${sha256.toString('hex')}"`,
    'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
    'repr-digest': `sha-256=:${sha256.toString('base64')}:`,
    digest: `sha-256=${sha256.toString('base64')}`,
    'content-length': String(expected.length),
  });
  const head = await ask('HEAD', recordingId, accessToken);
  const { date: ___, connection: ____, ...headHeaders } = head.headers;
  assert.equal(head.statusCode, 200);
  assert.deepEqual(headHeaders, headers);
  assert.equal(head.rawPayload.length, 0);
});

test('a part is sent as 206, and a range on HEAD is ignored', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(50_000));
  const expected = expectedFile(babble(50_000));
  for (const [range, from, to] of [
    ['bytes=0-43', 0, 44],
    ['bytes=100000-180000', 100_000, 180_001],
    ['bytes=-10', expected.length - 10, expected.length],
    [`bytes=${expected.length - 1}-`, expected.length - 1, expected.length],
  ] as const) {
    const reply = await ask('GET', recordingId, accessToken, { range });
    assert.equal(reply.statusCode, 206, range);
    assert.equal(reply.headers['content-range'], `bytes ${from}-${to - 1}/${expected.length}`);
    assert.equal(reply.headers['content-length'], String(to - from));
    assert.ok(reply.rawPayload.equals(expected.subarray(from, to)), range);
    const head = await ask('HEAD', recordingId, accessToken, { range });
    assert.deepEqual([head.statusCode, head.headers['content-length']], [200, String(expected.length)]);
  }
});

test('the parts of a recording make up the whole, by its digest', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(30_000));
  const parts: Buffer[] = [];
  let digest: unknown;
  for (let at = 0; ; at += 33_333) {
    const reply = await ask('GET', recordingId, accessToken, { range: `bytes=${at}-${at + 33_332}` });
    if (reply.statusCode === 416) break;
    parts.push(reply.rawPayload);
    digest = reply.headers['repr-digest'];
  }
  assert.equal(digest, `sha-256=:${createHash('sha256').update(Buffer.concat(parts)).digest('base64')}:`);
});

test('a range outside is 416 with the length; several ranges get the whole', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  const outside = await ask('GET', recordingId, accessToken, { range: 'bytes=4044-' });
  assert.equal(outside.statusCode, 416);
  assert.equal(outside.headers['content-range'], 'bytes */4044');
  assert.equal(outside.json().error.code, 'RangeNotSatisfiable');
  assert.equal(outside.headers['content-disposition'], undefined);
  assert.match(String(outside.headers['content-type']), /^application\/json/);
  const several = await ask('GET', recordingId, accessToken, { range: 'bytes=0-1,5-6' });
  assert.deepEqual([several.statusCode, several.rawPayload.length], [200, 4044]);
});

test('conditions are kept: 304, 412, and If-Range', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  const { etag } = (await ask('HEAD', recordingId, accessToken)).headers as { etag: string };
  const unchanged = await ask('GET', recordingId, accessToken, { 'if-none-match': etag });
  assert.deepEqual([unchanged.statusCode, unchanged.rawPayload.length], [304, 0]);
  assert.equal(unchanged.headers.etag, etag);
  assert.equal(unchanged.headers['content-length'], undefined);
  const since = await ask('HEAD', recordingId, accessToken, {
    'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT',
  });
  assert.equal(since.statusCode, 304);
  const failed = await ask('GET', recordingId, accessToken, { 'if-match': '"other"' });
  assert.deepEqual([failed.statusCode, failed.json().error.code], [412, 'PreconditionFailed']);
  const kept = await ask('DELETE', recordingId, accessToken, { 'if-match': '"other"' });
  assert.equal(kept.statusCode, 412);
  const range = { range: 'bytes=0-9' };
  const same = await ask('GET', recordingId, accessToken, { ...range, 'if-range': etag });
  const other = await ask('GET', recordingId, accessToken, { ...range, 'if-range': '"other"' });
  assert.deepEqual([same.statusCode, other.statusCode], [206, 200]);
  const removed = await ask('DELETE', recordingId, accessToken, { 'if-match': etag });
  assert.equal(removed.statusCode, 204);
});

test('without a good token nothing is learnt, not even whether there is such a recording', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  const { recordingId: deleted } = await stage.finished(babble(1000));
  await stage.recordings.delete(deleted);
  const { recordingId: growing } = await stage.prepare();
  const ids = [recordingId, deleted, growing, crypto.randomUUID(), 'nonsense', '..%2f..%2fetc'];
  for (const method of ['GET', 'HEAD', 'DELETE'] as const) {
    const answers = await Promise.all(
      ids.map(async (id) => {
        const none = await ask(method, id);
        const bad = await ask(method, id, 'not.a.token');
        const basic = await ask(method, id, undefined, { authorization: `Basic ${accessToken}` });
        return [none, bad, basic].map(({ statusCode, headers, body }) => ({
          statusCode,
          challenge: headers['www-authenticate'],
          code: method === 'HEAD' ? undefined : JSON.parse(body).error.code,
          names: Object.keys(headers).sort(),
          length: headers['content-length'],
        }));
      }),
    );
    for (const answer of answers) assert.deepEqual(answer, answers[0], 'all alike');
    assert.deepEqual(
      answers[0]?.map(({ statusCode }) => statusCode),
      [401, 401, 401],
    );
    assert.equal(answers[0]?.[0]?.challenge, 'Bearer realm="recordings"');
    assert.equal(answers[0]?.[1]?.challenge, 'Bearer realm="recordings", error="invalid_token"');
    if (method !== 'HEAD') assert.equal(answers[0]?.[0]?.code, 'InvalidAuthenticationToken');
  }
  const other = await stage.finished(babble(10));
  for (const id of ids.slice(0, 5)) {
    const reply = await ask('GET', id, other.accessToken);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [403, '7504']);
  }
  assert.equal((await ask('GET', recordingId, accessToken)).statusCode, 200, 'all of that changed nothing');
});

test('an expired token is 401', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  await stage.clock.advance(2 * 3_600_000);
  assert.equal((await ask('GET', recordingId, accessToken)).statusCode, 401);
});

test('the scheme and the id match whatever their case', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  const headers = { authorization: `bearer  ${accessToken}` };
  assert.equal((await ask('GET', recordingId.toUpperCase(), undefined, headers)).statusCode, 200);
});

test('DELETE removes a recording; from then on it is 410', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  const removed = await ask('DELETE', recordingId, accessToken);
  assert.deepEqual([removed.statusCode, removed.body], [204, '']);
  for (const method of ['GET', 'DELETE'] as const) {
    const reply = await ask(method, recordingId, accessToken);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [410, 'ResourceGone']);
  }
  assert.equal((await ask('HEAD', recordingId, accessToken)).statusCode, 410);
});

test('past its retention a recording is 410, while its token is still good', async (t) => {
  const { stage, ask } = await served(t, { tokenLifetimeMs: 2 * 86_400_000 });
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  await stage.clock.advance(86_400_000);
  assert.equal((await ask('GET', recordingId, accessToken)).statusCode, 410);
});

test('a recording that was discarded is 410 for its own token', async (t) => {
  const { stage, ask } = await served(t);
  const { recordingId, accessToken } = await stage.prepare();
  await stage.recordings.discard(recordingId);
  const reply = await ask('GET', recordingId, accessToken);
  assert.deepEqual([reply.statusCode, reply.json().error.code], [410, 'ResourceGone']);
});

test('a growing recording has no length, no validators and no ranges, and is not deleted', async (t) => {
  const { stage, ask, following } = await served(t);
  const { recordingId, accessToken } = await stage.prepare();
  const head = await ask('HEAD', recordingId, accessToken, { range: 'bytes=0-9', 'if-match': '"x"' });
  assert.equal(head.statusCode, 200);
  assert.equal(head.headers['content-type'], 'audio/wav');
  assert.equal(head.headers['accept-ranges'], 'none');
  for (const name of ['content-length', 'etag', 'last-modified', 'digest', 'repr-digest'])
    assert.equal(head.headers[name], undefined, name);
  const removed = await ask('DELETE', recordingId, accessToken);
  assert.deepEqual([removed.statusCode, removed.json().error.code], [409, '8519']);

  const take = stage.take(recordingId);
  take.append(babble(5000));
  const asked = ask('GET', recordingId, accessToken, { range: 'bytes=0-9' });
  await until(() => following.size === 1);
  await stage.recordings.finish(recordingId, { samples: await take.seal() });
  const reply = await asked;
  assert.equal(reply.statusCode, 200);
  assert.equal(reply.headers['content-length'], undefined);
  assert.ok(reply.rawPayload.subarray(44).equals(expectedFile(babble(5000)).subarray(44)));
});

test('a file that vanishes between the look and the read is a fault, not half a reply', async (t) => {
  const { stage } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  const recording = await stage.recordings.open(recordingId);
  rmSync(join(stage.folder, 'finished', `${recordingId}.wav`));
  const app = Fastify();
  t.after(() => app.close());
  app.setErrorHandler((_error, _request, reply) => sendError(reply, 500, '9999', 'The server failed.'));
  const recordings = {
    open: async () => recording,
    authorize: async () => 'ok' as const,
    delete: async () => false,
  };
  await app.register(recordingRoutes({ recordings, sendError, log: silentLog, clock: stage.clock }));
  for (const range of [{}, { range: 'bytes=0-9' }]) {
    const reply = await app.inject({
      url: `/recordings/${recordingId}`,
      headers: { authorization: `Bearer ${accessToken}`, ...range },
    });
    assert.equal(reply.statusCode, 500);
    assert.equal(reply.json().error.code, '9999');
    const { date: _, connection: __, ...headers } = reply.headers;
    assert.deepEqual(
      headers,
      {
        'cache-control': 'private, no-store',
        'content-type': 'application/json; charset=utf-8',
        'content-length': String(reply.rawPayload.length),
      },
      'nothing of the file is told',
    );
  }
});

/** A growing recording, read over a real socket. */
async function liveTail(t: TestContext) {
  const serving = await served(t);
  await serving.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = serving.app.server.address() as AddressInfo;
  const prepared = await serving.stage.prepare();
  const get = async () => {
    const asked = httpRequest({
      port,
      path: `/recordings/${prepared.recordingId}`,
      headers: { authorization: `Bearer ${prepared.accessToken}` },
      agent: false,
    }).end();
    const [response] = await once(asked, 'response');
    return { asked, response };
  };
  return { ...serving, port, prepared, get };
}

test('a reader over a socket hears the call while it goes on, and gets the finished file byte for byte', {
  timeout: 230_000,
}, async (t) => {
  const { stage, prepared, get, ask } = await liveTail(t);
  const { recordingId, accessToken } = prepared;
  const samples = babble(80_000);
  const early = await get();
  assert.equal(early.response.statusCode, 200);
  assert.equal(early.response.headers['transfer-encoding'], 'chunked');
  const take = stage.take(recordingId);
  const heard: Buffer[] = [];
  const pieces = early.response[Symbol.asyncIterator]();
  const length = () => heard.reduce((sum, piece) => sum + piece.length, 0);
  for (let second = 0; second < 5; second++) {
    for (let frame = 0; frame < 50; frame++) {
      const at = second * 8000 + frame * 160;
      take.append(samples, at, at + 160);
      take.settle();
    }
    // In step with the call: all of this second, but for what the filter still needs, before the next is spoken.
    while (length() < 44 + 4 * ((second + 1) * 8000 - 16)) heard.push((await pieces.next()).value);
  }
  const late = await get();
  take.append(samples, 40_000, 80_000);
  const lateBody = collect(late.response);
  const rest = collect({ [Symbol.asyncIterator]: () => pieces });
  await stage.recordings.finish(recordingId, { samples: await take.seal() });
  const file = (await ask('GET', recordingId, accessToken)).rawPayload;
  assert.ok(file.equals(expectedFile(samples)));
  for (const body of [Buffer.concat([...heard, await rest]), await lateBody]) {
    assert.ok(body.subarray(44).equals(file.subarray(44)));
    assert.ok(body.subarray(0, 4).equals(file.subarray(0, 4)));
  }
});

test('a reader that takes nothing for a while gets everything in the end', {
  timeout: 230_000,
}, async (t) => {
  const { stage, prepared, get } = await liveTail(t);
  const { recordingId } = prepared;
  const { response } = await get();
  // More than sockets hold on their own: 3.2 MB of file.
  const told = await stage.capture(recordingId, babble(800_000));
  await stage.recordings.finish(recordingId, told);
  const body = await collect(response);
  const recording = await stage.recordings.open(recordingId);
  assert.ok(recording.state === 'finished');
  const file = await collect(recording.read(0, recording.bytes));
  assert.ok(body.subarray(44).equals(file.subarray(44)));
});

test('a reader that leaves is let go of, although nothing is being said', { timeout: 230_000 }, async (t) => {
  const { stage, prepared, get, following, port } = await liveTail(t);
  const { asked, response } = await get();
  await once(response, 'data');
  assert.equal(following.size, 1);
  asked.destroy();
  response.on('error', () => {});
  await until(() => following.size === 0);

  const socket = connect(port, '127.0.0.1');
  socket.write(
    `GET /recordings/${prepared.recordingId} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${prepared.accessToken}\r\n\r\n`,
  );
  await once(socket, 'data');
  assert.equal(following.size, 1);
  socket.resetAndDestroy();
  await until(() => following.size === 0);
  await stage.recordings.discard(prepared.recordingId);
});

test('a reader who takes nothing for a minute is let go of, and the file with him: finished or growing', {
  timeout: 230_000,
}, async (t) => {
  const { stage, port, audit, following, prepared } = await liveTail(t);
  const finished = await stage.finished(babble(2_000_000));
  const told = await stage.capture(prepared.recordingId, babble(2_000_000));
  for (const { recordingId, accessToken } of [finished, prepared]) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      `GET /recordings/${recordingId} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${accessToken}\r\n\r\n`,
    );
    // It reads what comes at once, and then nothing: everything on the way fills up.
    await once(socket, 'data');
    socket.pause();
    // Until everything on the way is full, each minute finds another piece on its way.
    await until(async () => {
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
      await stage.clock.advance(60_000);
      return audit.some((one) => one.recordingId === recordingId);
    });
    socket.destroy();
  }
  assert.deepEqual(
    audit.map(({ outcome, status, live }) => [outcome, status, live]),
    [
      ['brokenOff', 200, false],
      ['brokenOff', 200, true],
    ],
  );
  for (const { bytes } of audit) assert.ok(Number(bytes) > 0);
  assert.equal(following.size, 0);
  await stage.recordings.finish(prepared.recordingId, told);
});

test('a recording whose file the disk has refused is 503 until it is there, to readers and to who would delete it', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const { stage, ask, audit } = await served(t);
  const { recordingId, accessToken } = await stage.prepare();
  const told = await stage.capture(recordingId, babble(1000));
  symlinkSync('/dev/full', join(stage.folder, 'finished', `${recordingId}.wav.part`));
  await assert.rejects(stage.recordings.finish(recordingId, told), { code: 'finishFailed' });
  for (const method of ['GET', 'HEAD', 'DELETE'] as const) {
    const reply = await ask(method, recordingId, accessToken);
    assert.deepEqual([reply.statusCode, reply.headers['retry-after']], [503, '10'], method);
  }
  await until(() => audit.length === 3);
  for (const { outcome, status, applicationId } of audit)
    assert.deepEqual([outcome, status, applicationId], ['refused', 503, 'application']);
  await stage.clock.advance(10_000);
  await until(() => stage.recordings.waiting === 0);
  assert.equal((await ask('GET', recordingId, accessToken)).statusCode, 200);
});

test('the audit says who read and deleted which recording, which part of it, and how that ended', async (t) => {
  const { stage, ask, audit } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(1000));
  const other = await stage.finished(babble(10));
  await ask('GET', recordingId, accessToken);
  await ask('HEAD', recordingId.toUpperCase(), accessToken);
  await ask('GET', recordingId, accessToken, { range: 'bytes=0-9' });
  await ask('GET', recordingId, accessToken, { range: 'bytes=9999-' });
  await ask('GET', recordingId, other.accessToken);
  await ask('GET', crypto.randomUUID(), accessToken);
  await ask('DELETE', recordingId, accessToken);
  await ask('DELETE', recordingId, accessToken);
  await until(() => audit.length === 8);
  const mine = {
    recordingId,
    applicationId: 'application',
    tokenOf: recordingId,
    remote: '127.0.0.1',
    live: false,
  };
  const read = { event: 'recordingRead', method: 'GET', ...mine };
  const deleted = { event: 'recordingDeleted', method: 'DELETE', ...mine };
  const unknown = { recordingId: audit[5]?.recordingId, applicationId: undefined };
  const expected = [
    { ...read, outcome: 'done', status: 200, bytes: 4044 },
    { ...read, outcome: 'done', status: 200, bytes: 0, method: 'HEAD' },
    { ...read, outcome: 'done', status: 206, bytes: 10, range: 'bytes=0-9' },
    { ...read, outcome: 'refused', status: 416, bytes: 0, range: 'bytes=9999-' },
    {
      ...read,
      outcome: 'refused',
      status: 403,
      bytes: 0,
      applicationId: undefined,
      tokenOf: other.recordingId,
    },
    { ...read, outcome: 'refused', status: 403, bytes: 0, ...unknown },
    { ...deleted, outcome: 'done', status: 204, bytes: 0 },
    { ...deleted, outcome: 'refused', status: 410, bytes: 0 },
  ];
  assert.deepEqual(
    audit.map(({ requestId: _, ...one }) => one),
    expected,
  );
  assert.ok(audit.every(({ requestId }) => typeof requestId === 'string'));
  assert.ok(!JSON.stringify(audit).includes(accessToken));
});

test('who shows no token of ours leaves no line in the audit, however often', async (t) => {
  const { stage, ask, audit } = await served(t);
  const { recordingId, accessToken } = await stage.finished(babble(10));
  await ask('GET', recordingId);
  await ask('GET', recordingId, `${accessToken.slice(0, -4)}AAAA`);
  await ask('DELETE', recordingId, 'not.a.token');
  await stage.clock.advance(2 * 3_600_000);
  await ask('GET', recordingId, accessToken);
  assert.deepEqual(audit, []);
});
