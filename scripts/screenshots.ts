/**
 * Takes the pictures of the README: each part of the console, light and dark, of a server that has some calls behind it. `npm run
 * screenshots` writes docs/pictures/*.png; needs Debian's chromium, sox and ffmpeg.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { type Bot, callPath, isState, startBot } from '../test/support/bot.ts';
import { type ConsoleBrowser, consoleLink, openConsoleBrowser } from '../test/support/console-page.ts';
import { APP, startServer, type TestServer } from '../test/support/server.ts';

const root = join(import.meta.dirname, '..');
const pictures = join(root, 'docs/pictures');
const SPEECH = join(root, 'examples/audio/caller.wav');
const GREETING = join(root, 'examples/voicemail-bot/greeting.wav');
/** The README is read over telephones, too. */
const MOST_BYTES = 150_000;
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 844 };

const folder = mkdtempSync(join(tmpdir(), 'tonearm-screenshots-'));
await using cleaning = new AsyncDisposableStack();
cleaning.defer(() => rmSync(folder, { recursive: true, force: true }));
const bot = await voicemail();
cleaning.defer(() => bot.close());
const server = await startServer({
  callbackUri: bot.callbackUri,
  config: {
    notifications: { retryFor: '3s' },
    applications: [
      { ...APP, callbackUri: bot.callbackUri, routes: ['sip:voicemail@*'] },
      {
        ...APP,
        id: '0d2c7a52-54a5-4d3f-9f0c-2f1ad6c2b7aa',
        name: 'Front desk',
        callbackUri: 'http://127.0.0.1:9/api/calls',
        routes: ['sip:desk@*'],
      },
    ],
  },
});
cleaning.defer(async () => void (await server.stop()));
const microphone = join(folder, 'microphone.wav');
execFileSync('sox', [SPEECH, '-e', 'signed', '-r', '48000', '-b', '16', microphone, 'pad', '12', '30']);
const browser = await openConsoleBrowser(microphone);
cleaning.defer(() => browser.close());

mkdirSync(pictures, { recursive: true });
await callsBehindIt(server);
for (const colorScheme of ['light', 'dark'] as const) await takeAll(browser, server, colorScheme);

/** Answers, and records after a greeting; the first thing that it is told of a call, it does not take at once. */
async function voicemail(): Promise<Bot> {
  let told = 0;
  const bot: Bot = await startBot({
    answer: () => (told++ === 0 ? 503 : 200),
    onNotification: (notification) => {
      if (notification.answered !== 200) return;
      const call = callPath(notification);
      const act = (what: string, body: unknown) => void bot.act(server.http, 'POST', `${call}${what}`, body);
      if (isState('incoming')(notification)) act('/answer', { callbackUri: bot.callbackUri });
      if (isState('established')(notification))
        act('/record', {
          prompts: [{ mediaInfo: { uri: `${bot.origin}/greeting.wav` } }],
          initialSilenceTimeoutInSeconds: 60,
          maxRecordDurationInSeconds: 120,
          streamWhileRecording: true,
          stopTones: ['#'],
        });
      if (notification.resource.includes('/operations/') && notification.changeType === 'deleted')
        void bot.act(server.http, 'DELETE', call);
    },
  });
  bot.serve('greeting.wav', readFileSync(GREETING));
  return bot;
}

async function callsBehindIt({ udp }: TestServer): Promise<void> {
  const call = (target: string, from: string, ...script: string[]) =>
    promisify(execFile)(
      process.execPath,
      ['src/main.ts', 'call', `sip:${target}@127.0.0.1:${udp}`, '--from', from, '--timeout', '85', ...script],
      { cwd: root, timeout: 90_000 },
      // One that nobody answers has not gone as scripted.
    ).catch(() => {});
  await Promise.all([
    call('voicemail', '+14255550142', '--wait-for', 'beep', '--play', SPEECH, '--keys', '#'),
    call('voicemail', '+442079460321', '--wait-for', 'beep', '--play', SPEECH),
    call('desk', 'ada', '--wait-for', '6', '--hang-up'),
  ]);
}

async function takeAll({ open }: ConsoleBrowser, { http }: TestServer, scheme: 'light' | 'dark') {
  const take = (page: Page, name: string) => takePicture(page, `${name}-${scheme}`);
  const { page } = await open({ colorScheme: scheme, viewport: WIDE });
  await page.goto(http);
  await page.getByLabel('Admin secret').waitFor();
  await take(page, 'sign-in');
  await page.goto(consoleLink(server));
  await page.getByRole('button', { name: 'Call Voicemail' }).click();
  await page.getByText('Speech', { exact: true }).waitFor();
  await page.getByRole('button', { name: '5' }).click();
  await page.getByText('Key 5', { exact: true }).waitFor();
  await take(page, 'phone');

  const go = async (name: string) => {
    await page.goto(`${http}/#/${name}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
  };
  await go('recordings');
  await page
    .getByRole('button', { name: /Voicemail.* kB/ })
    .last()
    .click();
  await page.getByRole('button', { name: 'Play' }).click();
  // Far enough to be seen.
  await page.getByText('0:03 /').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await take(page, 'recordings');
  await go('calls');
  await page.getByRole('link', { name: /^\d/ }).last().waitFor();
  await take(page, 'calls');
  await page
    .getByRole('row', { name: /errors/ })
    .filter({ hasText: 'Voicemail' })
    .getByRole('link')
    .last()
    .click();
  await page.locator('summary', { hasText: /^POST record/ }).click();
  await page.getByText('"stopTones"').waitFor();
  await page.evaluate('scrollTo(0, 0)');
  await take(page, 'call');
  await go('try');
  await page.getByLabel('stopTones').fill('# 11');
  await page.getByLabel('clientContext').fill('first-try');
  await page.getByRole('button', { name: 'Send record' }).click();
  await page.getByText(/^Answered: /).waitFor();
  await page.evaluate('scrollTo(0, 0)');
  await take(page, 'try');
  await go('undelivered');
  await page.getByRole('button', { name: 'Send again' }).first().waitFor();
  await take(page, 'undelivered');
  await go('health');
  // Lines need some reports.
  await page.getByText(/up for 1:|up for 0:[3-5]/).waitFor();
  await take(page, 'health');
  await page.setViewportSize(NARROW);
  await go('calls');
  await take(page, 'narrow');
  await page.context().close();
}

/** With as many colours as it needs: a quarter of what the browser writes. */
async function takePicture(page: Page, name: string): Promise<void> {
  const [whole, file] = [join(folder, `${name}.png`), join(pictures, `${name}.png`)];
  await page.screenshot({ path: whole, animations: 'disabled' });
  const palette =
    'split[a][b];[a]palettegen=max_colors=128:reserve_transparent=0[p];[b][p]paletteuse=dither=none';
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', whole, '-vf', palette, file]);
  const { size } = statSync(file);
  if (size >= MOST_BYTES) throw new Error(`${file} has ${size} bytes`);
  console.log(`${file.slice(root.length + 1)}  ${Math.round(size / 1000)} kB`);
}
