/** A server that nobody configured anything for, called as a newcomer would. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { locate, readSound } from '../support/audio.ts';
import { startServer } from '../support/server.ts';
import { missing } from '../support/tools.ts';

const GREETING = 'examples/voicemail-bot/greeting.wav';
const SPEECH = 'examples/audio/caller.wav';
const run = promisify(execFile);

test('without a configured application, a caller leaves a message, hears it again, and nothing of it is kept', {
  skip: missing('/usr/bin/sox'),
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-echo-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startServer({ config: { applications: [], prompts: { allow: [] } } });
  t.after(() => server.stop());
  const heard = join(folder, 'heard.wav');
  await run(process.execPath, [
    ...['src/main.ts', 'call', `sip:anything@127.0.0.1:${server.udp}`, '--codec', 'PCMU'],
    ...['--wait-for', 'beep', '--play', SPEECH, '--keys', '#'],
    ...['--wait-for', 'sound', '--wait-for', 'beep', '--hang-up', '--record', heard],
  ]);
  const [greeting, said] = [GREETING, SPEECH].map((file) => locate(readSound(file), readSound(heard)));
  assert.ok(greeting!.correlation > 0.97, `the greeting: ${greeting!.correlation}`);
  // A pause and the edges of a key are not as they were said.
  assert.ok(said!.correlation > 0.9, `what was said: ${said!.correlation}`);
  assert.ok(said!.offset > greeting!.offset);
  await server.logged('a call is over');
  await server.stop();
  const kept = readdirSync(join(server.dataFolder, 'recordings'), { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    kept.filter((name) => name.endsWith('.wav')),
    [],
  );
});
