import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOT, CALL_ID, call, OPERATION_ID, operation } from '../../test/support/api-stage.ts';
import type { CallEnding, CallSnapshot, Fact, OperationKind, OperationSnapshot } from '../call/model.ts';
import type { OperationEnd } from '../operation/operation.ts';
import { spellFact } from './notifications.ts';

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const RECORDING = { location: 'https://calls.example.com/recordings/r', accessToken: 'opens-it' };

/** The one notification in a body; the test fails when bots are not told. */
function spell(fact: Fact) {
  const spelled = spellFact(fact);
  assert.ok(spelled);
  const envelope = JSON.parse(spelled.body);
  assert.equal(envelope.value.length, 1);
  return { ...spelled, envelope, one: envelope.value[0], data: envelope.value[0].resourceData };
}

const ofCall = (
  change: 'created' | 'updated' | 'deleted',
  changes: Partial<CallSnapshot> = {},
  audioBegan?: boolean,
) => spell({ kind: 'call', change, call: call(changes), ...(audioBegan !== undefined && { audioBegan }) });
const ofOperation = (changes: Partial<OperationSnapshot>, change: 'updated' | 'deleted' = 'deleted') =>
  spell({ kind: 'operation', change, call: call({ state: 'established' }), operation: operation(changes) });

const take = (spoken: boolean) => ({ recordingId: 'r', samples: 8000, rate: 8000, spoken });

// CONTRACT §3.1 and §4: what happened, of what, completionReason, status, code, subcode.
const endings: readonly (readonly [string, OperationEnd, string, 'completed' | 'failed', number, number])[] =
  [
    [
      'a stop tone',
      { by: 'stopTone', keys: '11', take: take(true) },
      'stopToneDetected',
      'completed',
      200,
      8514,
    ],
    [
      'the duration',
      { by: 'maxDuration', take: take(true) },
      'maxRecordDurationReached',
      'completed',
      200,
      8515,
    ],
    ['a pause', { by: 'maxSilence', take: take(true) }, 'maxSilenceTimeout', 'completed', 200, 8509],
    ['no speech at all', { by: 'initialSilence' }, 'initialSilenceTimeout', 'failed', 400, 8510],
    ['the bot', { by: 'cancelled', take: take(true) }, 'operationCanceled', 'failed', 400, 8508],
    [
      'a hang-up after speaking',
      { by: 'hangUp', take: take(true) },
      'callTerminated',
      'completed',
      200,
      8588,
    ],
    [
      'a hang-up without speaking',
      { by: 'hangUp', take: take(false) },
      'operationCanceled',
      'failed',
      400,
      8508,
    ],
    ['a hang-up during the prompt', { by: 'hangUp' }, 'operationCanceled', 'failed', 400, 8508],
    ['no media', { by: 'noMedia', take: take(true) }, 'mediaReceiveTimeout', 'failed', 500, 8513],
    ['a prompt that is not there', { by: 'promptUnavailable' }, 'playPromptFailed', 'failed', 500, 8536],
    ['a prompt that is no audio', { by: 'promptUndecodable' }, 'playPromptFailed', 'failed', 500, 8535],
    ['a prompt that failed', { by: 'promptFailed' }, 'playPromptFailed', 'failed', 500, 8511],
    ['a beep that failed', { by: 'beepFailed' }, 'playBeepFailed', 'failed', 500, 8512],
    ['an error', { by: 'error' }, 'unspecifiedError', 'failed', 500, 9999],
  ];

for (const [what, end, completionReason, status, code, subcode] of endings) {
  test(`a record that ended by ${what} is ${completionReason}, ${status}, ${code}/${subcode}`, () => {
    const { data, one } = ofOperation({ status, end });
    assert.equal(one.changeType, 'deleted');
    assert.equal(data.completionReason, completionReason);
    assert.equal(data.status, status);
    assert.equal(data.resultInfo['@odata.type'], '#microsoft.graph.resultInfo');
    assert.deepEqual([data.resultInfo.code, data.resultInfo.subcode], [code, subcode]);
    assert.ok(data.resultInfo.message.length > 5);
  });
}

test('a prompt that was played is 200/0, one that was cancelled or cut off by a hang-up 400/8508', () => {
  const played = (kind: OperationKind, end: OperationEnd, status: 'completed' | 'failed') =>
    ofOperation({ kind, status, end }).data;
  const done = played('playPrompt', { by: 'finished' }, 'completed');
  assert.deepEqual(done.resultInfo, {
    '@odata.type': '#microsoft.graph.resultInfo',
    code: 200,
    subcode: 0,
    message: 'Action completed successfully.',
  });
  assert.equal(done['@odata.type'], '#microsoft.graph.commsOperation');
  assert.equal('completionReason' in done, false);
  for (const by of ['cancelled', 'hangUp'] as const) {
    const { resultInfo } = played('playPrompt', { by }, 'failed');
    assert.deepEqual([resultInfo.code, resultInfo.subcode], [400, 8508]);
  }
  const cancelling = played('cancelMediaProcessing', { by: 'finished' }, 'completed');
  assert.deepEqual(
    [cancelling['@odata.type'], cancelling.resultInfo.code],
    ['#microsoft.graph.commsOperation', 200],
  );
});

