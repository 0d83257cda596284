import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  type ApiStage,
  BOT,
  CALL_ID,
  call,
  OPERATION_ID,
  OTHER_BOT,
  operation,
  PUBLIC_URL,
  setApiStage,
} from '../../test/support/api-stage.ts';

let stage: ApiStage;
let answer: ApiStage['answer'];
before(async () => {
  stage = await setApiStage();
  answer = stage.answer;
});
beforeEach(() => {
  stage.answer = answer;
  stage.asked.length = 0;
});
after(() => stage.app.close());

const ROOTS = ['/app', `/applications/${BOT.id}`];
const LOCATION = /^https:\/\/calls\.example\.com\/beta(\/.*)$/;
const prompts = [{ mediaInfo: { uri: 'https://cdn.example.com/hi.wav' } }];
const commands = () => stage.asked.map(({ command }) => command);

for (const root of ROOTS) {
  const path = `/beta${root}/calls/${CALL_ID}`;

  for (const [action, body] of [
    ['playPrompt', { prompts }],
    ['record', {}],
    ['recordResponse', {}],
    ['cancelMediaProcessing', {}],
    ['subscribeToTone', {}],
    ['mute', {}],
    ['unmute', undefined],
  ] as const) {
    for (const name of [action, `microsoft.graph.${action}`]) {
      test(`POST ${root}/…/${name} answers 202 with the absolute URL of the operation and no body`, async () => {
        const reply = await stage.send('POST', `${path}/${name}`, body);
        assert.deepEqual([reply.statusCode, reply.body], [202, '']);
        assert.equal(
          LOCATION.exec(String(reply.headers.location))?.[1],
          `${root}/calls/${CALL_ID}/operations/${OPERATION_ID}`,
        );
        const { callId, command } = stage.asked[0]!;
        assert.equal(callId, CALL_ID);
        assert.equal(command.applicationId, BOT.id);
        assert.equal('spelling' in command && command.spelling, root === '/app' ? 'app' : 'applications');
      });
    }
  }

  for (const [method, action, body, status, expected] of [
    [
      'POST',
      '/answer',
      { callbackUri: 'https://bot.example.com/x' },
      202,
      { name: 'answer', callbackUri: 'https://bot.example.com/x', preFetch: [] },
    ],
    ['POST', '/microsoft.graph.answer', {}, 202, { name: 'answer', callbackUri: undefined, preFetch: [] }],
    ['POST', '/reject', { reason: 'busy' }, 202, { name: 'reject', reason: 'busy', callbackUri: undefined }],
    ['POST', '/reject', undefined, 202, { name: 'reject', reason: 'none', callbackUri: undefined }],
    [
      'POST',
      '/microsoft.graph.reject',
      { reason: 'forbidden', callbackUri: null },
      202,
      { name: 'reject', reason: 'forbidden', callbackUri: undefined },
    ],
    ['DELETE', '', undefined, 204, { name: 'hangUp' }],
    ['DELETE', '', '', 204, { name: 'hangUp' }],
    ['POST', '/keepAlive', undefined, 200, { name: 'get' }],
    ['POST', '/microsoft.graph.keepAlive', '', 200, { name: 'get' }],
  ] as const) {
    test(`${method} ${root}/…${action} with ${JSON.stringify(body)} answers ${status} with no body`, async () => {
      const reply = await stage.send(method, path + action, body);
      assert.deepEqual([reply.statusCode, reply.body], [status, '']);
      assert.deepEqual(commands(), [{ applicationId: BOT.id, ...expected }]);
    });
  }

  test(`GET ${root}/… answers the call in the words of the path`, async () => {
    const reply = await stage.send('GET', path);
    assert.equal(reply.statusCode, 200);
    const body = reply.json();
    assert.equal(body['@odata.type'], '#microsoft.graph.call');
    assert.equal(body['@odata.id'], `${root}/calls/${CALL_ID}`);
    assert.equal(body['@odata.etag'], 'W/"1"');
    assert.equal(body.id, CALL_ID);
    assert.equal(body.state, 'incoming');
  });

  test(`GET ${root}/…/operations answers a list, GET of one the operation`, async () => {
    const list = await stage.send('GET', `${path}/operations`);
    assert.equal(list.statusCode, 200);
    const one = await stage.send('GET', `${path}/operations/${OPERATION_ID}`);
    assert.equal(one.statusCode, 200);
    assert.equal(one.json()['@odata.id'], `${root}/calls/${CALL_ID}/operations/${OPERATION_ID}`);
    assert.equal(one.json().status, 'running');
    assert.deepEqual(list.json().value, [one.json()]);
  });
}

