import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type ApiStage, BOT, CALL_ID, setApiStage } from '../../test/support/api-stage.ts';
import type { CommandError } from '../call/model.ts';

let stage: ApiStage;
let answer: ApiStage['answer'];
before(async () => {
  stage = await setApiStage();
  answer = stage.answer;
});
beforeEach(() => {
  stage.answer = answer;
});
after(() => stage.app.close());

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CALL = `/beta/app/calls/${CALL_ID}`;
type Answered = Awaited<ReturnType<ApiStage['send']>>;

/** Every error has this shape, and nothing of a stack. */
function assertError(reply: Answered, status: number, code: string): void {
  assert.equal(reply.statusCode, status, reply.body);
  assert.match(String(reply.headers['content-type']), /^application\/json/);
  assert.match(String(reply.headers['request-id']), GUID);
  const body = reply.json();
  assert.deepEqual(Object.keys(body), ['error']);
  assert.deepEqual(Object.keys(body.error).sort(), ['code', 'innerError', 'message']);
  assert.equal(body.error.code, code);
  assert.ok(body.error.message.length > 5);
  assert.equal(body.error.innerError['request-id'], reply.headers['request-id']);
  assert.ok(!Number.isNaN(Date.parse(body.error.innerError.date)));
  assert.equal(typeof body.error.innerError['client-request-id'], 'string');
  assert.doesNotMatch(reply.body, /\bat \S+ \(|\.ts:\d|node_modules/);
}

for (const [error, status, code] of [
  ['callNotFound', 404, '8522'],
  ['callEnded', 404, '8528'],
  ['operationNotFound', 404, '8522'],
  ['notEstablished', 400, '8501'],
  ['badTarget', 400, '8523'],
  ['conflict', 409, '8519'],
  ['unavailable', 503, 'ServiceUnavailable'],
  ['internal', 500, '9999'],
] as const satisfies readonly (readonly [CommandError, number, string])[]) {
  test(`a call layer that says ${error} makes it ${status} ${code}, whatever was asked`, async () => {
    stage.answer = () => ({ ok: false, error, message: 'This is why.' });
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/answer'],
      ['POST', '/record'],
      ['POST', '/keepAlive'],
      ['GET', '/operations'],
      ['GET', `/operations/${CALL_ID}`],
      ['GET', '/participants'],
      ['GET', `/participants/${CALL_ID}`],
      ['POST', '/mute'],
    ] as const) {
      const reply = await stage.send(method, CALL + path);
      assertError(reply, status, code);
      assert.equal(reply.json().error.message, 'This is why.');
      assert.equal(reply.headers['retry-after'] !== undefined, status === 503);
    }
  });
}

test('a call layer that throws makes it 500 and tells the bot nothing of it', async () => {
  stage.answer = () => {
    throw new Error('the database password is hush');
  };
  const reply = await stage.send('GET', CALL);
  assertError(reply, 500, '9999');
  assert.doesNotMatch(reply.body, /hush/);
});

