/** The console, by those who use it: in a browser, on a whole server. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { locate, locatePieces, readSound } from '../support/audio.ts';
import { callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { consoleLink, openConsoleBrowser, type Sound, seriousFindings } from '../support/console-page.ts';
import { startServer } from '../support/server.ts';
import { missing } from '../support/tools.ts';

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const SPOKEN = `${SOUNDS}/tt-weasels.wav`;
const PROMPT = `${SOUNDS}/vm-intro.wav`;
const PAGE = join(import.meta.dirname, '../../dist/console');
const PAGES = ['phone', 'calls', 'recordings', 'try', 'undelivered', 'health'] as const;
const skip = missing('/usr/bin/chromium', '/usr/bin/sox', SOUNDS);

/** A server with a bot that answers, and a browser. */
async function stage(
  t: TestContext,
  { microphone = true, config = {} }: { microphone?: boolean; config?: Record<string, unknown> } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-console-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  let isDown = false;
  const bot = await startBot({ answer: () => (isDown ? 503 : 200) });
  t.after(() => bot.close());
  bot.serve('greeting.wav', readFileSync(PROMPT));
  const server = await startServer({ callbackUri: bot.callbackUri, config });
  t.after(() => server.stop());
  const spoken = join(folder, 'microphone.wav');
  if (microphone) execFileSync('sox', [SPOKEN, '-r', '48000', '-b', '16', spoken, 'pad', '20', '20']);
  const browser = await openConsoleBrowser(microphone ? spoken : undefined);
  t.after(() => browser.close());
  const answer = async () => {
    const call = callPath(await bot.next('incoming', isState('incoming')));
    const act = (method: string, what: string, body?: unknown) =>
      bot.act(server.http, method, `${call}${what}`, body);
    await act('POST', '/answer', { callbackUri: bot.callbackUri });
    await bot.next('established', isState('established'));
    return act;
  };
  return {
    ...{ folder, bot, server, browser, answer },
    breakBot: (down: boolean) => {
      isDown = down;
    },
  };
}

const button = (page: Page, name: string | RegExp) =>
  page.getByRole('button', { name, exact: typeof name === 'string' });

const openInvite = (page: Page) => page.locator('summary', { hasText: /^INVITE sip:/ }).click();

function assertHears({ samples, rate }: Sound, file: string) {
  const heard = locatePieces(readSound(file, rate), samples, rate);
  const middle = heard.toSorted((a, b) => a - b)[heard.length >> 1] ?? 0;
  // Where the browser stretches time, half a second fits less well.
  assert.ok(middle > 0.75, `correlations with ${file}: ${heard}`);
}

