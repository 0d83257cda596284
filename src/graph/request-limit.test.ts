import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOT, CALL_ID, OTHER_BOT, setApiStage } from '../../test/support/api-stage.ts';

const CALL = `/beta/app/calls/${CALL_ID}`;

test('each application has its budget for a minute; over it everything is 429, and says when to come back', async () => {
  const stage = await setApiStage({ requestsPerMinute: 4 });
  const { token } = await stage.tokens.issue(OTHER_BOT);
  const other = { authorization: `Bearer ${token}` };
  const spend = [
    ['GET', CALL],
    ['POST', `${CALL}/record`],
    ['GET', `/v1.0/communications/calls/${CALL_ID}/operations`],
    ['GET', '/undelivered'],
  ] as const;
  for (const [method, path] of spend) assert.ok((await stage.send(method, path)).statusCode < 300, path);
  stage.asked.length = 0;
  for (const [method, path] of [...spend, ['POST', `/beta/applications/${BOT.id}/calls`]] as const) {
    const reply = await stage.send(method, path);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [429, '8589'], path);
    assert.ok(Number(reply.headers['retry-after']) >= 1 && Number(reply.headers['retry-after']) <= 60);
    assert.match(reply.json().error.message, /At most 4 requests a minute/);
    assert.ok(reply.json().error.innerError['request-id']);
    assert.deepEqual(
      Object.keys(reply.headers).filter((name) => name.includes('ratelimit')),
      [],
    );
  }
  assert.equal(stage.asked.length, 0);
  assert.equal((await stage.send('GET', CALL, undefined, other)).statusCode, 200, 'another has its own');
  await stage.app.close();
});

test('who has no token spends nobody’s budget, and tokens are not counted', async () => {
  const stage = await setApiStage({ requestsPerMinute: 1 });
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: BOT.id,
    client_secret: BOT.secret ?? '',
    scope: 'tonearm/.default',
  }).toString();
  for (let sent = 0; sent < 3; sent++) {
    assert.equal((await stage.send('GET', CALL, undefined, { authorization: '' })).statusCode, 401);
    const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization: '' };
    const path = `/${BOT.tenantId}/oauth2/v2.0/token`;
    assert.equal((await stage.send('POST', path, form, headers)).statusCode, 200);
  }
  assert.equal((await stage.send('GET', CALL)).statusCode, 200);
  assert.equal((await stage.send('GET', CALL)).statusCode, 429);
  await stage.app.close();
});

test('without a limit there is none', async () => {
  const stage = await setApiStage();
  for (let sent = 0; sent < 1100; sent++) assert.equal((await stage.send('HEAD', CALL)).statusCode, 200);
  await stage.app.close();
});
