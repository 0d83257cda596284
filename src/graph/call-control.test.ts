/** Whether a call is taken, where it goes, and who is in it: answer, redirect, transfer; participants. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  type ApiStage,
  BOT,
  CALL_ID,
  call,
  OTHER_BOT,
  OUTGOING,
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

const ROOTS = ['/beta/app/calls', `/beta/applications/${BOT.id}/calls`, '/v1.0/communications/calls'];
const CALL = `/beta/app/calls/${CALL_ID}`;
const bob = { identity: { user: { id: 'sip:bob@pbx.example', displayName: 'Bob' } } };
const desk = { identity: { phone: { id: '+14255550100' } } };
const commands = () => stage.asked.map(({ command }) => command);

for (const root of ROOTS) {
  test(`${root}: redirect sends the caller to the targets in their order`, async () => {
    for (const action of ['redirect', 'microsoft.graph.redirect']) {
      const reply = await stage.send('POST', `${root}/${CALL_ID}/${action}`, {
        targets: [bob, desk],
        targetDisposition: 'default',
        timeout: 90,
        maskCallee: false,
        maskCaller: null,
        callbackUri: 'https://bot.example.com/x',
      });
      assert.deepEqual([reply.statusCode, reply.body], [202, '']);
      assert.deepEqual(commands().at(-1), {
        name: 'redirect',
        applicationId: BOT.id,
        callbackUri: 'https://bot.example.com/x',
        targets: [
          { kind: 'user', id: 'sip:bob@pbx.example', displayName: 'Bob' },
          { kind: 'phone', id: '+14255550100', displayName: undefined },
        ],
      });
    }
  });

  test(`${root}: transfer sends the far end to the target, or to the far end of another call`, async () => {
    const reply = await stage.send('POST', `${root}/${CALL_ID}/transfer`, { transferTarget: bob });
    assert.deepEqual([reply.statusCode, reply.body], [202, '']);
    const replacesCallId = OTHER_BOT.id.toUpperCase().replaceAll('-', '');
    await stage.send('POST', `${root}/${CALL_ID}/microsoft.graph.transfer`, {
      transferTarget: { endpointType: 'default', ...desk, replacesCallId },
      transferee: { identity: { user: { id: 'x' } }, participantId: 'y' },
    });
    const common = { name: 'transfer', applicationId: BOT.id };
    assert.deepEqual(commands(), [
      {
        ...common,
        target: { kind: 'user', id: 'sip:bob@pbx.example', displayName: 'Bob' },
        replaces: undefined,
      },
      {
        ...common,
        target: { kind: 'phone', id: '+14255550100', displayName: undefined },
        replaces: OTHER_BOT.id,
      },
    ]);
  });
}

test('what is prefetched with an answer is handed on, and the media config is that of the server', async () => {
  for (const type of [
    '#microsoft.graph.serviceHostedMediaConfig',
    'microsoft.graph.serviceHostedMediaConfig',
    undefined,
  ]) {
    const mediaConfig = {
      ...(type !== undefined && { '@odata.type': type }),
      preFetchMedia: [
        { uri: 'https://cdn.example.com/hi.wav', resourceId: 'hi' },
        { uri: 'https://cdn.example.com/ho.wav' },
      ],
    };
    const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/answer`, {
      mediaConfig,
      acceptedModalities: ['audio'],
    });
    assert.equal(reply.statusCode, 202);
    const command = commands().at(-1)!;
    assert.deepEqual(command.name === 'answer' && command.preFetch, [
      { uri: 'https://cdn.example.com/hi.wav', resourceId: 'hi' },
      { uri: 'https://cdn.example.com/ho.wav', resourceId: undefined },
    ]);
  }
});

test('media that the bot would host itself is refused with 8500', async () => {
  for (const type of ['#microsoft.graph.appHostedMediaConfig', 'microsoft.graph.appHostedMediaConfig']) {
    const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/answer`, {
      mediaConfig: { '@odata.type': type, blob: 'x' },
    });
    assert.deepEqual([reply.statusCode, reply.json().error.code], [400, '8500']);
  }
  assert.equal(stage.asked.length, 0);
});

for (const [action, body, expected] of [
  ['redirect', {}, /^\$\.targets is missing/],
  ['redirect', { targets: [] }, /^\$\.targets is \[\]; it must be a list of 1 to 10/],
  ['redirect', { targets: Array.from({ length: 11 }, () => bob) }, /1 to 10/],
  [
    'redirect',
    { targets: [bob, { identity: { encrypted: {} } }] },
    /^\$\.targets\[1\]\.identity has encrypted/,
  ],
  ['redirect', { targets: [bob], timeout: 0 }, /^\$\.timeout is 0; .*1 to 90/],
  ['redirect', { targets: [bob], timeout: 91 }, /^\$\.timeout is 91/],
  ['redirect', { targets: [bob], maskCaller: 'no' }, /^\$\.maskCaller is "no"/],
  ['redirect', { targets: [bob], callbackUri: 'http://x/' }, /^\$\.callbackUri is/],
  ['transfer', {}, /^\$\.transferTarget is missing/],
  ['transfer', { transferTarget: {} }, /^\$\.transferTarget\.identity is missing/],
  [
    'transfer',
    { transferTarget: { identity: { user: { id: 'bob' } } } },
    /^\$\.transferTarget\.identity\.user\.id/,
  ],
  ['transfer', { transferTarget: { ...bob, replacesCallId: 7 } }, /^\$\.transferTarget\.replacesCallId is 7/],
  ['mute', { clientContext: 7 }, /^\$\.clientContext is 7/],
  ['subscribeToTone', { clientContext: 'x'.repeat(257) }, /^\$\.clientContext is/],
] as const) {
  test(`POST …/${action} with ${JSON.stringify(body).slice(0, 100)} is refused with ${expected}`, async () => {
    const reply = await stage.send('POST', `${CALL}/${action}`, body);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [400, '8523']);
    assert.match(reply.json().error.message, expected);
    assert.equal(stage.asked.length, 0);
  });
}

test('the roles decide who sends calls elsewhere and who hears keys; muting needs none', async () => {
  const { token } = await stage.tokens.issue(OTHER_BOT);
  const headers = { authorization: `Bearer ${token}` };
  for (const [action, role] of [
    ['redirect', 'Calls.Initiate.All'],
    ['transfer', 'Calls.Initiate.All'],
    ['subscribeToTone', 'Calls.AccessMedia.All'],
  ] as const) {
    const reply = await stage.send('POST', `${CALL}/${action}`, {}, headers);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [403, '7504']);
    assert.ok(reply.json().error.message.includes(role));
  }
  assert.equal(stage.asked.length, 0);
  for (const action of ['mute', 'unmute', 'cancelMediaProcessing'])
    assert.equal((await stage.send('POST', `${CALL}/${action}`, {}, headers)).statusCode, 202);
});

for (const root of ROOTS) {
  test(`${root}: the far end and the bot take part in a call, each under its own address`, async () => {
    stage.answer = () => ({ ok: true, call: call({ state: 'established', muted: true }) });
    const path = `${root}/${CALL_ID}/participants`;
    const { value, ...rest } = (await stage.send('GET', path)).json();
    assert.ok(rest['@odata.context'].endsWith(`${path.replace(/^\/[^/]+/, '')}`));
    const [farEnd, bot] = value;
    assert.equal(value.length, 2);
    assert.deepEqual([farEnd.isMuted, bot.isMuted], [false, true]);
    assert.deepEqual(
      [farEnd.info.identity.phone.id, bot.info.identity.application.id],
      ['+14255550123', BOT.id],
    );
    assert.equal(bot.id, (await stage.send('GET', `${root}/${CALL_ID}`)).json().myParticipantId);
    assert.deepEqual(bot.mediaStreams, [
      {
        '@odata.type': '#microsoft.graph.mediaStream',
        mediaType: 'audio',
        sourceId: '2',
        direction: 'sendReceive',
        serverMuted: true,
      },
    ]);
    for (const one of value) {
      assert.equal(one['@odata.type'], '#microsoft.graph.participant');
      assert.equal(one['@odata.id'], `${path.replace(/^\/[^/]+/, '')}/${one.id}`);
      assert.equal(one.isInLobby, false);
      const id = one.id.toUpperCase().replaceAll('-', '');
      assert.deepEqual((await stage.send('GET', `${path}/${id}`)).json(), one);
    }
    const unknown = await stage.send('GET', `${path}/${BOT.id}`);
    assert.deepEqual([unknown.statusCode, unknown.json().error.code], [404, '8522']);
  });
}

test('of a call that the bot placed, the far end is who was called', async () => {
  stage.answer = () => ({ ok: true, call: call(OUTGOING) });
  const { value } = (await stage.send('GET', `${CALL}/participants`)).json();
  assert.deepEqual(
    value.map(({ info }: { info: { identity: Record<string, { displayName?: string }> } }) => [
      info.identity.phone?.displayName,
      info.identity.application?.displayName,
    ]),
    [
      ['Bob', undefined],
      [undefined, BOT.name],
    ],
  );
});
