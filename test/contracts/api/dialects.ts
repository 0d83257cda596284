import assert from 'node:assert/strict';
import { BOT, PUBLIC_URL } from '../../support/api-stage.ts';
import {
  APP,
  APPLICATIONS,
  type Case,
  COMMUNICATIONS,
  establish,
  prompt,
  ROOTS,
  refused,
  settle,
} from './stage.ts';

/** The operation as the bot is told of it last, after its run ended by `by`. */
async function finalOperation(root: string, action: string, by: 'stopTone' | 'finished', body: object = {}) {
  const { stage, operate } = await establish(root);
  await operate(action, body);
  stage.engine.line.running.record(8000);
  stage.engine.line.running.end(by);
  await settle();
  return stage.lastOperationTold();
}

/** §1: two dialects of one API. */
export const dialectCases: Readonly<Record<string, Case>> = {
  '§1 roots': async () => {
    for (const root of ROOTS) {
      const { stage, call } = await establish(root);
      const answer = await stage.send('GET', call);
      assert.equal(answer.statusCode, 200, `${root}: ${answer.body}`);
      assert.equal(
        (await stage.send('GET', call.toUpperCase().replace(/^.*\/CALLS/, `${root}/calls`))).statusCode,
        200,
      );
      const bare = call.slice(0, -36) + call.slice(-36).replaceAll('-', '');
      assert.equal((await stage.send('GET', bare)).statusCode, 200, 'ids match without dashes');
    }
    const { stage, call } = await establish(APP);
    refused(await stage.send('GET', call.replace('/beta/app', '/v1.0/app')), 404, 'ResourceNotFound');
  },
  '§1 record': async () => {
    for (const [root, action] of [
      [APP, 'record'],
      [COMMUNICATIONS, 'recordResponse'],
      [COMMUNICATIONS, 'record'],
    ] as const) {
      await (await establish(root)).operate(action);
      await (await establish(root)).operate(`microsoft.graph.${action}`);
    }
  },
  '§1 answer to a media action': async () => {
    const app = await establish(APP);
    const accepted = await app.act('playPrompt', { prompts: [prompt] });
    assert.deepEqual([accepted.statusCode, accepted.body], [202, '']);
    assert.match(String(accepted.headers.location), new RegExp(`^${PUBLIC_URL}${app.call}/operations/`));

    const today = await establish(COMMUNICATIONS);
    const first = await today.act('playPrompt', { prompts: [prompt] });
    const second = await today.act('recordResponse', { clientContext: 'second' });
    assert.deepEqual([first.statusCode, first.json().status], [200, 'running']);
    assert.deepEqual([second.json().status, second.json().clientContext], ['notStarted', 'second']);
    assert.equal(String(first.headers.location), `${PUBLIC_URL}${today.call}/operations/${first.json().id}`);
  },
  '§1 notification envelope': async () => {
    const app = (await establish(APP)).stage.notifications()[0];
    assert.deepEqual(Object.keys(app?.envelope), ['value']);
    assert.deepEqual(Object.keys(app?.envelope.value[0]), ['changeType', 'resource', 'resourceData']);
    const today = (await establish(COMMUNICATIONS)).stage.notifications()[0];
    assert.equal(today?.envelope['@odata.type'], '#microsoft.graph.commsNotifications');
    const [value] = today?.envelope.value ?? [];
    assert.equal(value['@odata.type'], '#microsoft.graph.commsNotification');
    assert.equal(value.resourceUrl, value.resource);
  },
  '§1 resource path in it': async () => {
    for (const [root, start] of [
      [APP, '/app/calls/'],
      [APPLICATIONS, `/applications/${BOT.id}/calls/`],
      [COMMUNICATIONS, '/communications/calls/'],
    ] as const) {
      const told = await finalOperation(root, 'record', 'stopTone');
      assert.ok(told.resource.startsWith(start), told.resource);
      assert.equal(told.resourceData['@odata.id'], told.resource);
    }
  },
  '§1 recording fields': async () => {
    const app = (await finalOperation(APP, 'record', 'stopTone')).resourceData;
    assert.ok(app.recordResourceLocation && app.recordResourceAccessToken && !app.recordingLocation);
    const today = (await finalOperation(COMMUNICATIONS, 'recordResponse', 'stopTone')).resourceData;
    assert.ok(today.recordingLocation && today.recordingAccessToken && !today.recordResourceLocation);
  },
  '§1 why it ended': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      const { completionReason, resultInfo } = (await finalOperation(root, 'record', 'stopTone'))
        .resourceData;
      assert.deepEqual([completionReason, resultInfo.subcode], ['stopToneDetected', 8514]);
    }
  },
  '§1 dates': async () => {
    const app = (await finalOperation(APP, 'record', 'stopTone')).resourceData;
    assert.ok(Date.parse(app.createdDateTime) <= Date.parse(app.lastActionDateTime));
    const today = (await finalOperation(COMMUNICATIONS, 'record', 'stopTone')).resourceData;
    assert.ok(!('createdDateTime' in today) && !('lastActionDateTime' in today));
  },
  '§1 prompt loop': async () => {
    const specOf = async (root: string, body: object) => {
      const { stage, operate } = await establish(root);
      await operate('playPrompt', body);
      const { spec } = stage.engine.line.running;
      return spec.kind === 'playPrompt' ? [spec.loop, spec.prompts.map(({ times }) => times)] : [];
    };
    const looped = (loop: number) => ({ ...prompt, loop });
    assert.deepEqual(await specOf(APP, { prompts: [prompt, looped(3), looped(0)] }), [
      false,
      [1, 3, Infinity],
    ]);
    assert.deepEqual(await specOf(COMMUNICATIONS, { prompts: [prompt] }), [false, [1]]);
    assert.deepEqual(await specOf(COMMUNICATIONS, { prompts: [prompt], loop: true }), [true, [1]]);
  },
  '§1 prompts in one action': async () => {
    const many = (count: number) => ({ prompts: Array.from({ length: count }, () => prompt) });
    await (await establish(APP)).operate('record', many(30));
    await (await establish(APP)).operate('playPrompt', many(30));
    const today = await establish(COMMUNICATIONS);
    await today.operate('recordResponse', many(1));
    await today.operate('playPrompt', many(20));
    assert.match(refused(await today.act('recordResponse', many(2)), 400, '8523'), /\$\.prompts/);
    assert.match(refused(await today.act('playPrompt', many(21)), 400, '8523'), /\$\.prompts/);
  },
  '§1 bargeInAllowed': async () => {
    const broken = async (root: string) => {
      const { stage, operate } = await establish(root);
      await operate('playPrompt', { prompts: [prompt] });
      await operate('record', { prompts: [prompt], bargeInAllowed: true });
      const { spec } = stage.engine.line.running;
      return [spec.kind, 'bargeIn' in spec && spec.bargeIn];
    };
    // The caller may break in; the request itself waits for its turn.
    assert.deepEqual(await broken(APP), ['playPrompt', false]);
    assert.deepEqual(await broken(COMMUNICATIONS), ['record', true]);
  },
};
