/** The encoder's thread: its entry. Started by encoder.ts. */
import { parentPort } from 'node:worker_threads';
import { atMost } from '../at-most.ts';
import { reasonOf } from '../errors.ts';
import { makeNicer } from '../thread-priority.ts';
import type { FromEncoder, ToEncoder } from './encoder.ts';
import { finishFile } from './finish.ts';

/** Files made side by side, a piece of each in turn: a voicemail does not wait for the hour before it. */
const AT_ONCE = 8;
/** Calls come before files: on a busy machine it has a third of what the threads get that serve calls. */
const NICER = 5;

const main = parentPort;
if (main === null)
  throw new Error('encoder-thread.ts is the entry of a worker thread: start it by openEncoder');
makeNicer(NICER);
const inTurn = atMost(AT_ONCE);

main.on('message', async ({ id, job }: ToEncoder) => {
  const answer = await inTurn(() => finishFile(job)).then(
    (finished): FromEncoder => ({ id, finished }),
    (thrown): FromEncoder => ({ id, failed: reasonOf(thrown) }),
  );
  main.postMessage(answer);
});
