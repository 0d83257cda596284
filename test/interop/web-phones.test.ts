import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pcmWavHeader } from '../../src/wire/wav.ts';
import { chimes, chimesHeard, locate, locatePieces, readSound } from '../support/audio.ts';
import { callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { startServer } from '../support/server.ts';
import { missing } from '../support/tools.ts';
import { openWebPhone } from '../support/web-phone.ts';

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const SPOKEN = `${SOUNDS}/tt-weasels.wav`;
const PROMPT = `${SOUNDS}/vm-intro.wav`;
/** Hz: what speech is never for long. A prompt begins with these, so that a lost beginning is noticed. */
const CHIMES = [1900, 2300, 2700];
const skip = missing('/usr/bin/chromium', '/usr/bin/sox', SOUNDS);

/** At 16 kHz. */
function wavOf(samples: Int16Array): Buffer {
  return Buffer.concat([
    pcmWavHeader(16_000, samples.length),
    Buffer.from(samples.buffer, 0, samples.byteLength),
  ]);
}

/** A call from a page that says SPOKEN after 12 s, answered by a bot. */
async function established(t: TestContext, library: 'jssip' | 'sipjs', sockets: 'auto' | 'node') {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-web-phone-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bot = await startBot();
  t.after(() => bot.close());
  bot.serve('greeting.wav', wavOf(Int16Array.of(...chimes(CHIMES, 16_000), ...readSound(PROMPT, 16_000))));
  const server = await startServer({ callbackUri: bot.callbackUri, config: { media: { sockets } } });
  t.after(() => server.stop());
  const microphone = join(folder, 'microphone.wav');
  execFileSync('sox', [SPOKEN, '-r', '48000', '-b', '16', microphone, 'pad', '12', '20']);
  const phone = await openWebPhone(library, microphone);
  t.after(() => phone.close());
  const placed = phone.place(`${server.http.replace('http', 'ws')}/sip`, 'sip:voicemail@tonearm.invalid');
  const call = callPath(await bot.next('incoming', isState('incoming')));
  const act = (method: string, what: string, body?: unknown) =>
    bot.act(server.http, method, `${call}${what}`, body);
  await act('POST', '/answer', { callbackUri: bot.callbackUri });
  await placed;
  await bot.next('established', isState('established'));
  return { folder, bot, phone, act };
}

for (const [library, sockets] of [
  ['jssip', 'auto'],
  ['sipjs', 'node'],
] as const) {
  test(`a page with ${library} hears a prompt, leaves a message and ends it with a key`, {
    skip,
  }, async (t) => {
    const { folder, bot, phone, act } = await established(t, library, sockets);
    await act('POST', '/record', {
      prompts: [{ mediaInfo: { uri: `${bot.origin}/greeting.wav` } }],
      initialSilenceTimeoutInSeconds: 15,
      maxSilenceTimeoutInSeconds: 5,
      maxRecordDurationInSeconds: 60,
      stopTones: ['#'],
    });
    await phone.spoken();
    await phone.press('#');
    const { resourceData: final } = await bot.next('final operation', isFinalOperation);
    assert.equal(final.completionReason, 'stopToneDetected');
    const { samples, rate } = await phone.heard();
    await act('DELETE', '');
    await phone.ended();

    const reply = await fetch(final.recordResourceLocation, {
      headers: { authorization: `Bearer ${final.recordResourceAccessToken}` },
    });
    const recording = join(folder, 'recording.wav');
    writeFileSync(recording, Buffer.from(await reply.arrayBuffer()));
    const said = locate(readSound(SPOKEN), readSound(recording));
    // It speaks Opus, which does not keep the waveform.
    assert.ok(said.correlation > 0.9, `correlation with what was said ${said.correlation}`);
    const heard = locatePieces(readSound(PROMPT, rate), samples, rate);
    const middle = heard.toSorted((a, b) => a - b)[heard.length >> 1] ?? 0;
    // Where the browser stretches time, half a second fits less well.
    assert.ok(middle > 0.75, `correlations with the prompt ${heard}`);
    const begins = chimesHeard(samples, CHIMES, rate);
    assert.ok(
      begins.every((at) => at !== undefined),
      `what plays waits for the browser: ${begins}`,
    );
  });
}

test('a page holds its call and takes it up again, and its keys are heard after that, as events and by INFO', {
  skip,
}, async (t) => {
  const { bot, phone, act } = await established(t, 'jssip', 'auto');
  await phone.holdAndResume();
  await bot.next('hold', isState('hold'));
  await act('POST', '/subscribeToTone', { clientContext: 'keys' });
  await phone.press('7');
  const { resourceData } = await bot.next('a key', (one) => one.resourceData.toneInfo !== undefined);
  assert.equal(resourceData.toneInfo.tone, 'tone7');
  await phone.signal('8');
  const { resourceData: signalled } = await bot.next(
    'a key by INFO',
    (one) => one.resourceData.toneInfo?.sequenceId === 2,
  );
  assert.equal(signalled.toneInfo.tone, 'tone8');
  await act('DELETE', '');
  await phone.ended();
});

test('a page that closes its media without hanging up has hung up', { skip }, async (t) => {
  const { bot, phone } = await established(t, 'jssip', 'auto');
  await phone.vanish();
  const { resourceData } = await bot.next('terminated', isState('terminated'));
  assert.equal(resourceData.terminationReason, 'CallerInitiated');
  assert.match(resourceData.resultInfo.message, /closed its media/);
  await phone.ended();
});
