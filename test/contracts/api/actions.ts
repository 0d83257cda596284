import assert from 'node:assert/strict';
import { BOT, PUBLIC_URL } from '../../support/api-stage.ts';
import { setGraphStage } from '../../support/graph-stage.ts';
import {
  APP,
  APPLICATIONS,
  type Case,
  COMMUNICATIONS,
  dialectOf,
  establish,
  prompt,
  ROOTS,
  refused,
  ring,
  settle,
} from './stage.ts';

const bob = { identity: { user: { id: 'sip:bob@phones.example', displayName: 'Bob' } } };
const callbackUri = 'https://bot.example.com/calls';

/** States that the bot was told of, with how. */
function told(stage: Awaited<ReturnType<typeof establish>>['stage']): string[] {
  return stage
    .notifications()
    .filter(({ resourceData }) => resourceData.state !== undefined)
    .map(({ changeType, resourceData }) => `${changeType} ${resourceData.state}`);
}

/** An action that is done at once: answered with its operation, and told of in the app dialect only. */
async function doneAtOnce(action: string, kind: string, body: object = {}): Promise<void> {
  const app = await establish(APP);
  const accepted = await app.act(action, body);
  assert.deepEqual([accepted.statusCode, accepted.body], [202, '']);
  const operations = (stage: typeof app.stage) =>
    stage.notifications().filter(({ resource }) => resource.includes('/operations/'));
  const [final] = operations(app.stage);
  assert.deepEqual(
    [final?.changeType, final?.resourceData['@odata.type'], final?.resourceData.status],
    ['deleted', '#microsoft.graph.commsOperation', 'completed'],
  );
  const today = await establish(COMMUNICATIONS);
  const done = await today.act(action, { ...body, clientContext: 'at once' });
  assert.equal(done.statusCode, 200);
  const { status, clientContext, resultInfo, ...rest } = done.json();
  assert.deepEqual([status, clientContext, rest['@odata.type']], ['completed', 'at once', kind]);
  assert.deepEqual([resultInfo.code, resultInfo.subcode], [200, 0]);
  assert.deepEqual(operations(today.stage), []);
}

