import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { locate, readSound } from '../support/audio.ts';
import { isFinalOperation, isState } from '../support/bot.ts';
import { pcapFile, speechPackets } from '../support/pcap.ts';
import { hangUp, hungUp, wait } from '../support/scenarios.ts';
import { missing } from '../support/tools.ts';
import { capture, download, type VoicemailStage, voicemailStage } from '../support/voicemail-stage.ts';

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const skip = missing('/usr/bin/sipp', '/usr/bin/sox', SOUNDS);

test('how recordings end, with sipp for a caller', { skip, concurrency: 1 }, async (t) => {
  let stage: VoicemailStage;
  let speech: Int16Array;
  let greeting: { readonly mediaInfo: { readonly uri: string } };
  const silence = (ms: number) => capture([{ silenceMs: ms }]).pcap;
  before(async () => {
    stage = await voicemailStage({ config: { media: { receiveTimeout: '2s' } } });
    speech = readSound(`${SOUNDS}/tt-weasels.wav`);
    greeting = {
      mediaInfo: { uri: stage.bot.serve('greeting.wav', readFileSync(`${SOUNDS}/vm-intro.wav`)) },
    };
    stage.bot.serve('noise.wav', Buffer.from('this is no audio at all'));
  });
  after(() => stage?.close());

  const told = (final: {
    completionReason: string;
    status: string;
    resultInfo: { code: number; subcode: number };
    endReport: { rule: string; noiseFloorDbov: number; packetsExpected: number; packetsReceived: number };
  }) => {
    // Whatever ended it says what was heard until then.
    const { rule, noiseFloorDbov, packetsExpected, packetsReceived } = final.endReport;
    assert.ok(rule.length > 0 && noiseFloorDbov < 0);
    assert.ok(packetsReceived >= 0 && packetsReceived <= packetsExpected, `${packetsReceived} packets`);
    return [final.completionReason, final.status, final.resultInfo.code, final.resultInfo.subcode];
  };

  await t.test('a caller who says nothing: initialSilenceTimeout, and no recording', async () => {
    const calling = stage.caller(silence(4000));
    const call = await stage.answerNext();
    const final = await stage.record(call, { initialSilenceTimeoutInSeconds: 1 });
    assert.deepEqual(told(final), ['initialSilenceTimeout', 'failed', 400, 8510]);
    assert.equal('recordResourceLocation' in final, false);
    await stage.hangUp(call);
    await calling;
  });

  await t.test('the longest duration: exactly so long', async () => {
    const calling = stage.caller(capture([{ says: speech }, { silenceMs: 2000 }]).pcap);
    const call = await stage.answerNext();
    const final = await stage.record(call, {
      playBeep: false,
      maxRecordDurationInSeconds: 2,
      initialSilenceTimeoutInSeconds: 30,
    });
    assert.deepEqual(told(final), ['maxRecordDurationReached', 'completed', 200, 8515]);
    assert.equal((await download(final)).length, 16_000);
    await stage.hangUp(call);
    await calling;
  });

  await t.test('the pause is as long as asked, from the last word on', async () => {
    // Cut off within a word, so that there is no doubt where it ends.
    const says = speech.subarray(
      0,
      160 * Math.floor(speech.findLastIndex((sample) => Math.abs(sample) > 6000) / 160),
    );
    const calling = stage.caller(capture([{ silenceMs: 1000 }, { says }, { silenceMs: 4000 }]).pcap);
    const call = await stage.answerNext();
    const final = await stage.record(call, {
      playBeep: false,
      maxSilenceTimeoutInSeconds: 1,
      maxRecordDurationInSeconds: 60,
    });
    assert.deepEqual(told(final), ['maxSilenceTimeout', 'completed', 200, 8509]);
    const recorded = await download(final);
    const pauseMs = (recorded.length - locate(says, recorded).offset - says.length) / 8;
    assert.ok(Math.abs(pauseMs - 1000) <= 20, `the pause lasts ${pauseMs} ms`);
    await stage.hangUp(call);
    await calling;
  });

  await t.test('no media for the configured time: mediaReceiveTimeout, with what there is', async () => {
    const calling = stage.caller(capture([{ silenceMs: 600 }, { says: speech.subarray(0, 8000) }]).pcap);
    const call = await stage.answerNext();
    const final = await stage.record(call, {
      playBeep: false,
      maxRecordDurationInSeconds: 60,
      maxSilenceTimeoutInSeconds: 30,
      initialSilenceTimeoutInSeconds: 30,
    });
    assert.deepEqual(told(final), ['mediaReceiveTimeout', 'failed', 500, 8513]);
    assert.ok((await download(final)).length > 8000);
    await stage.hangUp(call);
    await calling;
  });

  for (const [name, uri, subcode] of [
    ['that is not there', '/nothing.wav', 8536],
    ['that is no audio', '/noise.wav', 8535],
  ] as const) {
    await t.test(`a prompt ${name}: playPromptFailed, ${subcode}`, async () => {
      const calling = stage.caller(silence(3000));
      const call = await stage.answerNext();
      const final = await stage.record(call, { prompts: [{ mediaInfo: { uri: stage.bot.origin + uri } }] });
      assert.deepEqual(told(final), ['playPromptFailed', 'failed', 500, subcode]);
      assert.equal('recordResourceLocation' in final, false);
      await stage.hangUp(call);
      await calling;
    });
  }

  await t.test(
    'speech that breaks into the prompt ends it, without a beep, and is kept from its onset',
    async () => {
      const calling = stage.caller(
        capture([{ silenceMs: 2500 }, { says: speech }, { silenceMs: 4000 }]).pcap,
      );
      const call = await stage.answerNext();
      const final = await stage.record(call, {
        prompts: [{ ...greeting, loop: 3 }],
        bargeInAllowed: true,
        maxSilenceTimeoutInSeconds: 2,
        maxRecordDurationInSeconds: 60,
      });
      assert.deepEqual(told(final), ['maxSilenceTimeout', 'completed', 200, 8509]);
      const recorded = await download(final);
      const found = locate(speech, recorded);
      assert.ok(found.correlation > 0.98, `correlation ${found.correlation}`);
      // What is cut off before the first sound of a word would show as a negative offset.
      const firstSound = speech.findIndex((sample) => Math.abs(sample) > 1000);
      assert.ok(
        found.offset + firstSound >= 0,
        `the first word begins ${(found.offset + firstSound) / 8} ms into the recording`,
      );
      await stage.hangUp(call);
      await calling;
    },
  );

  await t.test(
    'a stop tone in the prompt ends all; another key only the prompt, and may begin a stop tone',
    async () => {
      const { pcap } = capture([
        { silenceMs: 2000 },
        { key: '#' },
        { silenceMs: 2500 },
        { key: '1' },
        { silenceMs: 300 },
        { key: '1' },
        { silenceMs: 1000 },
      ]);
      const calling = stage.caller(pcap);
      const call = await stage.answerNext();
      const body = {
        prompts: [greeting],
        bargeInAllowed: true,
        stopTones: ['#', '11'],
        initialSilenceTimeoutInSeconds: 20,
      };
      const first = await stage.record(call, body);
      assert.deepEqual(told(first), ['stopToneDetected', 'completed', 200, 8514]);
      const empty = await fetch(first.recordResourceLocation, {
        headers: { authorization: `Bearer ${first.recordResourceAccessToken}` },
      });
      assert.deepEqual(
        [empty.status, (await empty.arrayBuffer()).byteLength],
        [200, 44],
        'a WAV file without a sample',
      );
      const second = await stage.record(call, body);
      assert.deepEqual(told(second), ['stopToneDetected', 'completed', 200, 8514]);
      await stage.hangUp(call);
      await calling;
    },
  );

  await t.test(
    'cancelling ends what runs and what waits, then tells of itself; what there is can be read',
    async () => {
      const calling = stage.caller(capture([{ silenceMs: 500 }, { says: speech }, { says: speech }]).pcap);
      const call = await stage.answerNext();
      const patient = {
        playBeep: false,
        maxRecordDurationInSeconds: 60,
        maxSilenceTimeoutInSeconds: 30,
        initialSilenceTimeoutInSeconds: 30,
      };
      await stage.act(call, 'record', { ...patient, streamWhileRecording: true, clientContext: 'runs' });
      await stage.act(call, 'record', { ...patient, clientContext: 'waits' });
      await stage.act(call, 'playPrompt', { prompts: [greeting], clientContext: 'waits too' });
      const running = await stage.bot.next(
        'streaming',
        (one) => call.mine(one) && one.resourceData.status === 'running',
      );
      const token = {
        headers: { authorization: `Bearer ${running.resourceData.recordResourceAccessToken}` },
      };
      const live = await fetch(running.resourceData.recordResourceLocation, token);
      const heard = Promise.withResolvers<void>();
      const followed = follow(live, () => heard.resolve());
      await heard.promise;
      await stage.act(call, 'cancelMediaProcessing', { clientContext: 'cancels' });
      await stage.bot.next(
        'the cancel itself',
        (one) => call.mine(one) && isFinalOperation(one) && one.resourceData.clientContext === 'cancels',
      );
      const finals = stage.bot.notifications
        .filter((one) => call.mine(one) && isFinalOperation(one))
        .map((one) => one.resourceData);
      assert.deepEqual(
        finals.map((final) => [final.clientContext, final.status, final.resultInfo.subcode]),
        [
          ['runs', 'failed', 8508],
          ['waits', 'failed', 8508],
          ['waits too', 'failed', 8508],
          ['cancels', 'completed', 0],
        ],
      );
      assert.deepEqual(
        finals.map((final) => 'recordResourceLocation' in final),
        [true, false, false, false],
      );
      const finished = Buffer.from(
        await (await fetch(finals[0].recordResourceLocation, token)).arrayBuffer(),
      );
      assert.ok(
        Buffer.from(await followed)
          .subarray(44)
          .equals(finished.subarray(44)),
        'who followed got the same audio',
      );
      await stage.hangUp(call);
      await calling;
    },
  );

  await t.test(
    'a caller who hangs up in the prompt: operationCanceled, no recording, and the call is told after it',
    async () => {
      const calling = stage.caller(silence(3000), { steps: [wait(1500), hangUp()] });
      const call = await stage.answerNext();
      const final = await stage.record(call, { prompts: [greeting] });
      assert.deepEqual(told(final), ['operationCanceled', 'failed', 400, 8508]);
      assert.equal('recordResourceLocation' in final, false);
      await stage.bot.next('terminated', (one) => call.mine(one) && isState('terminated')(one));
      const afterwards = await stage.bot.act(stage.server.http, 'GET', `${call.path}/operations/${final.id}`);
      assert.deepEqual(
        [afterwards.status, ((await afterwards.json()) as { status: string }).status],
        [200, 'failed'],
      );
      assert.equal((await stage.bot.act(stage.server.http, 'GET', call.path)).status, 404);
      await calling;
    },
  );

  await t.test('a caller of 10 ms packets and one of 60 ms are recorded alike', async () => {
    for (const packetMs of [10, 60]) {
      const sent = new Int16Array(8000 + speech.length + 24_000);
      sent.set(speech, 8000);
      const calling = stage.caller(pcapFile(speechPackets(sent, { packetMs })), { steps: [hungUp] });
      const call = await stage.answerNext();
      const final = await stage.record(call, {
        playBeep: false,
        maxSilenceTimeoutInSeconds: 2,
        maxRecordDurationInSeconds: 60,
      });
      assert.equal(final.completionReason, 'maxSilenceTimeout', `${packetMs} ms`);
      const { correlation } = locate(speech, await download(final));
      assert.ok(correlation > 0.98, `${packetMs} ms: ${correlation}`);
      await stage.hangUp(call);
      await calling;
    }
  });
});

/** Reads to the end; tells once there is a tenth of a second of audio. */
async function follow(response: Response, onAudio: () => void): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  assert.ok(response.body);
  for await (const part of response.body) {
    parts.push(part);
    length += part.length;
    if (length > 44 + 3200) onAudio();
  }
  return Buffer.concat(parts);
}
