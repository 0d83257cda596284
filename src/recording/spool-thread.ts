/** The spool's thread: its entry. Serves every media worker of the process; started by operation/pool.ts. */
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { reasonOf } from '../errors.ts';
import type { AbandonedTake, FromSpoolThread, ToSpool, ToSpoolThread } from './spool-protocol.ts';
import { createWorkerTakes, type WorkerTakes } from './spool-writer.ts';

/** A ring holds a second, and blocks are half a second: each take has its turn every 100 ms. */
const TURN_MS = 100;
/** Some of them at a time: whoever is told that its take is sealed waits for no more than that. */
const POLL_MS = 10;
const MOST_AT_ONCE = 0.3;

const main = parentPort;
if (main === null) throw new Error('spool-thread.ts is the entry of a worker thread: start it by openPool');
const tell = (message: FromSpoolThread) => main.postMessage(message);
const workers = new Map<number, { readonly port: MessagePort; readonly takes: WorkerTakes }>();

let timer: NodeJS.Timeout | undefined;
let polledAt = 0;

const poll = () => {
  // On a busy machine the timer is late: more have their turn then.
  const now = performance.now();
  const share = Math.min(MOST_AT_ONCE, (now - polledAt) / TURN_MS);
  polledAt = now;
  let idle = true;
  for (const { takes } of workers.values()) {
    guarded(() => takes.poll(share));
    idle &&= takes.idle;
  }
  if (!idle) return;
  clearInterval(timer);
  timer = undefined;
};

/** One worker's trouble must not become the others'. */
const guarded = (action: () => void) => {
  try {
    action();
  } catch (thrown) {
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    tell({
      type: 'log',
      fields: { error: reasonOf(thrown), stack },
      message: 'the spool could not do what it was asked',
    });
  }
};

const serve = (worker: number, port: MessagePort) => {
  const takes = createWorkerTakes((message) => port.postMessage(message));
  workers.set(worker, { port, takes });
  port.on('message', (message: ToSpool) => {
    guarded(() => takes.take(message));
    timer ??= setInterval(poll, POLL_MS);
  });
};

/** Its last messages may still lie in the port. */
const abandon = (worker: number) => {
  const served = workers.get(worker);
  if (served === undefined) return;
  const { port, takes } = served;
  workers.delete(worker);
  let left: readonly AbandonedTake[] = [];
  guarded(() => {
    for (let last = receiveMessageOnPort(port); last !== undefined; last = receiveMessageOnPort(port))
      takes.take(last.message);
    left = takes.abandon();
  });
  port.close();
  tell({ type: 'abandoned', worker, takes: left });
};

main.on('message', (message: ToSpoolThread) => {
  if (message.type === 'worker') serve(message.worker, message.port);
  else abandon(message.worker);
});
tell({ type: 'ready' });