/** §2: actions on a call. */
export const actionCases: Readonly<Record<string, Case>> = {
  '§2 POST / create an outgoing call': async () => {
    for (const root of ROOTS) {
      const stage = await setGraphStage(dialectOf(root));
      const answer = await stage.send('POST', `${root}/calls`, {
        '@odata.type': '#microsoft.graph.call',
        callbackUri,
        targets: [bob],
        requestedModalities: ['audio'],
        mediaConfig: { '@odata.type': '#microsoft.graph.serviceHostedMediaConfig' },
        tenantId: BOT.tenantId,
      });
      assert.equal(answer.statusCode, 201, answer.body);
      const call = answer.json();
      assert.deepEqual([call.direction, call.state], ['outgoing', 'establishing']);
      assert.equal(answer.headers.location, `${PUBLIC_URL}${root}/calls/${call.id}`);
      stage.userAgent.dialled[0]?.ring();
      stage.userAgent.dialled[0]?.answer();
      await settle();
      assert.deepEqual(told(stage), ['updated establishing', 'updated ringing', 'updated established']);
    }
  },
  '§2 GET /{id}': async () => {
    for (const root of ROOTS) {
      const { stage, call } = await establish(root);
      const answer = await stage.send('GET', call);
      const { id, state, direction } = answer.json();
      assert.deepEqual([answer.statusCode, state, direction], [200, 'established', 'incoming']);
      assert.equal(id, call.split('/').at(-1));
      const some = (await stage.send('GET', `${call}?$select=state,direction`)).json();
      assert.deepEqual([some.state, some.callbackUri], ['established', undefined]);
    }
  },
  '§2 DELETE /{id} hang up': async () => {
    const { stage, call, invite } = await establish(APP);
    assert.equal((await stage.send('DELETE', call)).statusCode, 204);
    assert.equal(invite.sent.at(-1), 'bye');
    assert.deepEqual(told(stage).slice(-2), ['updated terminating', 'deleted terminated']);
  },
  '§2 POST /{id}/answer': async () => {
    for (const root of ROOTS) {
      const { stage, call, invite } = await ring(root);
      const answer = await stage.send('POST', `${call}/answer`, {
        callbackUri,
        acceptedModalities: ['audio'],
        mediaConfig: {
          '@odata.type': '#microsoft.graph.serviceHostedMediaConfig',
          preFetchMedia: [prompt.mediaInfo],
        },
      });
      assert.deepEqual([answer.statusCode, invite.sent.at(-1)], [202, 'accept']);
      assert.deepEqual(stage.fetched, [prompt.mediaInfo.uri]);
      invite.dialog?.acknowledge();
      await settle();
      assert.deepEqual(told(stage), ['created incoming', 'updated establishing', 'updated established']);
    }
  },
  '§2 POST /{id}/reject { reason: none | busy | forbidden, callbackUri? }': async () => {
    for (const [reason, status] of [
      ['none', 603],
      ['busy', 486],
      ['forbidden', 403],
    ] as const) {
      const { stage, call, invite } = await ring(COMMUNICATIONS);
      const answer = await stage.send('POST', `${call}/reject`, { reason, callbackUri });
      assert.deepEqual([answer.statusCode, invite.sent.at(-1)], [202, `reject ${status}`]);
    }
  },
  '§2 POST /{id}/redirect { targets, timeout?, callbackUri? }': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      const { stage, call, invite } = await ring(root);
      const body = { targets: [bob], timeout: 30, callbackUri };
      assert.equal((await stage.send('POST', `${call}/redirect`, body)).statusCode, 202);
      assert.equal(invite.sent.at(-1), 'reject 302');
      assert.deepEqual(told(stage), ['created incoming', 'updated redirecting', 'deleted terminated']);
    }
  },
  '§2 POST /{id}/transfer { transferTarget }': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      const { stage, invite, act } = await establish(root);
      assert.equal((await act('transfer', { transferTarget: bob })).statusCode, 202);
      assert.equal(invite.dialog?.referrals[0]?.referTo, 'sip:bob@phones.example');
      invite.dialog?.referrals[0]?.end({ accepted: true, status: 200, reason: 'OK' });
      await settle();
      assert.deepEqual(told(stage).slice(-4), [
        'updated transferring',
        'updated transferAccepted',
        'updated terminating',
        'deleted terminated',
      ]);
    }
  },
  '§2 POST /{id}/playPrompt': async () => {
    for (const root of ROOTS) {
      const { stage, operate } = await establish(root);
      await operate('playPrompt', { prompts: [prompt] });
      stage.engine.line.running.end('finished');
      await settle();
      const { status, resultInfo, ...rest } = stage.lastOperationTold().resourceData;
      const type = dialectOf(root) === 'app' ? 'commsOperation' : 'playPromptOperation';
      assert.deepEqual([status, rest['@odata.type']], ['completed', `#microsoft.graph.${type}`]);
      assert.deepEqual(
        [resultInfo.code, resultInfo.subcode, resultInfo.message],
        [200, 0, 'Action completed successfully.'],
      );
    }
  },
  '§2 POST /{id}/record, /recordResponse': async () => {
    for (const root of ROOTS) {
      const { stage, operate } = await establish(root);
      await operate('record');
      await operate('recordResponse');
      assert.deepEqual(
        stage.engine.line.runs.map(({ spec }) => spec.kind),
        ['record', 'record'],
      );
    }
  },
  '§2 POST /{id}/subscribeToTone': async () => {
    await doneAtOnce('subscribeToTone', '#microsoft.graph.subscribeToToneOperation');
    for (const root of ROOTS) {
      const { stage, operate } = await establish(root);
      await operate('subscribeToTone');
      const keys = ['0', '9', '*', '#', 'A', 'D', 'flash'] as const;
      for (const key of keys) stage.engine.line.press(key);
      await settle();
      const tones = stage.notifications().filter(({ resourceData }) => resourceData.toneInfo !== undefined);
      assert.deepEqual(
        tones.map(({ changeType, resourceData: { toneInfo, id, state } }) => [
          changeType,
          toneInfo.sequenceId,
          toneInfo.tone,
          id === stage.callIds().at(-1),
          state,
        ]),
        ['tone0', 'tone9', 'star', 'pound', 'a', 'd', 'flash'].map((tone, index) => [
          'updated',
          index + 1,
          tone,
          true,
          undefined,
        ]),
      );
    }
  },
  '§2 POST /{id}/cancelMediaProcessing { all?, clientContext? }': async () => {
    await doneAtOnce('cancelMediaProcessing', '#microsoft.graph.cancelMediaProcessingOperation');
    for (const body of [{}, { all: true }, { all: false }]) {
      const { stage, operate } = await establish(COMMUNICATIONS);
      await operate('subscribeToTone');
      await operate('playPrompt', { prompts: [prompt] });
      await operate('recordResponse');
      await operate('cancelMediaProcessing', body);
      const finals = stage.notifications().filter(({ resource }) => resource.includes('/operations/'));
      assert.deepEqual(
        finals.map(({ changeType, resourceData }) => [changeType, resourceData.resultInfo.subcode]),
        [
          ['deleted', 8508],
          ['deleted', 8508],
        ],
      );
      stage.engine.line.press('1');
      await settle();
      assert.equal(stage.notifications().at(-1)?.resourceData.toneInfo.tone, 'tone1', 'still subscribed');
    }
  },
  '§2 POST /{id}/mute, /unmute': async () => {
    await doneAtOnce('mute', '#microsoft.graph.muteParticipantOperation');
    await doneAtOnce('unmute', '#microsoft.graph.unmuteParticipantOperation');
    const { stage, operate } = await establish(APP);
    await operate('mute');
    assert.equal(stage.engine.line.muted, true);
    await operate('unmute');
    assert.equal(stage.engine.line.muted, false);
  },
  '§2 POST /{id}/keepAlive': async () => {
    for (const root of ROOTS) {
      const { stage, call, act } = await establish(root);
      const answer = await act('keepAlive');
      assert.deepEqual([answer.statusCode, answer.body], [200, '']);
      await stage.send('DELETE', call);
      assert.equal((await act('keepAlive')).statusCode, 404);
    }
  },
  '§2 GET /{id}/operations, /{id}/operations/{opId}': async () => {
    for (const root of ROOTS) {
      const { stage, call, operate } = await establish(root);
      const first = await operate('record', { clientContext: 'first' });
      const second = await operate('playPrompt', { prompts: [prompt] });
      const list = (await stage.send('GET', `${call}/operations`)).json();
      assert.deepEqual(
        list.value.map(({ id }: { id: string }) => id),
        [first, second],
      );
      const page = (await stage.send('GET', `${call}/operations?$top=1`)).json();
      assert.deepEqual([page.value.length, page.value[0].id], [1, first]);
      const next = page['@odata.nextLink'].slice(PUBLIC_URL.length);
      const rest = (await stage.send('GET', next)).json();
      assert.deepEqual([rest.value[0].id, rest['@odata.nextLink']], [second, undefined]);
      const one = await stage.send('GET', `${call}/operations/${first}`);
      assert.deepEqual([one.statusCode, one.json().clientContext], [200, 'first']);
      stage.engine.line.running.end('initialSilence');
      await stage.send('DELETE', call);
      const after = (await stage.send('GET', `${call}/operations/${first}`)).json();
      assert.equal(after.resultInfo.subcode, 8510, 'also after the call');
    }
  },
  '§2 GET /{id}/participants, /{id}/participants/{pid}': async () => {
    for (const root of [APP, APPLICATIONS, COMMUNICATIONS]) {
      const { stage, call, operate } = await establish(root);
      await operate('mute');
      const { value } = (await stage.send('GET', `${call}/participants`)).json();
      const { myParticipantId } = (await stage.send('GET', call)).json();
      assert.equal(value.length, 2);
      const me = value.find(({ id }: { id: string }) => id === myParticipantId);
      const caller = value.find(({ id }: { id: string }) => id !== myParticipantId);
      assert.deepEqual([me.isMuted, me.info.identity.application.id], [true, BOT.id]);
      assert.deepEqual([caller.isMuted, caller.info.identity.phone.id], [false, '+14255550100']);
      const one = await stage.send('GET', `${call}/participants/${caller.id}`);
      assert.deepEqual([one.statusCode, one.json().id], [200, caller.id]);
      refused(await stage.send('GET', `${call}/participants/${BOT.id}`), 404, '8522');
    }
  },
};
