/** What is different under the roots of today's Graph; what is the same is in call-routes.test.ts. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  type ApiStage,
  CALL_ID,
  OPERATION_ID,
  operation,
  PUBLIC_URL,
  setApiStage,
} from '../../test/support/api-stage.ts';
import type { OperationKind, RecordRequest } from '../call/model.ts';

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

const ROOTS = ['/beta/communications/calls', '/v1.0/communications/calls'];
const CALL = `${ROOTS[1]}/${CALL_ID}`;
const prompt = { mediaInfo: { uri: 'https://cdn.example.com/hi.wav' } };
const many = (count: number) => ({ prompts: Array.from({ length: count }, () => prompt) });

/** What the call layer is asked when this is posted. */
async function commandOf(action: string, body: unknown) {
  const reply = await stage.send('POST', `${CALL}/${action}`, body);
  assert.equal(reply.statusCode, 200, reply.body);
  return stage.asked.at(-1)!.command;
}

async function refusalOf(action: string, body: unknown): Promise<string> {
  const reply = await stage.send('POST', `${CALL}/${action}`, body);
  assert.deepEqual([reply.statusCode, reply.json().error.code], [400, '8523'], reply.body);
  assert.equal(stage.asked.length, 0, 'nothing is queued');
  return reply.json().error.message;
}

for (const root of ROOTS) {
  for (const [action, kind, type] of [
    ['playPrompt', 'playPrompt', 'playPromptOperation'],
    ['recordResponse', 'record', 'recordOperation'],
    ['record', 'record', 'recordOperation'],
    ['subscribeToTone', 'subscribeToTone', 'subscribeToToneOperation'],
    ['cancelMediaProcessing', 'cancelMediaProcessing', 'cancelMediaProcessingOperation'],
    ['mute', 'mute', 'muteParticipantOperation'],
    ['unmute', 'unmute', 'unmuteParticipantOperation'],
  ] as const satisfies readonly (readonly [string, OperationKind, string])[]) {
    for (const name of [action, `microsoft.graph.${action}`]) {
      test(`POST ${root}/…/${name} answers 200 with the operation, and its address in the version that was asked`, async () => {
        stage.answer = () => ({
          ok: true,
          operation: operation({ kind, spelling: 'communications', clientContext: 'mine' }),
        });
        const reply = await stage.send('POST', `${root}/${CALL_ID}/${name}`, many(1));
        assert.equal(reply.statusCode, 200);
        assert.equal(reply.headers.location, `${PUBLIC_URL}${root}/${CALL_ID}/operations/${OPERATION_ID}`);
        assert.deepEqual(reply.json(), {
          '@odata.type': `#microsoft.graph.${type}`,
          '@odata.id': `/communications/calls/${CALL_ID}/operations/${OPERATION_ID}`,
          '@odata.etag': 'W/"1"',
          id: OPERATION_ID,
          clientContext: 'mine',
          status: 'running',
        });
      });
    }
  }
}

test('an operation that is done at once is answered as completed, with its result', async () => {
  stage.answer = () => ({
    ok: true,
    operation: operation({
      kind: 'mute',
      spelling: 'communications',
      status: 'completed',
      end: { by: 'finished' },
    }),
  });
  const { status, resultInfo, ...rest } = (await stage.send('POST', `${CALL}/mute`)).json();
  assert.deepEqual([status, resultInfo.code, resultInfo.subcode], ['completed', 200, 0]);
  assert.equal('completionReason' in rest, false);
});

for (const [member, key] of [
  ['initialSilenceTimeoutInSeconds', 'initialSilenceSeconds'],
  ['maxSilenceTimeoutInSeconds', 'maxSilenceSeconds'],
  ['maxRecordDurationInSeconds', 'maxDurationSeconds'],
] as const satisfies readonly (readonly [string, keyof RecordRequest])[]) {
  test(`${member} goes from 1 to 120`, async () => {
    for (const [body, seconds] of [
      [{}, 5],
      [{ [member]: 1 }, 1],
      [{ [member]: 120 }, 120],
    ] as const) {
      const command = await commandOf('recordResponse', body);
      assert.equal(command.name === 'record' && command.request[key], seconds);
    }
    stage.asked.length = 0;
    for (const wrong of [0, 121, 1800, 1.5, '5'])
      assert.match(await refusalOf('recordResponse', { [member]: wrong }), /from 1 to 120/);
  });
}

test('a record has at most one prompt, playPrompt at most twenty', async () => {
  assert.match(await refusalOf('recordResponse', many(2)), /^\$\.prompts is .*at most 1 /);
  assert.match(await refusalOf('record', many(2)), /^\$\.prompts is .*at most 1 /);
  assert.match(await refusalOf('playPrompt', many(21)), /^\$\.prompts is .*at most 20 /);
  assert.match(await refusalOf('playPrompt', many(0)), /^\$\.prompts is \[\].*one or more/);
  await commandOf('recordResponse', many(1));
  await commandOf('playPrompt', many(20));
});

test('loop is of the action and a Boolean; that of a prompt is ignored, whatever it is', async () => {
  for (const [loop, expected] of [
    [undefined, false],
    [null, false],
    [false, false],
    [true, true],
  ] as const) {
    const command = await commandOf('playPrompt', { prompts: [{ ...prompt, loop: 'often' }], loop });
    assert.equal(command.name === 'playPrompt' && command.loop, expected);
    assert.deepEqual(command.name === 'playPrompt' && command.prompts.map(({ times }) => times), [1]);
  }
  stage.asked.length = 0;
  assert.match(
    await refusalOf('playPrompt', { ...many(1), loop: 2 }),
    /^\$\.loop is 2; it must be true or false/,
  );
});

test('bargeInAllowed breaks into what runs and waits, and lets the caller break in', async () => {
  for (const bargeInAllowed of [true, false]) {
    const played = await commandOf('playPrompt', { ...many(1), bargeInAllowed });
    assert.deepEqual(played.name === 'playPrompt' && [played.breaks, played.bargeIn], [
      bargeInAllowed,
      bargeInAllowed,
    ]);
    const recorded = await commandOf('recordResponse', { bargeInAllowed });
    assert.deepEqual(recorded.name === 'record' && [recorded.breaks, recorded.request.bargeIn], [
      bargeInAllowed,
      bargeInAllowed,
    ]);
  }
});

test('a record that the app dialect made is shown in the names of the root that is asked', async () => {
  const recording = { location: 'https://calls.example.com/recordings/r', accessToken: 'opens-it' };
  stage.answer = () => ({ ok: true, operation: operation({ spelling: 'app', recording }) });
  const shown = (await stage.send('GET', `${CALL}/operations/${OPERATION_ID}`)).json();
  assert.equal(shown['@odata.id'], `/communications/calls/${CALL_ID}/operations/${OPERATION_ID}`);
  assert.deepEqual([shown.recordingLocation, shown.recordingAccessToken], [recording.location, 'opens-it']);
  for (const member of ['recordResourceLocation', 'createdDateTime']) assert.equal(member in shown, false);
});

test('a call is shown under its own address', async () => {
  for (const root of ROOTS) {
    const shown = (await stage.send('GET', `${root}/${CALL_ID}`)).json();
    assert.equal(shown['@odata.id'], `/communications/calls/${CALL_ID}`);
  }
});