test('a request without a token, or with a bad one, is 401 and says how to get one', async () => {
  const { token } = await stage.tokens.issue(BOT);
  const notification = await stage.tokens.authorize({ applicationId: BOT.id, tenantId: BOT.tenantId });
  const [head, payload, signature = ''] = token.split('.');
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
  const forged = `${head}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
  for (const [authorization, isGiven] of [
    ['', false],
    ['Basic eDp5', false],
    [token, false],
    ['Bearer', false],
    ['Bearer x', true],
    ['Bearer x.y.z', true],
    [`Bearer ${unsigned}`, true],
    [`Bearer ${forged}`, true],
    [`Bearer ${notification}`, true],
  ] as const) {
    for (const path of [CALL, `${CALL}/record`, `/beta/applications/${BOT.id}/calls/${CALL_ID}`]) {
      const reply = await stage.send(path.endsWith('record') ? 'POST' : 'GET', path, undefined, {
        authorization,
      });
      assertError(reply, 401, 'InvalidAuthenticationToken');
      const challenge = String(reply.headers['www-authenticate']);
      assert.match(challenge, /^Bearer realm="tonearm"/);
      assert.equal(challenge.includes('error="invalid_token"'), isGiven, authorization);
    }
  }
});

test('the scheme of the token is read without regard to case', async () => {
  const { token } = await stage.tokens.issue(BOT);
  assert.equal(
    (await stage.send('GET', CALL, undefined, { authorization: `bearer ${token}` })).statusCode,
    200,
  );
});

test('a token opens nothing any more when it has expired', async () => {
  const aging = await setApiStage();
  assert.equal((await aging.send('GET', CALL)).statusCode, 200);
  await aging.clock.advance(3_600_000 + 61_000);
  assertError(await aging.send('GET', CALL), 401, 'InvalidAuthenticationToken');
  await aging.app.close();
});

test('paths that are not there are 404', async () => {
  for (const path of [
    '/',
    '/beta',
    '/beta/app',
    '/beta/app/call/x',
    `${CALL}/recrod`,
    '/v1.0/app/calls/x',
    `/beta/app/calls/${'x'.repeat(300)}`,
  ]) {
    assertError(await stage.send('GET', path), 404, 'ResourceNotFound');
  }
});

test('a path that is wrongly encoded is an error of the asker', async () => {
  for (const path of ['/beta/app/calls/%', '/beta/app/calls/%zz', '/%c3%28']) {
    const reply = await stage.send('GET', path);
    assertError(reply, reply.statusCode, reply.json().error.code);
    assert.ok([400, 404].includes(reply.statusCode));
  }
});

for (const [path, allowed] of [
  ['', 'GET, HEAD, DELETE'],
  ['/record', 'POST'],
  ['/microsoft.graph.answer', 'POST'],
  ['/operations', 'GET, HEAD'],
  [`/operations/${CALL_ID}`, 'GET, HEAD'],
  ['/participants', 'GET, HEAD'],
  ['/microsoft.graph.transfer', 'POST'],
] as const) {
  test(`methods that …${path} does not have are 405, and Allow names those that it has`, async () => {
    const all = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
    for (const method of all.filter((one) => !allowed.includes(one))) {
      const reply = await stage.send(method, CALL + path);
      assert.equal(reply.statusCode, 405, `${method} ${path}`);
      assert.equal(reply.headers.allow, allowed);
      if (method !== 'HEAD') assertError(reply, 405, 'MethodNotAllowed');
    }
  });
}

test('HEAD answers what GET does, without the body', async () => {
  const reply = await stage.send('HEAD', CALL);
  assert.deepEqual([reply.statusCode, reply.body], [200, '']);
});

test('a body of another type than JSON is 415', async () => {
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'multipart/form-data; boundary=x',
    'nonsense',
  ]) {
    assertError(
      await stage.send('POST', `${CALL}/record`, '{}', { 'content-type': type }),
      415,
      'UnsupportedMediaType',
    );
  }
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;odata.metadata=minimal',
  ]) {
    const reply = await stage.send('POST', `${CALL}/record`, '{}', { 'content-type': type });
    assert.equal(reply.statusCode, 202, type);
  }
});

test('a body of 256 kB is taken, a longer one is 413', async () => {
  const bodyOf = (bytes: number) => {
    const frame = JSON.stringify({ padding: '' });
    return JSON.stringify({ padding: 'x'.repeat(bytes - frame.length) });
  };
  assert.equal((await stage.send('POST', `${CALL}/record`, bodyOf(262_144))).statusCode, 202);
  const reply = await stage.send('POST', `${CALL}/record`, bodyOf(262_145));
  assertError(reply, 413, 'RequestBodyTooLarge');
});

test('a body that is not JSON is 400, whatever its depth', async () => {
  assertError(await stage.send('POST', `${CALL}/record`, '{"a"'), 400, '8523');
  assertError(await stage.send('POST', `${CALL}/record`, '['.repeat(200_000)), 400, '8523');
  const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  assert.ok((await stage.send('POST', `${CALL}/record`, deep)).statusCode < 500);
});

test('every answer has a request-id of its own, and a client-request-id comes back', async () => {
  const mine = { 'client-request-id': 'a-bot/17' };
  const [good, bad] = [
    await stage.send('GET', CALL, undefined, mine),
    await stage.send('GET', '/none', undefined, mine),
  ];
  assert.match(String(good.headers['request-id']), GUID);
  assert.notEqual(good.headers['request-id'], bad.headers['request-id']);
  for (const reply of [good, bad]) assert.equal(reply.headers['client-request-id'], 'a-bot/17');
  assert.equal(bad.json().error.innerError['client-request-id'], 'a-bot/17');
});

test('a client-request-id that no header may hold is not echoed', async () => {
  for (const given of ['x'.repeat(10_000), 'caf\u00e9', 'a b']) {
    const reply = await stage.send('GET', '/none', undefined, { 'client-request-id': given });
    assertError(reply, 404, 'ResourceNotFound');
    assert.equal(reply.headers['client-request-id'], undefined);
  }
});
