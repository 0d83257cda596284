/** `tonearm call`, as somebody's CI uses it: against a Tonearm with a bot, and against sipp, which we did not write. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { locate, readSound } from '../support/audio.ts';
import { callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { APP, startServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

const SPEECH = 'examples/audio/caller.wav';
const GREETING = 'examples/voicemail-bot/greeting.wav';

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function tonearmCall(...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['src/main.ts', 'call', ...args], (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-call-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A server and its bot, which answers, asks for `action` with its greeting as prompt, and hangs up after that. */
async function greetingServer(t: TestContext, action: 'record' | 'playPrompt', parameters: object = {}) {
  const bot = await startBot({
    onNotification(notification) {
      const act = (action: string, body: object) =>
        bot.act(server.http, 'POST', `${callPath(notification)}/${action}`, body);
      if (isState('incoming')(notification)) void act('answer', { callbackUri: bot.callbackUri });
      else if (isState('established')(notification))
        void act(action, { prompts: [{ mediaInfo: { uri: greeting } }], ...parameters });
      else if (isFinalOperation(notification)) void bot.act(server.http, 'DELETE', callPath(notification));
    },
  });
  const greeting = bot.serve('greeting.wav', readFileSync(GREETING));
  const server = await startServer({ callbackUri: bot.callbackUri });
  t.after(async () => {
    await server.stop();
    await bot.close();
  });
  return { bot, target: `sip:voicemail@127.0.0.1:${server.udp}` };
}

test('a script waits for the beep, speaks, presses a key and is hung up on; the report says what was heard when', {
  skip: missing('/usr/bin/sox'),
}, async (t) => {
  const { bot, target } = await greetingServer(t, 'record', {
    maxRecordDurationInSeconds: 60,
    stopTones: ['#'],
  });
  const heard = join(folderFor(t), 'heard.wav');
  const { code, stdout, stderr } = await tonearmCall(
    ...[target, '--codec', 'PCMA'],
    ...['--wait-for', 'sound', '--wait-for', 'beep', '--play', SPEECH, '--keys', '#'],
    ...['--record', heard, '--json'],
  );
  assert.equal(code, 0, stdout + stderr);
  const report = JSON.parse(stdout);
  assert.deepEqual(
    report.steps.map((one: { step: string; done: boolean }) => [one.step, one.done]),
    [
      ['wait for sound', true],
      ['wait for beep', true],
      [`play ${SPEECH}`, true],
      ['keys #', true],
    ],
  );
  assert.deepEqual(
    [report.ok, report.answered, report.status, report.codec, report.ended.by],
    [true, true, 200, 'PCMA', 'farEnd'],
  );
  assert.equal(report.packets.lost, 0);
  assert.deepEqual(
    report.heard.map((one: { what: string }) => one.what),
    ['sound', 'beep'],
  );
  const beep = report.heard[1];
  // What comes first and last of it may be counted to its neighbours, and its ramps to silence.
  assert.ok(Math.abs(beep.toMs - beep.fromMs - 300) <= 40, JSON.stringify(beep));
  const { correlation } = locate(readSound(GREETING), readSound(heard));
  assert.ok(correlation > 0.97, `${correlation}`);
  const final = await bot.next('final operation', isFinalOperation);
  assert.equal(final.resourceData.completionReason, 'stopToneDetected');
});

test('of a wide-band call what was heard is kept at 16 kHz', { skip: missing('/usr/bin/sox') }, async (t) => {
  const { target } = await greetingServer(t, 'playPrompt');
  const heard = join(folderFor(t), 'heard.wav');
  const { code, stdout, stderr } = await tonearmCall(target, '--codec', 'G722', '--record', heard);
  assert.equal(code, 0, stdout + stderr);
  assert.equal(readFileSync(heard).readUInt32LE(24), 16_000);
  const said = readSound(GREETING, 16_000);
  const { correlation } = locate(said, readSound(heard, 16_000));
  assert.ok(correlation > 0.97, `${correlation}`);
});

test('sipp echoes what is played, and the caller hangs up', {
  skip: missing('/usr/bin/sipp', '/usr/bin/sox'),
}, async (t) => {
  const port = await freeUdpPort();
  const echo = runSipp({ scenario: 'uas', port, called: true, args: ['-rtp_echo'] });
  const heard = join(folderFor(t), 'echo.wav');
  const { code, stdout, stderr } = await tonearmCall(
    ...[`sip:echo@127.0.0.1:${port}`, '--codec', 'PCMU', '--play', SPEECH, '--hang-up'],
    ...['--record', heard, '--json'],
  );
  assert.equal(code, 0, stdout + stderr);
  assert.equal((await echo).code, 0);
  const report = JSON.parse(stdout);
  assert.deepEqual([report.ok, report.ended.by, report.codec], [true, 'caller', 'PCMU']);
  const { correlation } = locate(readSound(SPEECH).subarray(0, 40_000), readSound(heard));
  assert.ok(correlation > 0.97, `${correlation}`);
});

test('a far end that refuses, and one that never hangs up, are told as failures', {
  skip: missing('/usr/bin/sipp'),
}, async () => {
  const port = await freeUdpPort();
  const silent = runSipp({ scenario: 'uas', port, called: true });
  const left = await tonearmCall(`sip:nobody@127.0.0.1:${port}`, '--timeout', '3', '--json');
  assert.equal(left.code, 1);
  assert.match(JSON.parse(left.stdout).failure, /the far end did not hang up: not within 3 s/);
  await silent;
  const server = await startServer({
    config: { applications: [{ ...APP, callbackUri: 'http://127.0.0.1:9/', routes: ['sip:other@*'] }] },
  });
  const refused = await tonearmCall(`sip:nobody@127.0.0.1:${server.udp}`, '--json');
  await server.stop();
  assert.equal(refused.code, 1);
  const { answered, status, failure } = JSON.parse(refused.stdout);
  assert.deepEqual([answered, status], [false, 404]);
  assert.match(failure, /it was refused: 404/);
});

for (const [what, args, message] of [
  ['a key that there is not', ['sip:a@127.0.0.1', '--keys', '1,Z'], /'1,Z' is invalid.*not Z/],
  ['no target', [], /missing required argument 'target'/],
  ['a target that is no SIP URI', ['voicemail'], /voicemail is no SIP URI: write sip:user@host:port/],
  [
    'a sound that is not there',
    ['sip:a@127.0.0.1', '--play', 'none.wav'],
    /^tonearm: --play none\.wav: there is no such file$/m,
  ],
  [
    'a sound that is none',
    ['sip:a@127.0.0.1', '--play', 'package.json'],
    /^tonearm: --play package\.json: (?!.*prompt)/m,
  ],
  ['a sound that is a folder', ['sip:a@127.0.0.1', '--play', 'src'], /--play src: it is not a file$/m],
  ['a codec that is not spoken', ['sip:a@127.0.0.1', '--codec', 'gsm'], /It must be one of PCMU/],
] as const)
  test(`${what} ends with exit code 2 and is named`, async () => {
    const { code, stderr } = await tonearmCall(...args);
    assert.equal(code, 2);
    assert.match(stderr, message);
  });
