import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  type ApiStage,
  BOT,
  CALL_ID,
  OTHER_BOT,
  PUBLIC_URL,
  setApiStage,
} from '../../test/support/api-stage.ts';
import type { CallRequest } from '../call/model.ts';

let stage: ApiStage;
let place: ApiStage['place'];
before(async () => {
  stage = await setApiStage();
  place = stage.place;
});
beforeEach(() => {
  stage.place = place;
  stage.placed.length = 0;
});
after(() => stage.app.close());

const ROOTS = [
  ['/beta/app/calls', 'app'],
  [`/beta/applications/${BOT.id}/calls`, 'applications'],
  ['/beta/communications/calls', 'communications'],
  ['/v1.0/communications/calls', 'communications'],
] as const;
const callbackUri = 'https://bot.example.com/calls';
const phone = (id: unknown) => ({ identity: { phone: { id } } });
const BODY = { callbackUri, targets: [phone('+1 (425) 555-0177')] };

async function requestOf(body: object, headers: Record<string, string> = {}): Promise<CallRequest> {
  const reply = await stage.send('POST', '/beta/app/calls', { ...BODY, ...body }, headers);
  assert.equal(reply.statusCode, 201, reply.body);
  return stage.placed.at(-1)!;
}

async function refusalOf(body: object, code = '8523'): Promise<string> {
  const reply = await stage.send('POST', '/v1.0/communications/calls', { ...BODY, ...body });
  assert.deepEqual([reply.statusCode, reply.json().error.code], [400, code], reply.body);
  assert.equal(stage.placed.length, 0);
  return reply.json().error.message;
}

for (const [root, spelling] of ROOTS) {
  test(`POST ${root} places a call and answers 201 with it and where it is`, async () => {
    const reply = await stage.send('POST', root, BODY);
    assert.equal(reply.statusCode, 201, reply.body);
    assert.equal(reply.headers.location, `${PUBLIC_URL}${root}/${CALL_ID}`);
    const call = reply.json();
    assert.deepEqual([call.id, call.state, call.direction], [CALL_ID, 'establishing', 'outgoing']);
    assert.equal(call['@odata.id'], `${root.replace(/^\/[^/]+/, '')}/${CALL_ID}`);
    assert.deepEqual(stage.placed, [
      {
        applicationId: BOT.id,
        target: { kind: 'phone', id: '+1 (425) 555-0177', displayName: undefined },
        callerId: undefined,
        callbackUri,
        preFetch: [],
        subject: undefined,
        ringSeconds: undefined,
        spelling,
        scenarioId: undefined,
        clientRequestId: undefined,
      },
    ]);
  });
}

test("the body that Graph's documentation shows is taken, and what it says is handed on", async () => {
  const request = await requestOf(
    {
      '@odata.type': '#microsoft.graph.call',
      direction: 'outgoing',
      subject: 'About your order',
      ringingTimeoutInSeconds: 30,
      source: {
        '@odata.type': '#microsoft.graph.participantInfo',
        identity: {
          '@odata.type': '#microsoft.graph.identitySet',
          applicationInstance: { displayName: 'Bot', id: BOT.id },
          phone: { id: '+14255550100', displayName: 'Contoso' },
        },
        countryCode: null,
        region: null,
      },
      targets: [
        {
          '@odata.type': '#microsoft.graph.invitationParticipantInfo',
          identity: {
            '@odata.type': '#microsoft.graph.identitySet',
            user: {
              '@odata.type': '#microsoft.graph.identity',
              displayName: 'Bob',
              id: 'sip:bob@pbx.example',
            },
            phone: null,
          },
        },
      ],
      requestedModalities: ['audio'],
      mediaConfig: {
        '@odata.type': '#microsoft.graph.serviceHostedMediaConfig',
        preFetchMedia: [{ uri: 'https://cdn.example.com/hi.wav', resourceId: 'hi' }],
      },
      tenantId: BOT.tenantId,
      chatInfo: null,
      meetingInfo: null,
    },
    { 'scenario-id': 'D0D0D0D0-0000-4000-8000-00000000000A', 'client-request-id': 'a-bot/17' },
  );
  assert.deepEqual(request, {
    applicationId: BOT.id,
    target: { kind: 'user', id: 'sip:bob@pbx.example', displayName: 'Bob' },
    callerId: { kind: 'phone', id: '+14255550100', displayName: 'Contoso' },
    callbackUri,
    preFetch: [{ uri: 'https://cdn.example.com/hi.wav', resourceId: 'hi' }],
    subject: 'About your order',
    ringSeconds: 30,
    spelling: 'app',
    scenarioId: 'd0d0d0d0-0000-4000-8000-00000000000a',
    clientRequestId: 'a-bot/17',
  });
});

