/** Web pages that call, in Debian's Chromium: no request leaves this machine. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

const root = join(import.meta.dirname, '../..');

/** A page with one of the two phones of test/support/pages. */
export interface WebPhone {
  /** Calls, and resolves when the call stands. */
  place(server: string, target: string): Promise<void>;
  /** As a telephone event. */
  press(key: string): Promise<void>;
  /** As JsSIP does unless it is told otherwise: by INFO. */
  signal(key: string): Promise<void>;
  /** Resolves when its microphone heard something, and then nothing for about a second. */
  spoken(): Promise<void>;
  /** Holds the call and takes it up again: with JsSIP. */
  holdAndResume(): Promise<void>;
  /** Closes its media, as soon as there is some, and tells nobody by SIP: with JsSIP. */
  vanish(): Promise<void>;
  /** The browser's own description. */
  offer(): Promise<string>;
  /** Resolves when the far end ended the call. */
  ended(): Promise<void>;
  /** All that the far end sent since the call stands, and its samples a second. */
  heard(): Promise<{ readonly samples: Int16Array; readonly rate: number }>;
  close(): Promise<void>;
}

/** What the phone of a page offers to whoever steers the page. */
interface PagePhone {
  readonly ended: Promise<unknown>;
  place(server: string, target: string): Promise<unknown>;
  /** Whether the browser can send keys. */
  mayPress(): boolean;
  press(key: string): void;
  signal(key: string): void;
  spoken(): Promise<void>;
  hold(): Promise<void>;
  resume(): Promise<void>;
  vanish(): Promise<void>;
  offer(): string;
  heard(): { readonly rate: number; readonly samples: string };
}

/** Opens a page whose microphone hears `microphone`, a WAV file, from the call's beginning. */
export async function openWebPhone(library: 'jssip' | 'sipjs', microphone: string): Promise<WebPhone> {
  const pages = await servePages();
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
      `--use-file-for-fake-audio-capture=${microphone}%noloop`,
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
  const close = async () => {
    await browser.close();
    await pages.close();
  };
  try {
    const page = await browser.newPage();
    const troubles: string[] = [];
    page.on('pageerror', (error) => troubles.push(error.message));
    await page.goto(`${pages.origin}/${library}.html`);
    await page
      .waitForFunction(() => 'phone' in globalThis)
      .catch((thrown) => {
        throw new Error(`the page has no phone: ${troubles.join('; ')}`, { cause: thrown });
      });
    return { ...phoneOf(page), close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

declare global {
  /** In the page. */
  var phone: PagePhone;
}

function phoneOf(page: Page): Omit<WebPhone, 'close'> {
  return {
    place: async (server, target) => {
      await page.evaluate(([server, target]) => phone.place(server, target).then(() => {}), [
        server,
        target,
      ] as const);
    },
    press: async (key) => {
      // The media of a call that stands may still be on its way up, also for a moment after it is connected; no event tells of the end.
      await page.waitForFunction(() => phone.mayPress());
      await page.evaluate((key) => void phone.press(key), key);
    },
    signal: (key) => page.evaluate((key) => void phone.signal(key), key),
    spoken: () => page.evaluate(() => phone.spoken()),
    holdAndResume: () => page.evaluate(() => phone.hold().then(() => phone.resume())),
    vanish: () => page.evaluate(() => phone.vanish()),
    offer: () => page.evaluate(() => phone.offer()),
    ended: () => page.evaluate(() => phone.ended.then(() => {})),
    heard: async () => {
      const { rate, samples } = await page.evaluate(() => phone.heard());
      const bytes = Buffer.from(samples, 'base64');
      return {
        rate,
        samples: new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
      };
    },
  };
}

async function servePages() {
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const content = contentOf(path);
    if (content === undefined) return response.writeHead(404).end();
    response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html').end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function contentOf(path: string): string | undefined {
  if (path === '/jssip.js') return bundle('jssip', 'JsSIP');
  if (/^\/sip\.js\/[\w/-]+\.js$/.test(path))
    return readFileSync(join(root, 'node_modules/sip.js/lib', path.slice('/sip.js/'.length)), 'utf8');
  if (/^\/[\w-]+\.(html|js)$/.test(path)) return readFileSync(join(root, 'test/support/pages', path), 'utf8');
  return undefined;
}

/** A CommonJS package as one script that sets a global: each file a function, by its path. */
function bundle(name: string, global: string): string {
  const modules = new Map<string, string>();
  const add = (file: string): string => {
    if (modules.has(file)) return file;
    modules.set(file, '');
    const find = createRequire(file).resolve;
    const text = readFileSync(file, 'utf8').replace(
      /\brequire\(['"]([^'"]+)['"]\)/g,
      (_call, wanted: string) => {
        const found = wanted === 'debug' ? join(dirname(find('debug')), 'browser.js') : find(named(wanted));
        return `require(${JSON.stringify(add(found))})`;
      },
    );
    modules.set(file, file.endsWith('.json') ? `module.exports = ${text}` : text);
    return file;
  };
  const main = add(createRequire(join(root, 'package.json')).resolve(name));
  const entries = [...modules].map(
    ([file, text]) => `${JSON.stringify(file)}(module, exports, require) {${text}\n}`,
  );
  return `(() => {
    const files = {${entries.join(',\n')}};
    const loaded = {};
    const require = (file) => {
      const known = loaded[file];
      if (known) return known.exports;
      const module = (loaded[file] = { exports: {} });
      files[file](module, module.exports, require);
      return module.exports;
    };
    globalThis.${global} = require(${JSON.stringify(main)});
  })();`;
}

/** The package of that name, not what Node.js has built in. */
function named(wanted: string): string {
  return wanted === 'events' ? 'events/' : wanted;
}