for (const id of [
  CALL_ID.toUpperCase(),
  CALL_ID.replaceAll('-', ''),
  CALL_ID.replaceAll('-', '').toUpperCase(),
]) {
  test(`a call is found by ${id}, and its operations likewise`, async () => {
    const operationId = OPERATION_ID.replaceAll('-', '').toUpperCase();
    const reply = await stage.send(
      'GET',
      `/beta/applications/${BOT.id.toUpperCase()}/calls/${id}/operations/${operationId}`,
    );
    assert.equal(reply.statusCode, 200);
    assert.deepEqual(stage.asked[0], {
      callId: CALL_ID,
      command: { applicationId: BOT.id, name: 'getOperation', operationId: OPERATION_ID },
    });
  });
}

const REDIRECTED = [{ identity: { phone: { id: '+14255550177' } } }];

for (const [action, body, expected] of [
  ['answer', { callbackUri: 'bot' }, /^\$\.callbackUri is "bot"/],
  ['answer', { callbackUri: 'http://bot.example.com/' }, /^\$\.callbackUri .*callbacks\.allowHttp/],
  ['answer', { callbackUri: 'https://[' }, /^\$\.callbackUri is/],
  ['answer', { callbackUri: 7 }, /^\$\.callbackUri is 7/],
  ['answer', { mediaConfig: 'x' }, /^\$\.mediaConfig is "x"/],
  [
    'answer',
    { mediaConfig: { preFetchMedia: [{}] } },
    /^\$\.mediaConfig\.preFetchMedia\[0\]\.uri is missing/,
  ],
  ['answer', { acceptedModalities: 'audio' }, /^\$\.acceptedModalities is "audio"/],
  ['reject', { reason: 'Busy' }, /^\$\.reason is "Busy"; it must be none, busy or forbidden/],
  ['reject', { reason: 7 }, /^\$\.reason is 7/],
  ['reject', { callbackUri: 'ftp://x/' }, /^\$\.callbackUri is/],
  ...[
    'https://10.0.0.5/',
    'https://[::ffff:127.0.0.1]/',
    'https://0x7f.1/',
    'https://169.254.169.254/',
  ].flatMap((callbackUri) =>
    ['answer', 'reject', 'redirect'].map(
      (action) =>
        [action, { targets: REDIRECTED, callbackUri }, /not a public address: .* callbacks\.allow/] as const,
    ),
  ),
  ['answer', { callbackUri: 'https://bot:secret@bot.example.com/' }, /user name or a password/],
  ['answer', { callbackUri: 'https://bot.example.com:25/' }, /port 25 is another protocol/],
  ['playPrompt', {}, /^\$\.prompts is missing/],
  ['playPrompt', undefined, /^\$\.prompts is missing/],
  ['playPrompt', { prompts: null }, /^\$\.prompts is missing/],
  ['playPrompt', { prompts: [] }, /^\$\.prompts is \[\]/],
  ['playPrompt', { prompts: [{}] }, /^\$\.prompts\[0\]\.mediaInfo is missing/],
  ['playPrompt', { prompts, clientContext: 'x'.repeat(257) }, /^\$\.clientContext is/],
  ['playPrompt', { prompts, bargeInAllowed: 'no' }, /^\$\.bargeInAllowed is "no"/],
  ['cancelMediaProcessing', { all: 'yes' }, /^\$\.all is "yes"/],
  ['cancelMediaProcessing', { clientContext: 7 }, /^\$\.clientContext is 7/],
] as const) {
  test(`POST …/${action} with ${JSON.stringify(body)} is refused with ${expected}`, async () => {
    const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/${action}`, body);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [400, '8523']);
    assert.match(reply.json().error.message, expected);
    assert.equal(stage.asked.length, 0);
  });
}

test('a callback over http is taken where the configuration allows it', async () => {
  const lenient = await setApiStage({ callbacks: { allowHttp: true, loopback: true } });
  const reply = await lenient.send('POST', `/beta/app/calls/${CALL_ID}/answer`, {
    callbackUri: 'http://127.0.0.1:9000/',
  });
  assert.equal(reply.statusCode, 202);
  await lenient.app.close();
});

test('a callback that a transfer names is not taken: Graph’s has none', async () => {
  const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/transfer`, {
    transferTarget: REDIRECTED[0],
    callbackUri: 'https://10.0.0.5/',
  });
  assert.equal(reply.statusCode, 202);
  assert.doesNotMatch(JSON.stringify(stage.asked), /10\.0\.0\.5/);
});