test('somebody calls a bot from the page, hears it, leaves a message, plays and downloads and deletes it', {
  skip,
}, async (t) => {
  const { folder, bot, server, browser, answer } = await stage(t);
  const { page, spoken, heard, played, troubles } = await browser.open();

  await page.goto(consoleLink(server));
  await page.getByText('Ready to call.').waitFor();
  assert.equal(page.url(), `${server.http}/`, 'the secret is not in the address bar any more');
  await page.getByLabel(/Clean up the microphone/).uncheck();
  await button(page, 'Call Voicemail').click();
  const act = await answer();
  await page.getByText('In a call with Voicemail.').waitFor();
  await act('POST', '/record', {
    prompts: [{ mediaInfo: { uri: `${bot.origin}/greeting.wav` } }],
    initialSilenceTimeoutInSeconds: 60,
    maxRecordDurationInSeconds: 60,
    stopTones: ['11#'],
  });
  await page.getByText('record: recording', { exact: true }).waitFor();
  await spoken();
  // By mouse and by keyboard.
  await button(page, '1').click();
  await page.keyboard.press('1');
  await button(page, 'pound').click();
  const { resourceData: final } = await bot.next('final operation', isFinalOperation);
  assert.equal(final.completionReason, 'stopToneDetected');
  assertHears(await heard(), PROMPT);
  const timeline = page.getByRole('region', { name: 'Timeline' });
  for (const told of ['Call established', 'record: recording', 'Speech', 'Key #', 'record: ended'])
    await timeline.getByText(told, { exact: true }).first().waitFor();

  await button(page, 'Hang up').click();
  await page.getByText('You hung up.').waitFor();
  await bot.next('terminated', isState('terminated'));
  await page.getByRole('link', { name: 'The whole call' }).click();
  await page.getByRole('heading', { name: /^Call from/ }).waitFor();
  await openInvite(page);
  await page.getByText(/^Call-ID: /m).waitFor();
  const saving = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download .http' }).click();
  const exchange = readFileSync(await (await saving).path(), 'utf8');
  assert.match(exchange, /^POST \{\{host\}\}\S+\/record$/m);

  await page.getByRole('link', { name: 'Recordings' }).click();
  await button(page, /Voicemail.*stop tone detected/).click();
  await button(page, 'Play').click();
  await button(page, 'Pause').waitFor();
  await button(page, 'Play').waitFor();
  assertHears(await played(), SPOKEN);
  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download wav' }).click();
  const recording = join(folder, 'recording.wav');
  await (await downloading).saveAs(recording);
  const said = locate(readSound(SPOKEN), readSound(recording));
  // It speaks Opus, which does not keep the waveform.
  assert.ok(said.correlation > 0.9, `correlation with what was said ${said.correlation}`);

  await button(page, 'Delete …').click();
  await button(page, 'Delete').click();
  await page.getByText('No recordings yet.').waitFor();
  assert.deepEqual(await troubles(), []);
});

test('somebody tries the API on a live call, and looks on as its recording grows', { skip }, async (t) => {
  const { server, browser, answer, bot } = await stage(t);
  const { page, troubles } = await browser.open();
  await page.goto(consoleLink(server));
  await button(page, 'Call Voicemail').click();
  await answer();
  await page.getByText('In a call with Voicemail.').waitFor();
  await page.getByRole('link', { name: 'Try actions on it' }).click();

  await page.getByLabel('maxRecordDurationInSeconds').fill('0');
  await button(page, 'Send record').click();
  await page.getByText('Refused: 400').waitFor();
  await page.getByText('$.maxRecordDurationInSeconds').first().waitFor();
  await page.getByLabel('maxRecordDurationInSeconds').fill('1800');
  await page.getByLabel('initialSilenceTimeoutInSeconds').fill('60');
  await page.getByLabel('streamWhileRecording').check();
  await button(page, 'Send record').click();
  await page.getByText('Answered: 202').waitFor();
  await page.getByText(`curl -i -X POST '${server.http}/`).waitFor();

  await page.getByRole('link', { name: /^Recordings/ }).click();
  await button(page, /Voicemail.*recording/).click();
  const position = page.getByRole('slider', { name: 'Position' });
  await page.waitForFunction(
    (slider) => Number((slider as unknown as { readonly max: string }).max) > 1500,
    await position.elementHandle(),
  );
  await page.getByRole('link', { name: 'The call' }).click();
  await page.getByText('record: recording').waitFor();
  await page
    .getByRole('complementary', { name: 'Your call' })
    .getByRole('button', { name: 'Hang up' })
    .click();
  await bot.next('terminated', isState('terminated'));
  await page.getByText('Call terminated', { exact: true }).waitFor();
  assert.deepEqual(await troubles(), []);
});

test('somebody without a microphone is told so, and calls without one', { skip }, async (t) => {
  const { server, browser, answer } = await stage(t, { microphone: false });
  const { page, troubles } = await browser.open();
  await page.goto(consoleLink(server));
  await button(page, 'Call Voicemail').click();
  await page.getByText(/^Not connected: .*microphone/i).waitFor();
  await button(page, 'Call without a microphone').click();
  await answer();
  await page.getByText('In a call with Voicemail.').waitFor();
  await button(page, 'Hold').click();
  await page.getByText('On hold with Voicemail.').waitFor();
  await button(page, 'Hang up').click();
  await page.getByText('You hung up.').waitFor();
  assert.deepEqual(await troubles(), []);
});