test('why a prompt failed is in the message', () => {
  const { data } = ofOperation({
    status: 'failed',
    end: { by: 'promptUnavailable', message: 'It answered 404.' },
  });
  assert.match(data.resultInfo.message, /It answered 404\./);
});

test('the final notification has every member that the founding page shows, and ours', () => {
  const { one, data, envelope, headers } = ofOperation({
    revision: 3,
    status: 'completed',
    clientContext: 'd45324c1-fcb5-430a-902c-f20af696537c',
    end: { by: 'stopTone', keys: '#', take: take(true) },
    recording: RECORDING,
  });
  const path = `/app/calls/${CALL_ID}/operations/${OPERATION_ID}`;
  assert.deepEqual(Object.keys(envelope), ['value']);
  assert.deepEqual(Object.keys(one).sort(), ['changeType', 'resource', 'resourceData']);
  assert.equal(one.resource, path);
  const { resultInfo, ...rest } = data;
  assert.equal(resultInfo.subcode, 8514);
  assert.deepEqual(rest, {
    '@odata.type': '#microsoft.graph.recordOperation',
    '@odata.id': path,
    '@odata.etag': 'W/"3"',
    id: OPERATION_ID,
    clientContext: 'd45324c1-fcb5-430a-902c-f20af696537c',
    status: 'completed',
    recordResourceLocation: RECORDING.location,
    recordResourceAccessToken: RECORDING.accessToken,
    completionReason: 'stopToneDetected',
    endReport: { rule: 'stopTone', stopTone: '#' },
    createdDateTime: '2026-01-01T00:00:00.000Z',
    lastActionDateTime: '2026-01-01T00:00:05.000Z',
  });
  assert.equal(headers['Scenario-Id'], call().scenarioId);
  assert.match(headers['Client-Request-Id'] ?? '', GUID);
});

test('what a restart ended says so in its end report, whatever kind of operation it was', () => {
  const end = { by: 'error', message: 'the server was restarted', recovered: true } as const;
  for (const kind of ['record', 'playPrompt'] as const) {
    const { data } = ofOperation({ kind, status: 'failed', end });
    assert.deepEqual(data.endReport, { rule: 'error', recovered: true });
    assert.match(data.resultInfo.message, /the server was restarted/);
  }
  const { data } = ofOperation({ kind: 'mute', status: 'completed', end: { by: 'finished' } });
  assert.equal('endReport' in data, false);
});

test('a prompt tells what ended it and what was heard meanwhile, in either dialect', () => {
  const report = {
    noiseFloorDbov: -61,
    packetsExpected: 50,
    packetsReceived: 49,
    packetsLate: 0,
    concealedMs: 20,
  };
  for (const spelling of ['app', 'communications']) {
    const end = { by: 'finished', report } as const;
    const { data } = ofOperation({ kind: 'playPrompt', status: 'completed', spelling, end });
    assert.deepEqual(data.endReport, { rule: 'finished', ...report });
    assert.equal('completionReason' in data, false);
  }
});

test('a streaming record tells its location while it runs, without a result', () => {
  const { one, data } = ofOperation({ status: 'running', recording: RECORDING }, 'updated');
  assert.equal(one.changeType, 'updated');
  assert.deepEqual([data.status, data.recordResourceLocation], ['running', RECORDING.location]);
  for (const member of ['resultInfo', 'completionReason', 'clientContext'])
    assert.equal(member in data, false);
});

test('an operation is told of in the words of the path that it was asked under', () => {
  const { one, data } = ofOperation({ spelling: 'applications' });
  assert.equal(one.resource, `/applications/${BOT.id}/calls/${CALL_ID}/operations/${OPERATION_ID}`);
  assert.equal(data['@odata.id'], one.resource);
});

test('an incoming call is told of with who calls, whom, and what was dialled', () => {
  const { one, data, target, applicationId, tenantId, lane } = ofCall('created');
  assert.deepEqual([one.changeType, one.resource], ['created', `/app/calls/${CALL_ID}`]);
  assert.deepEqual([target, applicationId, tenantId, lane], [BOT.callbackUri, BOT.id, BOT.tenantId, CALL_ID]);
  assert.equal(data['@odata.type'], '#microsoft.graph.call');
  assert.deepEqual([data.id, data.state, data.direction], [CALL_ID, 'incoming', 'incoming']);
  assert.equal(data.source['@odata.type'], '#microsoft.graph.participantInfo');
  const { phone } = data.source.identity;
  assert.deepEqual([phone.id, phone.displayName], ['+14255550123', 'Ann']);
  assert.equal(data.targets[0].identity.application.id, BOT.id);
  assert.equal(data.callRoutes[0].original.phone.id, '+14255550100');
  assert.match(data.myParticipantId, GUID);
  assert.deepEqual([data.tenantId, data.callbackUri], [BOT.tenantId, BOT.callbackUri]);
  assert.equal('mediaState' in data, false);
});