test('playPrompt and cancelMediaProcessing hand on what was asked', async () => {
  await stage.send('POST', `/beta/app/calls/${CALL_ID}/playPrompt`, {
    prompts,
    bargeInAllowed: true,
    clientContext: 'c',
  });
  await stage.send('POST', `/beta/app/calls/${CALL_ID}/cancelMediaProcessing`, {
    all: true,
    clientContext: 'd',
  });
  const common = {
    applicationId: BOT.id,
    spelling: 'app',
    idempotencyKey: undefined,
    clientRequestId: undefined,
  };
  assert.deepEqual(commands(), [
    {
      ...common,
      name: 'playPrompt',
      prompts: [{ uri: 'https://cdn.example.com/hi.wav', resourceId: undefined, times: 1 }],
      bargeIn: true,
      sensitivity: undefined,
      loop: false,
      breaks: false,
      clientContext: 'c',
    },
    { ...common, name: 'cancelMedia', clientContext: 'd' },
  ]);
});

test('an Idempotency-Key is handed on whole; one that is too long or not printable is refused', async () => {
  const record = (key: string) =>
    stage.send('POST', `/beta/app/calls/${CALL_ID}/record`, {}, { 'idempotency-key': key });
  assert.equal((await record('k'.repeat(256))).statusCode, 202);
  const command = commands()[0]!;
  assert.equal('idempotencyKey' in command && command.idempotencyKey, 'k'.repeat(256));
  for (const key of ['k'.repeat(257), '', 'caf\u00e9', 'a\tb']) {
    const reply = await record(key);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [400, '8523'], key);
    assert.match(reply.json().error.message, /Idempotency-Key.*256.*printable/);
  }
  assert.equal(stage.asked.length, 1);
});

test('the client-request-id of an action is handed on, for the notifications about what it made', async () => {
  const mine = { 'client-request-id': 'a-bot/17' };
  await stage.send('POST', `/beta/app/calls/${CALL_ID}/record`, {}, mine);
  const command = commands()[0]!;
  assert.equal('clientRequestId' in command && command.clientRequestId, 'a-bot/17');
});

test('the roles of the token decide: record needs Calls.AccessMedia.All, playPrompt nothing', async () => {
  const { token } = await stage.tokens.issue(OTHER_BOT);
  const headers = { authorization: `Bearer ${token}` };
  for (const action of ['record', 'microsoft.graph.record', 'recordResponse']) {
    // Asked before the body is looked at: whoever may not record learns nothing about it.
    const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/${action}`, { playBeep: 7 }, headers);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [403, '7504']);
    assert.match(reply.json().error.message, /Calls\.AccessMedia\.All/);
  }
  assert.equal(stage.asked.length, 0);
  const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/playPrompt`, { prompts }, headers);
  assert.equal(reply.statusCode, 202);
  assert.equal(stage.asked[0]?.command.applicationId, OTHER_BOT.id);
});

test('the root of another application is closed, whatever is asked there', async () => {
  for (const appId of [OTHER_BOT.id, 'nobody', CALL_ID]) {
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/record'],
      ['GET', '/operations'],
    ] as const) {
      const reply = await stage.send(method, `/beta/applications/${appId}/calls/${CALL_ID}${path}`);
      assert.deepEqual([reply.statusCode, reply.json().error.code], [403, '7504']);
    }
  }
  assert.equal(stage.asked.length, 0);
});

test('an operation is shown in the words of the path it is asked under', async () => {
  stage.answer = () => ({ ok: true, operation: operation({ spelling: 'applications' }) });
  const reply = await stage.send('GET', `/beta/app/calls/${CALL_ID}/operations/${OPERATION_ID}`);
  assert.equal(reply.json()['@odata.id'], `/app/calls/${CALL_ID}/operations/${OPERATION_ID}`);
});

test('a call that media flows on says so as long as it is asked', async () => {
  stage.answer = () => ({ ok: true, call: call({ state: 'hold', audioActive: true }) });
  const body = (await stage.send('GET', `/beta/app/calls/${CALL_ID}`)).json();
  assert.deepEqual([body.state, body.mediaState.audio], ['hold', 'active']);
});

test('locations start with the public URL, whatever host was asked', async () => {
  const reply = await stage.send(
    'POST',
    `/beta/app/calls/${CALL_ID}/record`,
    {},
    { host: 'evil.example.com' },
  );
  assert.ok(String(reply.headers.location).startsWith(`${PUBLIC_URL}/beta/app/`));
});
