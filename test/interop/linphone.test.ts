import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { locate, readSound } from '../support/audio.ts';
import { callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { startLinphone } from '../support/linphone.ts';
import { startServer } from '../support/server.ts';
import { missing } from '../support/tools.ts';

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';

test('linphone leaves a message after prompt and beep', {
  skip: missing('/usr/bin/linphonec', '/usr/bin/sox', SOUNDS),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-linphone-test-'));
  const bot = await startBot();
  bot.serve('greeting.wav', readFileSync(`${SOUNDS}/vm-intro.wav`));
  const server = await startServer({ callbackUri: bot.callbackUri });
  const says = join(folder, 'says.wav');
  execFileSync('sox', [`${SOUNDS}/tt-weasels.wav`, '-b', '16', says, 'pad', '8', '20']);
  const phone = await startLinphone(says);
  try {
    phone.command(`call sip:voicemail@127.0.0.1:${server.udp}`);
    const call = callPath(await bot.next('incoming', isState('incoming')));
    await bot.act(server.http, 'POST', `${call}/answer`, { callbackUri: bot.callbackUri });
    await bot.next('established', isState('established'));
    await bot.act(server.http, 'POST', `${call}/record`, {
      prompts: [{ mediaInfo: { uri: `${bot.origin}/greeting.wav` } }],
      initialSilenceTimeoutInSeconds: 15,
      maxSilenceTimeoutInSeconds: 2,
      maxRecordDurationInSeconds: 60,
    });
    const { resourceData: final } = await bot.next('final operation', isFinalOperation);
    assert.equal(final.completionReason, 'maxSilenceTimeout');
    await bot.act(server.http, 'DELETE', call);
    await phone.said('ended');

    const reply = await fetch(final.recordResourceLocation, {
      headers: { authorization: `Bearer ${final.recordResourceAccessToken}` },
    });
    const recording = join(folder, 'recording.wav');
    writeFileSync(recording, Buffer.from(await reply.arrayBuffer()));
    const said = locate(readSound(`${SOUNDS}/tt-weasels.wav`), readSound(recording));
    // It speaks Opus, which does not keep the waveform.
    assert.ok(said.correlation > 0.9, `correlation with what was said ${said.correlation}`);
    // Its file sound card stretches and drops to keep time, so what it heard fits less exactly than what it sent.
    const heard = locate(readSound(`${SOUNDS}/vm-intro.wav`), readSound(phone.heard));
    assert.ok(heard.correlation > 0.5, `correlation with the prompt ${heard.correlation}`);
  } finally {
    await phone.close();
    await server.stop();
    await bot.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
