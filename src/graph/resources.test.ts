/** Calls as they are told of and shown; operations are in notifications.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOT, CALL_ID, call, OUTGOING, operation } from '../../test/support/api-stage.ts';
import type { CallSnapshot, Fact, OperationKind } from '../call/model.ts';
import type { Key } from '../media/line.ts';
import { spellFact } from './notifications.ts';
import { spellCall } from './resources.ts';

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SPELLINGS = ['app', 'applications', 'communications'];

/** `resourceData` of the notification about a call. */
function told(changes: Partial<CallSnapshot>, more: Partial<Extract<Fact, { kind: 'call' }>> = {}) {
  const spelled = spellFact({ kind: 'call', change: 'updated', call: call(changes), ...more });
  assert.ok(spelled);
  const [value] = JSON.parse(spelled.body).value;
  return { ...value, headers: spelled.headers };
}

/** As it travels. */
const shown = (changes: Partial<CallSnapshot>) => JSON.parse(JSON.stringify(spellCall(call(changes), 'app')));

test('a call that the bot placed comes from the application and goes to who is called', () => {
  const { source, targets, direction, ...rest } = shown({ ...OUTGOING, subject: 'About your order' });
  assert.equal(direction, 'outgoing');
  const { application } = source.identity;
  assert.deepEqual([application.id, application.displayName], [BOT.id, BOT.name]);
  assert.equal(targets.length, 1);
  const { phone } = targets[0].identity;
  assert.deepEqual([phone.id, phone.displayName], ['+14255550177', 'Bob']);
  assert.equal('callRoutes' in rest, false);
  assert.equal(rest.subject, 'About your order');
});

for (const spelling of SPELLINGS) {
  test(`in ${spelling}, a call that the bot placed is first told of as establishing`, () => {
    const { changeType, resourceData } = told({ ...OUTGOING, spelling });
    assert.deepEqual([changeType, resourceData.state], ['updated', 'establishing']);
  });
}

test('what is to be prefetched is told as it was given, and nothing is told of nothing', () => {
  const uri = 'https://cdn.example.com/hi.wav';
  const type = '#microsoft.graph.mediaInfo';
  const preFetch = [
    { uri, resourceId: 'hi' },
    { uri, resourceId: undefined },
  ];
  assert.deepEqual(shown({ preFetch }).mediaConfig, {
    '@odata.type': '#microsoft.graph.serviceHostedMediaConfig',
    preFetchMedia: [
      { '@odata.type': type, uri, resourceId: 'hi' },
      { '@odata.type': type, uri },
    ],
  });
  const plain = shown({});
  assert.deepEqual(Object.keys(plain.mediaConfig), ['@odata.type']);
  for (const member of ['subject', 'toneInfo', 'mediaState', 'terminationReason', 'resultInfo'])
    assert.equal(member in plain, false);
});

for (const [key, tone] of [
  ['0', 'tone0'],
  ['9', 'tone9'],
  ['*', 'star'],
  ['#', 'pound'],
  ['A', 'a'],
  ['D', 'd'],
  ['flash', 'flash'],
] as const satisfies readonly (readonly [Key, string])[]) {
  test(`the key ${key} is told of as ${tone}, with its number and without a state`, () => {
    for (const spelling of SPELLINGS) {
      const pressed = { sequenceId: 3, key };
      const changes = { state: 'established', spelling, lastTone: pressed } as const;
      const { changeType, resourceData } = told(changes, { tone: pressed });
      assert.equal(changeType, 'updated');
      assert.deepEqual(Object.keys(resourceData).sort(), [
        '@odata.etag',
        '@odata.id',
        '@odata.type',
        'id',
        'toneInfo',
      ]);
      assert.deepEqual(resourceData.toneInfo, {
        '@odata.type': '#microsoft.graph.toneInfo',
        sequenceId: 3,
        tone,
      });
      assert.equal(shown(changes).toneInfo.tone, tone);
      assert.equal('toneInfo' in told(changes).resourceData, false, 'told of once');
    }
  });
}

test('why a transfer failed is told with the established that follows it, and with no other state', () => {
  const transferFailure = { status: 486, message: 'The transfer failed: 486 Busy Here' };
  const { resultInfo } = told({ state: 'established', transferFailure }).resourceData;
  assert.deepEqual(
    [resultInfo.code, resultInfo.subcode, resultInfo.message],
    [486, 0, transferFailure.message],
  );
  for (const state of ['hold', 'transferring'] as const)
    assert.equal('resultInfo' in told({ state, transferFailure }).resourceData, false);
  assert.equal(shown({ state: 'established', transferFailure }).resultInfo.code, 486);
});

