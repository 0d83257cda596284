/** The voice recorder of examples/, called by a softphone that we did not write. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { locate, readSound } from '../support/audio.ts';
import { startBaresip } from '../support/baresip.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { outputOf } from '../support/output.ts';
import { APP, startServer } from '../support/server.ts';
import { missing } from '../support/tools.ts';

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const skip = missing('/usr/bin/baresip', '/usr/bin/sox', SOUNDS);

test('the voice recorder records a caller, plays back what was said, and hangs up', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-recorder-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freeTcpPort();
  const origin = `http://127.0.0.1:${port}`;
  const callbackUri = `${origin}/api/calls`;
  const server = await startServer({
    callbackUri,
    config: { applications: [{ ...APP, dialect: 'communications', callbackUri, routes: ['*'] }] },
  });
  const bot = spawn(process.execPath, ['examples/voice-recorder-bot/bot.ts'], {
    env: {
      ...process.env,
      TONEARM: server.http,
      APP_ID: APP.id,
      APP_SECRET: APP.secret,
      PORT: String(port),
      SAVE_IN: folder,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { said, ended, text } = outputOf('the bot', bot);
  // After the prompt and the beep, six seconds in, and before the longest silence has passed.
  const file = join(folder, 'caller.wav');
  execFileSync('sox', [`${SOUNDS}/tt-weasels.wav`, '-b', '16', file, 'pad', '9', '30']);
  await said('voice recorder bot listens');
  const phone = await startBaresip(file);
  try {
    phone.command('dial', `sip:recorder@127.0.0.1:${server.udp}`);
    await said('call ended: AppInitiated');
    await phone.said('session closed');
    const heard = readSound(phone.audio().heard);
    const speech = readSound(`${SOUNDS}/tt-weasels.wav`);
    const prompt = locate(readSound('examples/voice-recorder-bot/speak-after-the-beep.wav'), heard);
    assert.ok(prompt.correlation > 0.95, `the prompt as the caller heard it: ${prompt.correlation}`);
    const playedBack = locate(speech, heard);
    assert.ok(playedBack.correlation > 0.95, `what was played back: ${playedBack.correlation}`);
    assert.ok(playedBack.offset > prompt.offset, 'after the prompt');
    const [saved = ''] = readdirSync(folder).filter((name) => name.startsWith('recording-'));
    const recorded = locate(speech, readSound(join(folder, saved)));
    assert.ok(recorded.correlation > 0.98, `what was saved: ${recorded.correlation}`);
    assert.doesNotMatch(text(), /Error|recording failed/);
  } finally {
    await phone.close();
    bot.kill();
    await ended;
    assert.equal(await server.stop(), 0);
  }
});