for (const [dialled, callee, original] of [
  ['+14255550100', { kind: 'user', id: 'sip:desk@example.com' }, { phone: '+14255550100' }],
  ['+14255550100', { kind: 'phone', id: '+14255550199' }, { phone: '+14255550100' }],
  ['sip:voicemail@example.com', { kind: 'phone', id: '+14255550199' }, { user: 'sip:voicemail@example.com' }],
  [
    'sip:voicemail@example.com',
    { kind: 'user', id: 'sip:desk@example.com' },
    { user: 'sip:voicemail@example.com' },
  ],
] as const) {
  test(`callRoutes tells that ${dialled} was dialled, also when To says ${callee.id}`, () => {
    const { data } = ofCall('created', { dialled, callee: { ...callee, displayName: undefined } });
    const { '@odata.type': _, ...identity } = data.callRoutes[0].original;
    assert.deepEqual(
      Object.fromEntries(Object.entries(identity).map(([kind, who]) => [kind, (who as { id: string }).id])),
      original,
    );
  });
}

test('a caller without a phone number is a user with a SIP URI', () => {
  const caller = { kind: 'user', id: 'sip:ann@example.com', displayName: undefined } as const;
  const { identity } = ofCall('created', { caller }).data.source;
  assert.equal(identity.user.id, 'sip:ann@example.com');
  assert.equal('phone' in identity, false);
});

test('established says that audio is active when it began, and never again', () => {
  const began = ofCall('updated', { state: 'established', audioActive: true, revision: 3 }, true).data;
  assert.deepEqual([began.state, began.mediaState.audio, began.id], ['established', 'active', CALL_ID]);
  const resumed = ofCall('updated', { state: 'established', audioActive: true, revision: 5 }).data;
  assert.equal('mediaState' in resumed, false);
  assert.equal('mediaState' in ofCall('updated', { state: 'establishing' }).data, false);
});

for (const [by, sipStatus, reason, code] of [
  ['bot', undefined, 'AppInitiated', 200],
  ['rejected', 486, 'AppInitiated', 486],
  ['caller', undefined, undefined, 200],
  ['caller', 487, undefined, 487],
  ['unanswered', 480, undefined, 480],
  ['failed', 408, undefined, 408],
  ['shutdown', undefined, undefined, 503],
] as const satisfies readonly (readonly [
  CallEnding['by'],
  number | undefined,
  string | undefined,
  number,
])[]) {
  test(`a call ended by ${by}${sipStatus ? ` with ${sipStatus}` : ''} is terminated with ${code}`, () => {
    const ending = { by, sipStatus, message: 'This is why.' };
    const { one, data } = ofCall('deleted', { state: 'terminated', ending });
    assert.equal(one.changeType, 'deleted');
    assert.equal(data.state, 'terminated');
    assert.deepEqual([data.resultInfo.code, data.resultInfo.message], [code, 'This is why.']);
    assert.equal(typeof data.terminationReason, 'string');
    assert.equal(data.terminationReason === 'AppInitiated', reason === 'AppInitiated');
  });
}

test('every change of a call has an etag and a key of its own; the same fact again has the same key', () => {
  const facts = [1, 2, 3].map((revision) => ofCall('updated', { revision, state: 'establishing' }));
  assert.equal(new Set(facts.map(({ key }) => key)).size, 3);
  assert.equal(new Set(facts.map(({ data }) => data['@odata.etag'])).size, 3);
  assert.equal(ofCall('updated', { revision: 2, state: 'establishing' }).key, facts[1]?.key);
  const final = ofOperation({ revision: 4 });
  assert.equal(ofOperation({ revision: 4 }).key, final.key);
  assert.notEqual(ofOperation({ revision: 4, id: CALL_ID }).key, final.key);
});

test('bots are not told of progress', () => {
  const fact = {
    kind: 'progress',
    callId: CALL_ID,
    operationId: OPERATION_ID,
    progress: { phase: 'beep' },
  } as const;
  assert.equal(spellFact(fact), undefined);
});

test("an incoming call of an application that speaks today's Graph comes in its envelope", () => {
  const { envelope, one, data } = ofCall('created', { spelling: 'communications' });
  assert.equal(envelope['@odata.type'], '#microsoft.graph.commsNotifications');
  assert.equal(one['@odata.type'], '#microsoft.graph.commsNotification');
  assert.deepEqual(
    [one.resource, one.resourceUrl],
    [`/communications/calls/${CALL_ID}`, `/communications/calls/${CALL_ID}`],
  );
  assert.equal(data['@odata.id'], one.resource);
});

test("an operation in today's Graph has its own names and no dates", () => {
  const end = { by: 'stopTone', take: take(true) } as const;
  const { data } = ofOperation({
    spelling: 'communications',
    status: 'completed',
    end,
    recording: RECORDING,
  });
  assert.deepEqual(
    [data.recordingLocation, data.recordingAccessToken],
    [RECORDING.location, RECORDING.accessToken],
  );
  for (const member of ['recordResourceLocation', 'createdDateTime', 'lastActionDateTime'])
    assert.equal(member in data, false);
  const prompt = ofOperation({ spelling: 'communications', kind: 'playPrompt' }).data;
  assert.equal(prompt['@odata.type'], '#microsoft.graph.playPromptOperation');
});
