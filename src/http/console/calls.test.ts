import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOT, CALL_ID, OPERATION_ID, OTHER_BOT } from '../../../test/support/api-stage.ts';
import { callRow, HOME, setConsoleStage } from '../../../test/support/console-stage.ts';
import type { ApplicationRow, CallTrace, Tried } from './wire.ts';

const UNKNOWN = '00000000-0000-4000-8000-000000000000';

test('calls are listed, and what happened in one of them is shown and exported', async (t) => {
  const { ask, signedIn, traces } = await setConsoleStage(t);
  const headers = await signedIn();
  traces.begin(callRow(), undefined);
  traces.add(CALL_ID, () => ({ detail: { kind: 'heard', what: 'key', key: '5' } }));
  assert.deepEqual((await ask('GET', '/console/calls', headers)).json(), traces.rows());
  const shown = await ask('GET', `/console/calls/${CALL_ID.toUpperCase()}`, headers);
  assert.equal(shown.json<CallTrace>().events[0]?.kind, 'heard');
  const exported = await ask('GET', `/console/calls/${CALL_ID}/export`, headers);
  assert.deepEqual(exported.json(), shown.json());
  assert.equal(exported.headers['content-disposition'], `attachment; filename="call-${CALL_ID}.json"`);
  const asHttp = await ask('GET', `/console/calls/${CALL_ID}/export?format=http`, headers);
  assert.match(asHttp.payload, new RegExp(`^@host = ${HOME}`));
  assert.match(String(asHttp.headers['content-disposition']), /\.http"$/);
  for (const path of [UNKNOWN, `${UNKNOWN}/export`, '__proto__', 'constructor'])
    assert.equal((await ask('GET', `/console/calls/${path}`, headers)).statusCode, 404, path);
});

test('what is tried goes to the API itself, in the name of the call’s application, and both sides are shown', async (t) => {
  const { ask, signedIn, traces, api } = await setConsoleStage(t);
  const headers = await signedIn();
  traces.begin(callRow(), undefined);
  const body = { clientContext: 'tried', maxRecordDurationInSeconds: 10, prompts: [] };
  const path = `/console/calls/${CALL_ID}/try`;
  const answer = await ask('POST', path, headers, { method: 'POST', action: 'record', body });
  const { request, response } = answer.json<Tried>();
  assert.deepEqual(request, {
    method: 'POST',
    url: `${HOME}/beta/app/calls/${CALL_ID}/record`,
    headers: { authorization: 'Bearer ***', 'content-type': 'application/json' },
    body,
  });
  assert.equal(response.status, 202);
  assert.match(response.headers.location ?? '', new RegExp(`/operations/${OPERATION_ID}$`));
  assert.deepEqual(
    api.asked.map(({ callId, command }) => [callId, command.name, command.applicationId]),
    [[CALL_ID, 'record', BOT.id]],
  );
  const hungUp = await ask('POST', path, headers, { method: 'DELETE' });
  assert.equal(hungUp.json<Tried>().response.status, 204);
  const wrong = await ask('POST', path, headers, { method: 'POST', action: 'record', body: { prompts: 1 } });
  assert.equal(wrong.json<Tried>().response.status, 400);
  assert.ok(!JSON.stringify([answer.json(), hungUp.json(), wrong.json()]).includes('eyJ'));
});

test('what is tried reaches nothing but the actions of that call', async (t) => {
  const { ask, signedIn, traces, api } = await setConsoleStage(t);
  const headers = await signedIn();
  traces.begin(callRow(), undefined);
  const path = `/console/calls/${CALL_ID}/try`;
  for (const body of [
    { method: 'GET' },
    { method: 'POST', action: '../../x' },
    { method: 'POST', action: 'a/b' },
    { method: 'POST', action: 'a?b' },
    { method: 'POST', action: '..' },
    { method: 'POST', action: '.' },
    { method: 'POST', action: 'record.' },
    { method: 'POST', action: 'a'.repeat(81) },
    { method: 'POST', action: 1 },
    [],
    'text',
  ])
    assert.equal((await ask('POST', path, headers, body)).statusCode, 400, JSON.stringify(body));
  assert.equal(
    (await ask('POST', `/console/calls/${UNKNOWN}/try`, headers, { method: 'DELETE' })).statusCode,
    404,
  );
  assert.deepEqual(api.asked, []);
});

test('applications are shown with what a phone dials to reach them, where that can be guessed', async (t) => {
  const application = (name: string, routes: readonly string[]) => ({ ...BOT, id: name, name, routes });
  const all = [
    { ...application('mail', ['sip:voicemail@*']), callbackUri: `${BOT.callbackUri}?code=secret` },
    application('number', ['+1 (425) *']),
    application('part', ['support']),
    application('middle', ['sip:a*z@sip.example']),
    application('hidden', ['sip:voicemail@inner']),
    application('Every One!', ['*']),
    { ...OTHER_BOT, routes: [] },
  ];
  const { ask, signedIn } = await setConsoleStage(t, {
    applications: { all: () => all, get: (id) => all.find((one) => one.id === id) },
  });
  const rows = (await ask('GET', '/console/applications', await signedIn())).json<ApplicationRow[]>();
  assert.deepEqual(
    rows.map(({ name, address, callbackUri }) => [name, address, callbackUri]),
    [
      ['mail', 'sip:voicemail@127.0.0.1', `${BOT.callbackUri}?***`],
      ['number', 'sip:+14255550100@127.0.0.1', BOT.callbackUri],
      ['part', 'sip:support@127.0.0.1', BOT.callbackUri],
      ['middle', 'sip:az@sip.example', BOT.callbackUri],
      ['hidden', undefined, BOT.callbackUri],
      ['Every One!', 'sip:every-one@127.0.0.1', BOT.callbackUri],
      [OTHER_BOT.name, undefined, undefined],
    ],
  );
});
