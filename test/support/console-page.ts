/** The console in Debian's Chromium, as somebody uses it: no request leaves this machine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { TestServer } from './server.ts';

/** A recorded sound, and its samples a second. */
export interface Sound {
  readonly samples: Int16Array;
  readonly rate: number;
}

export interface ConsolePage {
  readonly page: Page;
  /** Whatever a page should not do: errors, violations of its policy, requests to other hosts. */
  troubles(): Promise<readonly string[]>;
  /** Resolves when its microphone heard something, and then nothing for about a second. */
  spoken(): Promise<void>;
  /** What the far end sent since its call began. */
  heard(): Promise<Sound>;
  /** What the first sound was that it played of a file. */
  played(): Promise<Sound>;
}

export interface ConsoleBrowser {
  /** Another window, of somebody who is not signed in. */
  open(options?: BrowserContextOptions): Promise<ConsolePage>;
  close(): Promise<void>;
}

const scripts = ['recorder.js', 'probe.js'].map((name) =>
  readFileSync(join(import.meta.dirname, 'pages', name), 'utf8').replace(/^export /gm, ''),
);
const axeFile = join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js');

/** What probe.js tells. */
interface Probe {
  violations(): readonly string[];
  spoken(): Promise<void>;
  heard(): { readonly rate: number; readonly samples: string };
  played(): { readonly rate: number; readonly samples: string };
}

declare global {
  /** In the page. */
  var probe: Probe;
  var axe: {
    run(): Promise<{
      readonly violations: readonly {
        readonly id: string;
        readonly impact: string;
        readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
      }[];
    }>;
  };
}

/** @param microphone a WAV file that it hears from when the microphone is opened; `undefined`: the browser refuses the microphone */
export async function openConsoleBrowser(microphone?: string): Promise<ConsoleBrowser> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      '--autoplay-policy=no-user-gesture-required',
      ...(microphone === undefined
        ? []
        : [
            ...['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
            `--use-file-for-fake-audio-capture=${microphone}%noloop`,
          ]),
    ],
  });
  return {
    open: async (options = {}) => {
      const context = await browser.newContext(options);
      await context.addInitScript({ content: `(() => {\n${scripts.join('\n')}\n})();` });
      await context.addInitScript({ path: axeFile });
      // Whatever it waits for comes, however busy the machine is.
      context.setDefaultTimeout(120_000);
      return consolePage(await context.newPage());
    },
    close: () => browser.close(),
  };
}

/** The link that the server shows at its first start: whoever opens it is signed in. */
export function consoleLink(server: TestServer): string {
  const link = /http:\S+#secret=\S+/.exec(server.said.join('\n'))?.[0];
  if (link === undefined) throw new Error(`the server showed no link:\n${server.said.join('\n')}`);
  return link;
}

/** What axe-core finds that is serious or worse, as it is shown now. */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  const found = await page.evaluate(() => axe.run().then(({ violations }) => violations));
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

function consolePage(page: Page): ConsolePage {
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    // The latter is recorder.js's own.
    if (['error', 'warning'].includes(message.type()) && !message.text().includes('ScriptProcessorNode'))
      troubles.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (hostname !== '127.0.0.1' && protocol !== 'blob:') troubles.push(`request: ${request.url()}`);
  });
  return {
    page,
    troubles: async () => [...troubles, ...(await page.evaluate(() => probe.violations()))],
    spoken: () => page.evaluate(() => probe.spoken()),
    heard: async () => soundOf(await page.evaluate(() => probe.heard())),
    played: async () => soundOf(await page.evaluate(() => probe.played())),
  };
}

function soundOf({ rate, samples }: ReturnType<Probe['heard']>): Sound {
  const bytes = Buffer.from(samples, 'base64');
  return {
    rate,
    samples: new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
  };
}