test('the far end ending a call after a failed transfer is what its end tells', () => {
  const { resultInfo } = told(
    {
      state: 'terminated',
      transferFailure: { status: 486, message: 'Busy' },
      ending: { by: 'caller', sipStatus: undefined, message: 'The far end hung up.' },
    },
    { change: 'deleted' },
  ).resourceData;
  assert.equal(resultInfo.message, 'The far end hung up.');
});

for (const [by, sipStatus, terminationReason, code] of [
  ['redirected', 302, 'AppInitiated', 302],
  ['transferred', 200, 'CallTransferred', 200],
  ['unanswered', 480, 'NoAnswer', 480],
  ['refused', 486, 'Busy', 486],
  ['refused', 600, 'Busy', 600],
  ['refused', 603, 'Declined', 603],
  ['refused', 403, 'Declined', 403],
  ['refused', 407, 'Declined', 407],
  ['refused', 404, 'NotFound', 404],
  ['refused', 484, 'NotFound', 484],
  ['refused', 604, 'NotFound', 604],
  ['refused', 410, 'NotFound', 410],
  ['refused', 408, 'NoAnswer', 408],
  ['refused', 480, 'NoAnswer', 480],
  ['refused', 503, 'Failed', 503],
  ['refused', undefined, 'Failed', 500],
] as const) {
  test(`a call that ended by ${by} with ${sipStatus} was ${terminationReason}`, () => {
    const ending = { by, sipStatus, message: 'This is why.' };
    const { resourceData } = told({ ...OUTGOING, state: 'terminated', ending }, { change: 'deleted' });
    assert.equal(resourceData.terminationReason, terminationReason);
    assert.deepEqual([resourceData.resultInfo.code, resourceData.resultInfo.message], [code, 'This is why.']);
  });
}

test("the bot's place in a call is a GUID that follows from the call's", () => {
  const [one, again, other] = [{}, { revision: 9 }, { id: BOT.id }].map(
    (changes) => shown(changes).myParticipantId,
  );
  assert.match(one, GUID);
  assert.equal(one, again);
  assert.notEqual(one, other);
});

const AT_ONCE = ['subscribeToTone', 'cancelMediaProcessing', 'mute', 'unmute'] as const;

/** The notification that an operation of this kind has ended. */
const ended = (kind: OperationKind, spelling: string, ids: readonly [string?, string?] = []) =>
  spellFact({
    kind: 'operation',
    change: 'deleted',
    call: call({ clientRequestId: ids[1] }),
    operation: operation({
      kind,
      spelling,
      status: 'completed',
      end: { by: 'finished' },
      clientRequestId: ids[0],
    }),
  });

test('what was answered as completed is not told of again; in the app dialect it was only accepted', () => {
  for (const kind of AT_ONCE) {
    assert.equal(ended(kind, 'communications'), undefined);
    for (const spelling of ['app', 'applications']) {
      const [{ changeType, resourceData }] = JSON.parse(ended(kind, spelling)?.body ?? '').value;
      assert.deepEqual(
        [changeType, resourceData['@odata.type'], resourceData.status],
        ['deleted', '#microsoft.graph.commsOperation', 'completed'],
      );
      assert.equal('completionReason' in resourceData, false);
    }
  }
  for (const kind of ['record', 'playPrompt'] as const) assert.ok(ended(kind, 'communications'));
});

test('the Client-Request-Id is that of the operation, else of the call, when it is a GUID, else a new one', () => {
  const [mine, calls] = ['0FE0623F-d628-42ed-b4bd-8ac290072cc5', CALL_ID];
  const idOf = (...ids: [string?, string?]) =>
    ended('record', 'app', ids)?.headers['Client-Request-Id'] ?? '';
  assert.equal(idOf(mine, calls), mine);
  assert.equal(idOf(undefined, calls), calls);
  assert.equal(idOf('a-bot/17', calls), calls);
  const made = [idOf(), idOf(undefined, 'a-bot/17')];
  for (const id of made) assert.match(id, GUID);
  assert.notEqual(made[0], made[1]);
  assert.equal(told({ clientRequestId: calls }).headers['Client-Request-Id'], calls);
});
