/** How soon the console can be used, from nothing: a browser that has never been there opens the link that signs in. */
import type { Page } from 'playwright-core';
import { consoleLink, openConsoleBrowser } from '../test/support/console-page.ts';
import { startServer } from '../test/support/server.ts';

interface Visit {
  readonly firstPaintMs: number;
  /** Signed in, the phone is shown with its button to call, and the page answers. */
  readonly usableMs: number;
  /** Over the network, headers apart. */
  readonly bytes: number;
}

const VISITS = 7;
/** In the page. A frame, and a turn of the event loop after it: nothing keeps it from answering any more. */
const MEASURE = `(async () => {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const usableMs = performance.now();
  const painted = new Promise((resolve) =>
    new PerformanceObserver((seen) => {
      const [first] = seen.getEntriesByName('first-contentful-paint');
      if (first !== undefined) resolve(first.startTime);
    }).observe({ type: 'paint', buffered: true }),
  );
  const files = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  return {
    firstPaintMs: await painted,
    usableMs,
    bytes: files.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  };
})()`;

/** Runs the bench and prints what it found. */
export async function page(): Promise<void> {
  const server = await startServer();
  const browser = await openConsoleBrowser();
  const visits: Visit[] = [];
  try {
    for (let left = VISITS; left > 0; left--) {
      const { page } = await browser.open();
      visits.push(await visit(page, consoleLink(server)));
      await page.context().close();
    }
  } finally {
    await browser.close();
    await server.stop();
  }
  const median = (of: (visit: Visit) => number) => visits.map(of).sort((a, b) => a - b)[VISITS >> 1]!;
  console.log(`${VISITS} first visits, in the median:\n`);
  console.log(`first paint  ${median(({ firstPaintMs }) => firstPaintMs).toFixed(0)} ms`);
  console.log(`usable       ${median(({ usableMs }) => usableMs).toFixed(0)} ms`);
  console.log(`bytes        ${median(({ bytes }) => bytes)}\n`);
  console.log(JSON.stringify({ bench: 'page', node: process.version, visits }));
}

async function visit(page: Page, link: string): Promise<Visit> {
  await page.goto(link);
  await page.getByRole('button', { name: /^Call/ }).waitFor();
  return page.evaluate<Visit>(MEASURE);
}
