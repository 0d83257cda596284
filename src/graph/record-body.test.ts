import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ApiStage, CALL_ID, setApiStage } from '../../test/support/api-stage.ts';
import type { RecordRequest } from '../call/model.ts';

let stage: ApiStage;
before(async () => {
  stage = await setApiStage();
});
after(() => stage.app.close());

const PATH = `/beta/app/calls/${CALL_ID}/record`;
const PROMPT = { mediaInfo: { uri: 'https://cdn.example.com/hi.wav' } };

/** What the call layer is asked when this is posted; the test fails when nothing is. */
async function requestOf(body: unknown): Promise<RecordRequest> {
  const before = stage.asked.length;
  const reply = await stage.send('POST', PATH, body);
  assert.equal(reply.statusCode, 202, reply.body);
  assert.equal(stage.asked.length, before + 1);
  const { command } = stage.asked.at(-1)!;
  assert.equal(command.name, 'record');
  return command.request;
}

/** The message of the 400; the test fails when anything was queued. */
async function refusalOf(body: unknown): Promise<string> {
  const before = stage.asked.length;
  const reply = await stage.send('POST', PATH, body);
  assert.equal(reply.statusCode, 400, reply.body);
  assert.equal(reply.json().error.code, '8523');
  assert.equal(stage.asked.length, before, 'nothing is queued');
  return reply.json().error.message;
}

const DEFAULTS: RecordRequest = {
  prompts: [],
  bargeIn: false,
  sensitivity: undefined,
  format: 'wav',
  trimSilence: false,
  channels: 1,
  initialSilenceSeconds: 5,
  maxSilenceSeconds: 5,
  maxDurationSeconds: 5,
  beep: true,
  streaming: false,
  stopTones: [],
};

test('a record without a body, with an empty one and with an empty object has every default', async () => {
  assert.deepEqual(await requestOf(undefined), DEFAULTS);
  assert.deepEqual(await requestOf(''), DEFAULTS);
  assert.deepEqual(await requestOf({}), DEFAULTS);
});

test('null for every optional member is the same as leaving it out', async () => {
  const members = {
    prompts: null,
    bargeInAllowed: null,
    initialSilenceTimeoutInSeconds: null,
    maxSilenceTimeoutInSeconds: null,
    maxRecordDurationInSeconds: null,
    recordingFormat: null,
    playBeep: null,
    streamWhileRecording: null,
    stopTones: null,
    clientContext: null,
  };
  assert.deepEqual(await requestOf(members), DEFAULTS);
  assert.equal(Object.hasOwn(stage.asked.at(-1)!.command, 'clientContext'), true);
  const prompts = [{ mediaInfo: { uri: 'file:./hi.wav', resourceId: null }, loop: null }];
  assert.deepEqual((await requestOf({ prompts })).prompts, [
    { uri: 'file:./hi.wav', resourceId: undefined, times: 1 },
  ]);
});

for (const [member, max, key] of [
  ['initialSilenceTimeoutInSeconds', 300, 'initialSilenceSeconds'],
  ['maxSilenceTimeoutInSeconds', 300, 'maxSilenceSeconds'],
  ['maxRecordDurationInSeconds', 1800, 'maxDurationSeconds'],
] as const) {
  test(`${member} goes from 1 to ${max}`, async () => {
    for (const seconds of [1, max]) assert.equal((await requestOf({ [member]: seconds }))[key], seconds);
    assert.equal((await requestOf(`{"${member}": 7.0}`))[key], 7);
    for (const wrong of [0, -1, max + 1, 1.5, 2 ** 53, '5', '', true, [5], {}]) {
      const message = await refusalOf({ [member]: wrong });
      assert.match(message, new RegExp(`^\\$\\.${member} is .*from 1 to ${max}`), JSON.stringify(wrong));
    }
    await refusalOf(`{"${member}": 1e999}`);
  });
}

for (const [member, key] of [
  ['bargeInAllowed', 'bargeIn'],
  ['playBeep', 'beep'],
  ['streamWhileRecording', 'streaming'],
] as const) {
  test(`${member} is true or false and nothing like it`, async () => {
    for (const value of [true, false]) assert.equal((await requestOf({ [member]: value }))[key], value);
    for (const wrong of ['true', 1, 0, [], {}, '']) {
      assert.match(await refusalOf({ [member]: wrong }), new RegExp(`^\\$\\.${member} is .*true or false`));
    }
  });
}

test('recordingFormat is wav, mp3, flac or ogg in any case', async () => {
  for (const right of ['wav', 'mp3', 'flac', 'ogg', 'WAV', 'Mp3', 'FLAC'])
    assert.equal((await requestOf({ recordingFormat: right })).format, right.toLowerCase());
  for (const wrong of ['opus', 'wave', '', 1, ['wav']])
    assert.match(
      await refusalOf({ recordingFormat: wrong }),
      /^\$\.recordingFormat is .*wav, mp3, flac or ogg/,
    );
});

