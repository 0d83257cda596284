import assert from 'node:assert/strict';
import { BOT } from '../../support/api-stage.ts';
import { setGraphStage } from '../../support/graph-stage.ts';
import { APP, type Case, COMMUNICATIONS, establish, prompt, refused, ring, settle } from './stage.ts';

const head = ['@odata.type', '@odata.id', '@odata.etag', 'id'];

/** §2.1: resources as they travel. */
export const resourceCases: Readonly<Record<string, Case>> = {
  '§2.1 call': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      const { stage, call, operate } = await establish(root);
      await operate('subscribeToTone');
      stage.engine.line.press('5');
      await settle();
      const answer = (await stage.send('GET', call)).json();
      const members = [
        ...head,
        ...['state', 'direction', 'callbackUri', 'source', 'targets', 'callRoutes', 'requestedModalities'],
        ...['mediaConfig', 'mediaState', 'tenantId', 'myParticipantId', 'toneInfo'],
      ];
      for (const member of members)
        assert.ok(member in answer, `${root}: ${member} of ${Object.keys(answer)}`);
      assert.equal(answer['@odata.type'], '#microsoft.graph.call');
      assert.match(answer['@odata.etag'], /^W\/"/);
      assert.equal(answer.mediaState.audio, 'active');
      await stage.send('DELETE', call);
      const ended = stage.notifications().at(-1)?.resourceData;
      assert.deepEqual([ended.terminationReason, ended.resultInfo.code], ['AppInitiated', 200]);
      const ofCall = stage.notifications().filter(({ resource }) => !resource.includes('/operations/'));
      const etags = ofCall.map(({ resourceData }) => resourceData['@odata.etag']);
      assert.equal(new Set(etags).size, etags.length, 'changes with each change');
    }
  },
  '§2.1 record operation': async () => {
    const { stage, call, operate } = await establish(APP);
    const id = await operate('record', { clientContext: 'context', streamWhileRecording: true });
    stage.engine.line.running.record(8000);
    await settle();
    const running = stage.lastOperationTold();
    assert.deepEqual([running.changeType, running.resourceData.status], ['updated', 'running']);
    assert.ok(running.resourceData.recordResourceLocation);
    stage.engine.line.running.end('maxSilence');
    await settle();
    const { resourceData: final, changeType } = stage.lastOperationTold();
    assert.equal(changeType, 'deleted');
    assert.equal(final['@odata.type'], '#microsoft.graph.recordOperation');
    const members = ['status', 'clientContext', 'completionReason', 'resultInfo', 'createdDateTime'];
    for (const member of [...head, ...members, 'lastActionDateTime']) assert.ok(member in final, member);
    assert.deepEqual((await stage.send('GET', `${call}/operations/${id}`)).json(), final);
  },
  '§2.1 other operations': async () => {
    for (const [root, types] of [
      [APP, Array.from({ length: 5 }, () => 'commsOperation')],
      [
        COMMUNICATIONS,
        [
          'playPromptOperation',
          'subscribeToToneOperation',
          'cancelMediaProcessingOperation',
          'muteParticipantOperation',
          'unmuteParticipantOperation',
        ],
      ],
    ] as const) {
      const { stage, call, operate } = await establish(root);
      await operate('playPrompt', { prompts: [prompt] });
      for (const action of ['subscribeToTone', 'cancelMediaProcessing', 'mute', 'unmute'])
        await operate(action);
      const { value } = (await stage.send('GET', `${call}/operations`)).json();
      assert.deepEqual(
        value.map((one: Record<string, string>) => one['@odata.type']),
        types.map((type) => `#microsoft.graph.${type}`),
      );
    }
  },
  '§2.1 who': async () => {
    const { source, targets } = (await ring(APP)).stage.notifications()[0]?.resourceData ?? {};
    assert.equal(source['@odata.type'], '#microsoft.graph.participantInfo');
    assert.deepEqual([source.identity.phone.id, source.identity.phone.displayName], ['+14255550100', 'Ada']);
    assert.ok('languageId' in source && 'region' in source);
    assert.equal(targets[0].identity.application.id, BOT.id);
    const stage = await setGraphStage('communications');
    await stage.ring({ from: '"Bob" <sip:bob@phones.example>;tag=2' });
    const told = stage.notifications()[0]?.resourceData;
    assert.deepEqual(
      [told.source.identity.user.id, told.source.identity.user.displayName],
      ['sip:bob@phones.example', 'Bob'],
    );
    assert.equal(told.callRoutes[0].original.user.id, 'sip:voicemail@tonearm.example');
  },
  '§2.1 prompt': async () => {
    const { stage, operate } = await establish(APP);
    await operate('playPrompt', {
      prompts: [{ '@odata.type': 'microsoft.graph.mediaPrompt', ...prompt, loop: 2 }],
    });
    assert.deepEqual(stage.fetched, [prompt.mediaInfo.uri]);
    assert.deepEqual(stage.engine.line.running.spec.prompts, [{ audio: 0, times: 2 }]);
  },
  '§2.1 media': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      const { stage, call, invite } = await ring(root);
      const hosted = { '@odata.type': '#microsoft.graph.appHostedMediaConfig', blob: 'x' };
      refused(await stage.send('POST', `${call}/answer`, { mediaConfig: hosted }), 400, '8500');
      assert.deepEqual(invite.sent, ['ring']);
      const mediaConfig = {
        '@odata.type': 'microsoft.graph.serviceHostedMediaConfig',
        preFetchMedia: [prompt.mediaInfo],
      };
      assert.equal((await stage.send('POST', `${call}/answer`, { mediaConfig })).statusCode, 202);
      const { mediaConfig: told } = (await stage.send('GET', call)).json();
      assert.equal(told['@odata.type'], '#microsoft.graph.serviceHostedMediaConfig');
      assert.equal(told.preFetchMedia[0].uri, prompt.mediaInfo.uri);
    }
  },
  '§2.1 result': async () => {
    const { stage, invite } = await establish(COMMUNICATIONS);
    invite.dialog?.hangUp();
    await settle();
    const { resultInfo } = stage.notifications().at(-1)?.resourceData ?? {};
    assert.equal(resultInfo['@odata.type'], '#microsoft.graph.resultInfo');
    assert.deepEqual(Object.keys(resultInfo).sort(), ['@odata.type', 'code', 'message', 'subcode']);
  },
};