test('what a bot did not take is shown, and sent again', { skip }, async (t) => {
  const { server, browser, bot, breakBot } = await stage(t, {
    microphone: false,
    config: { notifications: { retryFor: '1s' } },
  });
  const { page, troubles } = await browser.open();
  await page.goto(consoleLink(server));
  breakBot(true);
  await button(page, 'Call Voicemail').click();
  await button(page, 'Call without a microphone').click();
  await page.getByText(/^Notification 1: created/).waitFor();
  await button(page, 'Hang up').click();
  await page.getByRole('link', { name: /^Undelivered/ }).click();
  await button(page, 'Send again').first().waitFor();
  breakBot(false);
  await page.getByText('Body').first().click();
  await page.getByText('"created"').first().waitFor();
  while ((await button(page, /^Send (all|these)/).count()) > 0)
    await button(page, /^Send (all|these)/)
      .click()
      .catch(() => {});
  await page.getByText('Every notification was delivered.').waitFor();
  await bot.next('what was sent again', ({ answered }) => answered === 200);
  assert.deepEqual(await troubles(), []);
});

test('whoever does not know the secret sees nothing', { skip }, async (t) => {
  const { server, browser } = await stage(t, { microphone: false });
  const { page } = await browser.open();
  await page.goto(server.http);
  await page.getByLabel('Admin secret').fill('guessed');
  await button(page, 'Sign in').click();
  await page.getByText('That is not the console’s secret.').waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByLabel('Admin secret').fill(new URL(consoleLink(server)).hash.slice('#secret='.length));
  await page.keyboard.press('Enter');
  await page.getByText('Ready to call.').waitFor();
  await button(page, 'Sign out').click();
  await page.getByLabel('Admin secret').waitFor();
});

for (const colorScheme of ['light', 'dark'] as const)
  for (const width of [1280, 360])
    test(`every part of the page can be used by everybody, ${colorScheme}, ${width} px wide`, {
      skip,
    }, async (t) => {
      const { server, browser, answer } = await stage(t);
      const { page, troubles } = await browser.open({ colorScheme, viewport: { width, height: 800 } });
      await page.goto(consoleLink(server));
      await button(page, 'Call Voicemail').click();
      const act = await answer();
      await act('POST', '/record', {
        initialSilenceTimeoutInSeconds: 300,
        maxSilenceTimeoutInSeconds: 300,
        maxRecordDurationInSeconds: 1800,
      });
      await page.getByText('record: recording').waitFor();
      const check = async (what: string) => {
        assert.deepEqual(await seriousFindings(page), [], what);
        const isWider = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
        assert.equal(isWider, false, `${what} does not scroll sideways`);
      };
      await check('a call');
      await page.getByRole('link', { name: 'The whole call' }).click();
      await openInvite(page);
      await check('one call');
      for (const name of PAGES) {
        await page.goto(`${server.http}/#/${name}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        if (name === 'recordings') await button(page, /Voicemail.*recording/).click();
        await check(name);
      }
      await act('DELETE', '');
      assert.deepEqual(await troubles(), []);
    });

test('the page is there with less than 300 kB, and what calls is fetched with the first call', {
  skip,
}, async (t) => {
  const { server, browser } = await stage(t, { microphone: false });
  const { page } = await browser.open();
  const network = await page.context().newCDPSession(page);
  const urls: string[] = [];
  let bytes = 0;
  network.on('Network.responseReceived', ({ response }) => urls.push(response.url));
  network.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await network.send('Network.enable');
  await page.goto(consoleLink(server));
  await page.getByText('Ready to call.').waitFor();
  assert.ok(bytes > 10_000 && bytes < 300_000, `${bytes} bytes came over the network`);
  assert.ok(!urls.some((url) => url.includes('softphone')), urls.join('\n'));

  const html = readFileSync(join(PAGE, 'index.html'), 'utf8');
  const files = [...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, file = '']) => file);
  const built = ['index.html', ...files].reduce(
    (sum, file) => sum + statSync(join(PAGE, `${file}.gz`)).size,
    0,
  );
  assert.ok(files.length >= 3 && built < 300_000, `${files}: ${built} bytes`);
});
