/**
 * How V8 sizes its heaps, for a process of four threads whose garbage comes in bursts, as calls are set up (docs/decisions/0012-small-heaps.md).
 * Node.js has these settings for the command line only, and one may not have the choice there.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Of the main thread's young generation, both halves: it grows up to here or to half of it, but for what comes in one go. A scavenge a megabyte would be a pause every 20 ms. */
const YOUNG_BYTES = 8 << 20;
/** V8 makes it small again whenever little is going on. */
const LOOK_EVERY_MS = 100;

/** To be called before anything else is loaded: V8 looks at both settings whenever a heap of any thread would grow. */
export function keepHeapsSmall(): void {
  // What is live may grow by so much per cent before the old generation is collected; by default it may double and more.
  setFlagsFromString('--heap-growing-percent=10');
  setFlagsFromString('--semi-space-growth-factor=1');
  setInterval(boundYoung, LOOK_EVERY_MS).unref();
}

/** Left to itself it grows while calls are set up, to 112 MB, and stays there. */
function boundYoung(): void {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  // It may double more than once before it is looked at again.
  const mayGrow = young !== undefined && young.space_size <= YOUNG_BYTES / 4;
  setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
}
