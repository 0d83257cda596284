/** The encoder's thread: its entry. Started by encoder.ts. */
import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { atMost } from '../at-most.ts';
import { reasonOf } from '../errors.ts';
import type { FromEncoder, ToEncoder } from './encoder.ts';
import { finishFile } from './finish.ts';

/** Files made side by side, a piece of each in turn: a voicemail does not wait for the hour before it. */
const AT_ONCE = 8;
/** Nicer by so much than the threads that serve calls: on a busy machine it has a third of what they get. */
const NICER = 5;
const NICEST = 19;

const main = parentPort;
if (main === null)
  throw new Error('encoder-thread.ts is the entry of a worker thread: start it by openEncoder');
stepBack();
const inTurn = atMost(AT_ONCE);

main.on('message', async ({ id, job }: ToEncoder) => {
  const answer = await inTurn(() => finishFile(job)).then(
    (finished): FromEncoder => ({ id, finished }),
    (thrown): FromEncoder => ({ id, failed: reasonOf(thrown) }),
  );
  main.postMessage(answer);
});

/** Calls come before files. Linux alone gives threads priorities of their own. */
function stepBack(): void {
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')));
    setPriority(thread, Math.min(NICEST, getPriority(thread) + NICER));
  } catch {
    // Then it has the same as the others.
  }
}
