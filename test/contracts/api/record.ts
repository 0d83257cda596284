import assert from 'node:assert/strict';
import type { RecordSpec } from '../../../src/operation/operation.ts';
import { APP, type Case, COMMUNICATIONS, establish, prompt, refused, settle } from './stage.ts';

/** What the engine is asked for when the bot asks for this. */
async function specOf(root: string, body: object): Promise<RecordSpec> {
  const { stage, operate } = await establish(root);
  await operate('record', body);
  const { spec } = stage.engine.line.running;
  assert.equal(spec.kind, 'record');
  return spec as RecordSpec;
}

/** What is wrong with this, and that nothing was queued. */
async function whyNot(root: string, body: object): Promise<string> {
  const { stage, act } = await establish(root);
  const message = refused(await act('record', body), 400, '8523');
  assert.equal(stage.engine.line.runs.length, 0);
  return message;
}

/** A number of seconds with its default and its longest in each dialect. */
async function seconds(member: string, milliseconds: keyof RecordSpec, app: number): Promise<void> {
  for (const [root, longest] of [
    [APP, app],
    [COMMUNICATIONS, 120],
  ] as const) {
    assert.equal((await specOf(root, {}))[milliseconds], 5000);
    assert.equal((await specOf(root, { [member]: 1 }))[milliseconds], 1000);
    assert.equal((await specOf(root, { [member]: longest }))[milliseconds], longest * 1000);
    for (const wrong of [0, longest + 1, 1.5, '5', true]) {
      const message = await whyNot(root, { [member]: wrong });
      assert.ok(message.includes(`$.${member}`) && message.includes(`1 to ${longest}`), message);
    }
  }
}

/** §3: the parameters of record. */
export const recordCases: Readonly<Record<string, Case>> = {
  '§3 prompts': async () => {
    assert.deepEqual((await specOf(APP, {})).prompts, []);
    const spec = await specOf(APP, { prompts: [prompt, { ...prompt, loop: 5 }] });
    assert.deepEqual(spec.prompts, [
      { audio: 0, times: 1 },
      { audio: 1, times: 5 },
    ]);
    assert.match(await whyNot(APP, { prompts: [{ mediaInfo: {} }] }), /\$\.prompts\[0\]\.mediaInfo\.uri/);
    assert.match(await whyNot(COMMUNICATIONS, { prompts: 'hi.wav' }), /\$\.prompts/);
  },
  '§3 bargeInAllowed': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      assert.equal((await specOf(root, {})).bargeIn, false);
      assert.equal((await specOf(root, { bargeInAllowed: true })).bargeIn, true);
      assert.match(await whyNot(root, { bargeInAllowed: 1 }), /\$\.bargeInAllowed/);
    }
  },
  '§3 initialSilenceTimeoutInSeconds': () =>
    seconds('initialSilenceTimeoutInSeconds', 'initialSilenceMs', 300),
  '§3 maxSilenceTimeoutInSeconds': () => seconds('maxSilenceTimeoutInSeconds', 'maxSilenceMs', 300),
  '§3 maxRecordDurationInSeconds': () => seconds('maxRecordDurationInSeconds', 'maxDurationMs', 1800),
  '§3 recordingFormat': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      await specOf(root, { recordingFormat: 'wav' });
      assert.match(await whyNot(root, { recordingFormat: 'gsm' }), /\$\.recordingFormat/);
    }
  },
  '§3 playBeep': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      assert.equal((await specOf(root, {})).beep, true);
      assert.equal((await specOf(root, { playBeep: false })).beep, false);
      assert.match(await whyNot(root, { playBeep: 'no' }), /\$\.playBeep/);
    }
  },
  '§3 streamWhileRecording': async () => {
    for (const streamWhileRecording of [false, true]) {
      const { stage, operate } = await establish(COMMUNICATIONS);
      await operate('recordResponse', { streamWhileRecording });
      stage.engine.line.running.record(8000);
      await settle();
      const updates = stage
        .notifications()
        .filter(({ changeType, resource }) => changeType === 'updated' && resource.includes('/operations/'));
      assert.equal(updates.length, streamWhileRecording ? 1 : 0);
      assert.ok(updates.every(({ resourceData }) => resourceData.recordingLocation));
    }
  },
  '§3 stopTones': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      assert.deepEqual((await specOf(root, {})).stopTones, []);
      assert.deepEqual((await specOf(root, { stopTones: ['#', '11', '*', 'D'] })).stopTones, [
        ['#'],
        ['1', '1'],
        ['*'],
        ['D'],
      ]);
      for (const wrong of ['x', '', 1])
        assert.match(await whyNot(root, { stopTones: [wrong] }), /\$\.stopTones\[0\]/);
    }
  },
  '§3 clientContext': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      const { stage, operate } = await establish(root);
      const clientContext = 'c'.repeat(256);
      await operate('record', { clientContext });
      stage.engine.line.running.end('maxSilence');
      await settle();
      assert.equal(stage.lastOperationTold().resourceData.clientContext, clientContext);
      assert.match(await whyNot(root, { clientContext: 'c'.repeat(257) }), /\$\.clientContext/);
    }
  },
};
