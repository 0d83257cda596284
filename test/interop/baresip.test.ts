import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { locate, readSound, rms, toneShare } from '../support/audio.ts';
import { type Baresip, startBaresip } from '../support/baresip.ts';
import {
  type Bot,
  callPath,
  isFinalOperation,
  isState,
  type Notification,
  startBot,
} from '../support/bot.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { missing } from '../support/tools.ts';

const skip = missing(
  '/usr/bin/baresip',
  '/usr/bin/sox',
  '/usr/bin/ffmpeg',
  '/usr/share/asterisk/sounds/en_US_f_Allison',
  '/usr/share/asterisk/sounds/en_US_f_Allison/vm-intro.g722',
);
const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const BEEP_HZ = 1000;

test('calls placed by baresip', { skip, concurrency: 1 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-baresip-test-'));
  let bot: Bot;
  let server: TestServer;
  before(async () => {
    bot = await startBot();
    bot.serve('greeting.wav', readFileSync(`${SOUNDS}/vm-intro.wav`));
    server = await startServer({ callbackUri: bot.callbackUri });
  });
  after(async () => {
    const code = await server?.stop();
    await bot?.close();
    assert.equal(code, 0);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Has it call the bot, which answers. */
  const answered = async (phone: Baresip) => {
    const seen = new Set(bot.notifications);
    phone.command('dial', `sip:voicemail@127.0.0.1:${server.udp}`);
    const incoming = await bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one));
    const call = callPath(incoming);
    const ofCall = (one: { resource: string }) => one.resource.includes(incoming.resourceData.id);
    await bot.act(server.http, 'POST', `${call}/answer`, { callbackUri: bot.callbackUri });
    const established = await bot.next('established', (one) => ofCall(one) && isState('established')(one));
    return { call, ofCall, established };
  };
  const recordingOf = ({ resourceData }: Notification) =>
    fetch(resourceData.recordResourceLocation, {
      headers: { authorization: `Bearer ${resourceData.recordResourceAccessToken}` },
    });

  for (const codec of ['pcmu', 'pcma'] as const) {
    await t.test(
      `the caller hears prompt and beep, and what the caller says after them is recorded (${codec})`,
      async () => {
        const speech = readSound(`${SOUNDS}/tt-weasels.wav`);
        const file = join(folder, `${codec}.wav`);
        const leadSeconds = 9;
        execFileSync('sox', [`${SOUNDS}/tt-weasels.wav`, '-b', '16', file, 'pad', String(leadSeconds), '20']);
        const phone = await startBaresip(file, { codec });
        try {
          const { call, ofCall } = await answered(phone);
          await bot.act(server.http, 'POST', `${call}/record`, {
            prompts: [{ mediaInfo: { uri: `${bot.origin}/greeting.wav` } }],
            initialSilenceTimeoutInSeconds: 20,
            maxSilenceTimeoutInSeconds: 2,
            maxRecordDurationInSeconds: 60,
          });
          const final = await bot.next('final operation', (one) => ofCall(one) && isFinalOperation(one));
          assert.equal(final.resourceData.completionReason, 'maxSilenceTimeout');
          await bot.act(server.http, 'DELETE', call);
          await bot.next('terminated', (one) => ofCall(one) && isState('terminated')(one));
          await phone.said('session closed');

          const { sent, heard } = phone.audio();
          assertHeardPromptThenBeep(readSound(heard));

          const reply = await recordingOf(final);
          const recording = join(folder, `${codec}-recording.wav`);
          writeFileSync(recording, Buffer.from(await reply.arrayBuffer()));
          const recorded = readSound(recording);
          const found = locate(speech, recorded);
          assert.ok(found.correlation > 0.98, `correlation with the speech ${found.correlation}`);
          assert.ok(
            locate(speech, readSound(sent)).correlation > 0.98,
            'baresip itself sent the speech whole',
          );
          const pauseMs = (recorded.length - found.offset - speech.length) / 8;
          assert.ok(pauseMs > 1500 && pauseMs < 3500, `the pause at the end lasts ${pauseMs} ms`);
          assert.ok(rms(recorded.subarray(0, 1600)) < 20, 'the beep is not in the recording');
        } finally {
          await phone.close();
        }
      },
    );
  }

  for (const codec of ['g722', 'opus'] as const) {
    await t.test(`${codec} is spoken both ways in wide band, and keys are heard beside it`, async () => {
      const wide = (name: string) => {
        const file = join(folder, `${codec}-${name}.wav`);
        execFileSync('ffmpeg', ['-v', 'error', '-y', '-f', 'g722', '-i', `${SOUNDS}/${name}.g722`, file]);
        return file;
      };
      const spoken = wide('tt-weasels');
      const prompt = wide('vm-intro');
      const speech = readSound(spoken, 16_000);
      const greeting = bot.serve(`${codec}.wav`, readFileSync(prompt));
      const file = join(folder, `${codec}-said.wav`);
      const form = codec === 'opus' ? ['-r', '48000', '-c', '2'] : ['-r', '16000'];
      execFileSync('sox', [spoken, '-b', '16', ...form, file, 'pad', '9', '30']);
      const phone = await startBaresip(file, { codec });
      try {
        const { call, ofCall } = await answered(phone);
        const asked = await bot.act(server.http, 'POST', `${call}/record`, {
          prompts: [{ mediaInfo: { uri: greeting } }],
          playBeep: false,
          initialSilenceTimeoutInSeconds: 30,
          maxSilenceTimeoutInSeconds: 2,
          maxRecordDurationInSeconds: 60,
          recordingFormat: 'flac',
          recordingChannels: 'dual',
        });
        assert.equal(asked.status, 202, await asked.text());
        const final = await bot.next('final operation', (one) => ofCall(one) && isFinalOperation(one));
        assert.equal(final.resourceData.completionReason, 'maxSilenceTimeout');
        await bot.act(server.http, 'POST', `${call}/record`, {
          playBeep: false,
          initialSilenceTimeoutInSeconds: 30,
          stopTones: ['5#'],
          streamWhileRecording: true,
        });
        await bot.next('recording', (one) => ofCall(one) && one.resourceData.status === 'running');
        phone.command('sndcode', '5');
        phone.command('sndcode', '#');
        const second = await bot.next(
          'second final operation',
          (one) => ofCall(one) && isFinalOperation(one) && one.resource !== final.resource,
        );
        assert.equal(second.resourceData.completionReason, 'stopToneDetected');
        phone.command('hangup');
        await bot.next('terminated', (one) => ofCall(one) && isState('terminated')(one));
        const reply = await recordingOf(final);
        assert.equal(reply.headers.get('content-type'), 'audio/flac');
        const recording = join(folder, `${codec}-recording.flac`);
        writeFileSync(recording, Buffer.from(await reply.arrayBuffer()));
        const left = join(folder, `${codec}-left.wav`);
        execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', recording, '-af', 'pan=mono|c0=c0', left]);
        const recorded = readSound(left, 16_000);
        const found = locate(speech, recorded);
        assert.ok(found.correlation > 0.9, `correlation with the speech ${found.correlation}`);
        const part = recorded.subarray(found.offset, found.offset + speech.length);
        const share = highShare(part) / highShare(speech);
        assert.ok(share > 0.5 && share < 2, `of what is above 4 kHz there is ${share} times as much`);
        const heard = readSound(phone.audio().heard, 16_000);
        const greeted = readSound(prompt, 16_000);
        const hearing = locate(greeted, heard);
        assert.ok(hearing.correlation > 0.9, `correlation with the prompt ${hearing.correlation}`);
        const heardShare = highShare(heard.subarray(hearing.offset, hearing.offset + greeted.length));
        assert.ok(heardShare > 0.25 * highShare(greeted), `above 4 kHz ${heardShare}`);
      } finally {
        await phone.close();
      }
    });
  }

  await t.test(
    'a key pressed on the softphone ends the recording, and hold and resume are told of',
    async () => {
      const file = join(folder, 'keys.wav');
      execFileSync('sox', [`${SOUNDS}/tt-weasels.wav`, '-b', '16', file, 'pad', '0', '40']);
      const phone = await startBaresip(file);
      try {
        const { call, ofCall, established } = await answered(phone);
        phone.command('hold');
        await bot.next('hold', (one) => ofCall(one) && isState('hold')(one));
        phone.command('resume');
        const resumed = await bot.next(
          'resumed',
          (one) => ofCall(one) && isState('established')(one) && one !== established,
        );
        assert.equal(
          resumed.resourceData.mediaState,
          undefined,
          'established with audio active comes exactly once',
        );
        await bot.act(server.http, 'POST', `${call}/record`, {
          playBeep: false,
          initialSilenceTimeoutInSeconds: 30,
          maxSilenceTimeoutInSeconds: 30,
          maxRecordDurationInSeconds: 60,
          stopTones: ['#', '11'],
          streamWhileRecording: true,
        });
        const running = (one: { resourceData: { status?: string } }) => one.resourceData.status === 'running';
        await bot.next('recording', (one) => ofCall(one) && running(one));
        phone.command('sndcode', '1');
        phone.command('sndcode', '1');
        const final = await bot.next('final operation', (one) => ofCall(one) && isFinalOperation(one));
        assert.equal(final.resourceData.completionReason, 'stopToneDetected');
        phone.command('hangup');
        await bot.next('terminated', (one) => ofCall(one) && isState('terminated')(one));
      } finally {
        await phone.close();
      }
    },
  );

  await t.test('a softphone that is transferred calls there, tells how it went, and is let go', async () => {
    const file = join(folder, 'transfer.wav');
    execFileSync('sox', [`${SOUNDS}/tt-weasels.wav`, '-b', '16', file, 'pad', '0', '40']);
    const phone = await startBaresip(file);
    const incomingAfter = (seen: ReadonlySet<unknown>) =>
      bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one));
    const answer = async (incoming: Notification) => {
      await bot.act(server.http, 'POST', `${callPath(incoming)}/answer`, { callbackUri: bot.callbackUri });
      const { id } = incoming.resourceData;
      await bot.next('established', (one) => one.resource.includes(id) && isState('established')(one));
      return id as string;
    };
    try {
      const before = new Set(bot.notifications);
      phone.command('dial', `sip:reception@127.0.0.1:${server.udp}`);
      const first = await incomingAfter(before);
      const id = await answer(first);
      const seen = new Set(bot.notifications);
      const target = { identity: { user: { id: `sip:sales@127.0.0.1:${server.udp}` } } };
      const asked = await bot.act(server.http, 'POST', `${callPath(first)}/transfer`, {
        transferTarget: target,
      });
      assert.equal(asked.status, 202, await asked.text());
      const second = await incomingAfter(seen);
      assert.equal(second.resourceData.callRoutes[0].original.user.id, target.identity.user.id);
      await answer(second);
      const ended = await bot.next(
        'terminated',
        (one) => one.resource.includes(id) && isState('terminated')(one),
      );
      assert.equal(ended.resourceData.terminationReason, 'CallTransferred');
      const states = bot.notifications.flatMap(({ resource, resourceData: { state } }) =>
        resource.includes(id) && state !== undefined ? [state as string] : [],
      );
      assert.deepEqual(states.slice(-4), ['transferring', 'transferAccepted', 'terminating', 'terminated']);
      await bot.act(server.http, 'DELETE', callPath(second));
    } finally {
      await phone.close();
    }
  });
});