test('recordingChannels is mono or dual, trimSilence true or false', async () => {
  assert.equal((await requestOf({ recordingChannels: 'dual' })).channels, 2);
  assert.equal((await requestOf({ recordingChannels: 'mono', trimSilence: true })).trimSilence, true);
  for (const wrong of ['stereo', 2, true, ''])
    assert.match(await refusalOf({ recordingChannels: wrong }), /^\$\.recordingChannels is .*mono .*dual/);
  assert.match(await refusalOf({ trimSilence: 'yes' }), /^\$\.trimSilence is .*true or false/);
});

test('what is read while it grows is a wav, and not trimmed', async () => {
  const streamWhileRecording = true;
  await requestOf({ streamWhileRecording, recordingFormat: 'WAV', recordingChannels: 'dual' });
  assert.match(
    await refusalOf({ streamWhileRecording, recordingFormat: 'mp3' }),
    /^\$\.recordingFormat is "mp3".*wav/,
  );
  assert.match(await refusalOf({ streamWhileRecording, trimSilence: true }), /^\$\.trimSilence is true/);
});

test('speechSensitivity is low, normal or high', async () => {
  for (const right of ['low', 'normal', 'high'] as const)
    assert.equal((await requestOf({ speechSensitivity: right })).sensitivity, right);
  for (const wrong of ['', 'LOW', 0.5, ['low']])
    assert.match(
      await refusalOf({ speechSensitivity: wrong }),
      /^\$\.speechSensitivity is .*low, normal or high/,
    );
});

test('a stop tone is one or more keys, letters in any case', async () => {
  const stopTones = ['#', '11', '*', '0', '123456789', 'A', 'bCd'];
  assert.deepEqual((await requestOf({ stopTones })).stopTones, stopTones);
  for (const wrong of ['', 'E', '#!', ' ', '1 1', '１', 1, null, ['#'], {}]) {
    assert.match(
      await refusalOf({ stopTones: ['#', wrong] }),
      /^\$\.stopTones\[1\] is .*keys of 0-9 \* # A-D/,
    );
  }
  for (const wrong of ['#', 1, true, {}]) {
    assert.match(await refusalOf({ stopTones: wrong }), /^\$\.stopTones is .*a list/);
  }
});

test('clientContext has up to 256 characters', async () => {
  for (const text of ['', 'x', 'x'.repeat(256)]) {
    await requestOf({ clientContext: text });
    const { command } = stage.asked.at(-1)!;
    assert.equal(command.name === 'record' && command.clientContext, text);
  }
  for (const wrong of ['x'.repeat(257), 1, true, [], {}]) {
    assert.match(await refusalOf({ clientContext: wrong }), /^\$\.clientContext is .*at most 256 characters/);
  }
});

test('prompts are taken in order, any number of them, and loop 0 is for ever', async () => {
  const uri = 'https://cdn.example.com/hi.wav';
  const prompts = [
    { mediaInfo: { uri, resourceId: '1D6DE2D4' }, loop: 5 },
    { '@odata.type': 'microsoft.graph.mediaPrompt', mediaInfo: { uri }, loop: 0 },
    { mediaInfo: { '@odata.type': '#microsoft.graph.mediaInfo', uri } },
    { mediaInfo: { uri }, loop: 2_147_483_647 },
  ];
  assert.deepEqual((await requestOf({ prompts })).prompts, [
    { uri, resourceId: '1D6DE2D4', times: 5 },
    { uri, resourceId: undefined, times: Infinity },
    { uri, resourceId: undefined, times: 1 },
    { uri, resourceId: undefined, times: 2_147_483_647 },
  ]);
  const many = Array.from({ length: 250 }, () => PROMPT);
  assert.equal((await requestOf({ prompts: many })).prompts.length, 250);
});