test('a phone number is one under user, too', async () => {
  for (const id of ['+14255550177', '100', '0425 555-0177']) {
    for (const identity of [{ user: { id } }, { phone: { id } }])
      assert.deepEqual((await requestOf({ targets: [{ identity }] })).target, {
        kind: 'phone',
        id,
        displayName: undefined,
      });
  }
});

test('a source that is an application is no caller id; a user with a SIP URI is', async () => {
  const callerId = async (identity: object) => (await requestOf({ source: { identity } })).callerId;
  for (const name of ['application', 'applicationInstance'])
    assert.equal(await callerId({ '@odata.type': 'x', [name]: { id: BOT.id } }), undefined);
  assert.equal((await requestOf({ source: null })).callerId, undefined);
  assert.deepEqual(await callerId({ user: { id: 'sip:sales@contoso.example' } }), {
    kind: 'user',
    id: 'sip:sales@contoso.example',
    displayName: undefined,
  });
});

test('a Scenario-Id that is no GUID is left to the server', async () => {
  for (const given of ['mine', '', 'd0d0d0d0000040008000000000000001'])
    assert.equal((await requestOf({}, { 'scenario-id': given })).scenarioId, undefined);
});

for (const [body, expected] of [
  [{ callbackUri: null }, /^\$\.callbackUri is missing/],
  [{ callbackUri: 'http://bot.example.com/' }, /^\$\.callbackUri .*https:/],
  [{ targets: null }, /^\$\.targets is missing/],
  [{ targets: [] }, /^\$\.targets is \[\]/],
  [{ targets: [phone('100'), phone('101')] }, /^\$\.targets has 2 .*group calls are not served/],
  [{ targets: [{}] }, /^\$\.targets\[0\]\.identity is missing/],
  [{ targets: [{ identity: {} }] }, /^\$\.targets\[0\]\.identity has nobody; it must have phone/],
  [{ targets: [phone('bob')] }, /^\$\.targets\[0\]\.identity\.phone\.id is "bob"; .*phone number/],
  [{ targets: [phone(undefined)] }, /^\$\.targets\[0\]\.identity\.phone\.id is missing/],
  [{ targets: [phone(7)] }, /^\$\.targets\[0\]\.identity\.phone\.id is 7/],
  [{ targets: [{ identity: { user: { id: BOT.id } } }] }, /^\$\.targets\[0\]\.identity\.user\.id .*sip: URI/],
  [{ source: { identity: { guest: { id: 'x' } } } }, /^\$\.source\.identity has guest/],
  [{ requestedModalities: ['video'] }, /^\$\.requestedModalities must have audio/],
  [{ requestedModalities: [] }, /^\$\.requestedModalities must have audio/],
  [{ chatInfo: { threadId: 'x' } }, /meetings, which are not served/],
  [{ meetingInfo: {} }, /meetings, which are not served/],
  [{ subject: 7 }, /^\$\.subject is 7/],
] as const) {
  test(`a call with ${JSON.stringify(body)} is refused with ${expected}`, async () => {
    assert.match(await refusalOf(body), expected);
  });
}

for (const name of [
  'acsUser',
  'azureCommunicationServicesUser',
  'encrypted',
  'guest',
  'applicationInstance',
  'application',
]) {
  test(`a target that is ${name} is refused, with what is served`, async () => {
    const message = await refusalOf({ targets: [{ identity: { [name]: { id: 'x' } } }] });
    assert.match(
      message,
      new RegExp(`^\\$\\.targets\\[0\\]\\.identity has ${name}; it must have phone.*or user`),
    );
  });
}

test('media that the bot would host itself is refused with 8500', async () => {
  const mediaConfig = { '@odata.type': '#microsoft.graph.appHostedMediaConfig', blob: 'x' };
  assert.match(await refusalOf({ mediaConfig }, '8500'), /serviceHostedMediaConfig/);
});

test('what the call layer says against it is answered', async () => {
  stage.place = () => ({ ok: false, error: 'badTarget', message: 'No trunk takes it.' });
  const reply = await stage.send('POST', '/beta/app/calls', BODY);
  assert.deepEqual(
    [reply.statusCode, reply.json().error.code, reply.json().error.message],
    [400, '8523', 'No trunk takes it.'],
  );
});

test('only who has Calls.Initiate.All places calls', async () => {
  const { token } = await stage.tokens.issue(OTHER_BOT);
  const headers = { authorization: `Bearer ${token}` };
  const reply = await stage.send('POST', '/beta/app/calls', {}, headers);
  assert.deepEqual([reply.statusCode, reply.json().error.code], [403, '7504']);
  assert.match(reply.json().error.message, /Calls\.Initiate\.All/);
});

test('calls are not listed', async () => {
  for (const [root] of ROOTS) {
    const reply = await stage.send('GET', root);
    assert.deepEqual([reply.statusCode, reply.headers.allow], [405, 'POST']);
  }
});
