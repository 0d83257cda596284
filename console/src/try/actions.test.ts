import assert from 'node:assert/strict';
import { test } from 'node:test';
import type Type from 'typebox';
import {
  CancelBody,
  ContextBody,
  LoopedPrompt,
  playPromptBody,
  recordBody,
} from '../../../src/graph/media-schemas.ts';
import { AnswerBody, RedirectBody, RejectBody, TransferBody } from '../../../src/graph/schemas.ts';
import { ACTIONS, bodyOf, curlOf } from './actions.ts';

const record = recordBody({
  prompt: LoopedPrompt,
  mostPrompts: 9,
  silenceSeconds: 300,
  durationSeconds: 1800,
});
const SCHEMAS: Readonly<Record<string, ReturnType<typeof Type.Object>>> = {
  record,
  playPrompt: playPromptBody(LoopedPrompt, 9),
  subscribeToTone: ContextBody,
  cancelMediaProcessing: CancelBody,
  answer: AnswerBody,
  reject: RejectBody,
  redirect: RedirectBody,
  transfer: TransferBody,
  mute: ContextBody,
  unmute: ContextBody,
};
/** Taken for compatibility's sake, and of no use to who tries. */
const NOT_ASKED = new Set([
  'acceptedModalities',
  'mediaConfig',
  'targetDisposition',
  'maskCallee',
  'maskCaller',
]);

const actionOf = (name: string) => ACTIONS.find((action) => action.name === name)!;

for (const [name, schema] of Object.entries(SCHEMAS))
  test(`the form for ${name} has every parameter that the server takes, with the server's defaults`, () => {
    const { parameters } = actionOf(name);
    const taken = Object.keys(schema.properties).filter((member) => !NOT_ASKED.has(member));
    assert.deepEqual(parameters.map((parameter) => parameter.name).toSorted(), taken.toSorted());
    for (const parameter of parameters) {
      const { default: fallback } = schema.properties[parameter.name] as { readonly default?: unknown };
      if (fallback !== undefined && 'fallback' in parameter)
        assert.equal(parameter.fallback, fallback, parameter.name);
    }
  });

test('what is left at its default is not sent, and the rest has the types of the API', () => {
  const body = bodyOf(actionOf('record'), {
    prompts: 'http://127.0.0.1:9000/a.wav',
    bargeInAllowed: true,
    playBeep: true,
    maxSilenceTimeoutInSeconds: '5',
    maxRecordDurationInSeconds: '1800',
    recordingFormat: 'mp3',
    stopTones: '#, 11',
    clientContext: '',
  });
  assert.deepEqual(body, {
    prompts: [{ mediaInfo: { uri: 'http://127.0.0.1:9000/a.wav' } }],
    bargeInAllowed: true,
    maxRecordDurationInSeconds: 1800,
    recordingFormat: 'mp3',
    stopTones: ['#', '11'],
  });
});

test('a number is called as a phone, anything else as a user', () => {
  const body = bodyOf(actionOf('redirect'), { targets: '+1(425)555-0123 sip:desk@pbx.example' });
  assert.deepEqual(body.targets, [
    { identity: { phone: { id: '+1(425)555-0123' } } },
    { identity: { user: { id: 'sip:desk@pbx.example' } } },
  ]);
});

test('the curl command says the same to a shell', () => {
  const request = { method: 'POST', url: 'http://127.0.0.1:8080/x', body: { clientContext: "it's" } };
  assert.equal(
    curlOf(request),
    [
      "curl -i -X POST 'http://127.0.0.1:8080/x' \\",
      '  -H "Authorization: Bearer $TOKEN" \\',
      "  -H 'Content-Type: application/json' \\",
      `  -d '{"clientContext":"it'\\''s"}'`,
    ].join('\n'),
  );
});