/** Of the power of samples at 16 kHz: how much lies above 4 kHz, by a filter that is sure of what it tells. */
function highShare(samples: Int16Array): number {
  let high = 0;
  let all = 0;
  for (let i = 3; i < samples.length; i++) {
    high += ((samples[i]! - 3 * samples[i - 1]! + 3 * samples[i - 2]! - samples[i - 3]!) / 8) ** 2;
    all += samples[i]! ** 2;
  }
  return high / all;
}

function assertHeardPromptThenBeep(heard: Int16Array): void {
  const prompt = readSound(`${SOUNDS}/vm-intro.wav`);
  const found = locate(prompt, heard);
  assert.ok(found.correlation > 0.98, `correlation with the prompt ${found.correlation}`);
  const afterPrompt = found.offset + prompt.length;
  const beepAt = firstTone(heard, BEEP_HZ);
  assert.ok(beepAt !== undefined, 'a beep was heard');
  const gapMs = (beepAt - afterPrompt) / 8;
  assert.ok(gapMs > -60 && gapMs < 400, `the beep starts ${gapMs} ms after the prompt`);
}

/** Start of the first 100 ms that are nearly nothing but `frequency`. */
function firstTone(samples: Int16Array, frequency: number): number | undefined {
  for (let at = 0; at + 800 <= samples.length; at += 80) {
    const part = samples.subarray(at, at + 800);
    if (rms(part) > 500 && toneShare(part, frequency) > 0.9) return at;
  }
  return undefined;
}