const wrongPrompts: readonly (readonly [unknown, RegExp])[] = [
  [PROMPT, /^\$\.prompts is .*a list/],
  [['https://x/'], /^\$\.prompts\[0\] is "https:\/\/x\/"/],
  [[null], /^\$\.prompts\[0\] is null/],
  [[PROMPT, {}], /^\$\.prompts\[1\]\.mediaInfo is missing/],
  [[PROMPT, { mediaInfo: null }], /^\$\.prompts\[1\]\.mediaInfo is missing/],
  [[{ mediaInfo: 'x' }], /^\$\.prompts\[0\]\.mediaInfo is "x"/],
  [[{ mediaInfo: {} }], /^\$\.prompts\[0\]\.mediaInfo\.uri is missing; it must be an absolute URI/],
  [[{ mediaInfo: { uri: null } }], /^\$\.prompts\[0\]\.mediaInfo\.uri is missing/],
  [[{ mediaInfo: { uri: '' } }], /^\$\.prompts\[0\]\.mediaInfo\.uri is "".*absolute URI/],
  [[{ mediaInfo: { uri: 'hi.wav' } }], /^\$\.prompts\[0\]\.mediaInfo\.uri is "hi\.wav"/],
  [[{ mediaInfo: { uri: '/hi.wav' } }], /^\$\.prompts\[0\]\.mediaInfo\.uri is/],
  [[{ mediaInfo: { uri: 'https://a b/' } }], /^\$\.prompts\[0\]\.mediaInfo\.uri is/],
  [[{ mediaInfo: { uri: 7 } }], /^\$\.prompts\[0\]\.mediaInfo\.uri is 7/],
  [[{ mediaInfo: { uri: 'https://x/', resourceId: 7 } }], /^\$\.prompts\[0\]\.mediaInfo\.resourceId is 7/],
  [[{ ...PROMPT, loop: -1 }], /^\$\.prompts\[0\]\.loop is -1.*0 for ever/],
  [[{ ...PROMPT, loop: 1.5 }], /^\$\.prompts\[0\]\.loop is 1\.5/],
  [[{ ...PROMPT, loop: true }], /^\$\.prompts\[0\]\.loop is true/],
  [[{ ...PROMPT, loop: '2' }], /^\$\.prompts\[0\]\.loop is "2"/],
  [[{ ...PROMPT, loop: 2_147_483_648 }], /^\$\.prompts\[0\]\.loop is 2147483648/],
];

for (const [prompts, expected] of wrongPrompts) {
  test(`the prompts ${JSON.stringify(prompts)} are refused with ${expected}`, async () => {
    assert.match(await refusalOf({ prompts }), expected);
  });
}

test('unknown members and the order of members do not matter', async () => {
  const body = { nobody: { knows: [null] }, playBeep: false, '@odata.type': '#microsoft.graph.x' };
  assert.deepEqual(await requestOf(body), { ...DEFAULTS, beep: false });
});

for (const [what, body] of [
  ['a list', '[]'],
  ['a text', '"x"'],
  ['a number', '1'],
  ['null', 'null'],
  ['cut off', '{"playBeep":'],
  ['not JSON', 'playBeep=true'],
  ['only blanks', '  '],
] as const) {
  test(`a body that is ${what} is refused`, async () => {
    await refusalOf(body);
  });
}

test('members named like what every object inherits change nothing', async () => {
  const reply = await stage.send(
    'POST',
    PATH,
    '{"__proto__":{"playBeep":false},"constructor":{"prototype":{}}}',
  );
  assert.ok([202, 400].includes(reply.statusCode));
  assert.equal(({} as { playBeep?: boolean }).playBeep, undefined);
  assert.deepEqual(await requestOf({ toString: 1, hasOwnProperty: 2, valueOf: null }), DEFAULTS);
});

test('of a member that is given twice the last one holds', async () => {
  assert.equal((await requestOf('{"playBeep":true,"playBeep":false}')).beep, false);
});

test('the request of the founding page is taken as it stands', async () => {
  const page = {
    bargeInAllowed: true,
    clientContext: 'd45324c1-fcb5-430a-902c-f20af696537c',
    prompts: [
      {
        '@odata.type': '#microsoft.graph.mediaPrompt',
        mediaInfo: {
          uri: 'https://cdn.contoso.com/beep.wav',
          resourceId: '1D6DE2D4-CD51-4309-8DAA-70768651088E',
        },
        loop: 5,
      },
    ],
    maxRecordDurationInSeconds: 1800,
    initialSilenceTimeoutInSeconds: 10,
    maxSilenceTimeoutInSeconds: 2,
    recordingFormat: 'wav',
    playBeep: true,
    streamWhileRecording: true,
    stopTones: ['#', '11', '*'],
  };
  assert.deepEqual(await requestOf(page), {
    prompts: [
      {
        uri: 'https://cdn.contoso.com/beep.wav',
        resourceId: '1D6DE2D4-CD51-4309-8DAA-70768651088E',
        times: 5,
      },
    ],
    bargeIn: true,
    sensitivity: undefined,
    format: 'wav',
    trimSilence: false,
    channels: 1,
    initialSilenceSeconds: 10,
    maxSilenceSeconds: 2,
    maxDurationSeconds: 1800,
    beep: true,
    streaming: true,
    stopTones: ['#', '11', '*'],
  });
});
