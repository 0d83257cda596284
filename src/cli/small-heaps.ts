/**
 * How V8 sizes its heaps, for a process of four threads whose garbage comes in bursts, as calls are set up (docs/decisions/0012-small-heaps.md).
 * Node.js has these settings for the command line only, and one may not have the choice there.
 */
import { setFlagsFromString } from 'node:v8';

/** To be called before anything else: both are looked at whenever a heap of any thread would grow. */
export function keepHeapsSmall(): void {
  // The young generation stays as it is once the server is up: else a thousand calls in ten seconds leave it at 112 MB for good.
  setFlagsFromString('--semi-space-growth-factor=1');
  // What is live may grow by so much per cent before the old generation is collected; by default it may double and more.
  setFlagsFromString('--heap-growing-percent=20');
}
