import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

const module = new URL('./thread-priority.ts', import.meta.url).href;
const code = (by: number) => `
  import { readlinkSync } from 'node:fs';
  import { basename } from 'node:path';
  import { parentPort } from 'node:worker_threads';
  import { makeNicer } from '${module}';
  const made = makeNicer(${by});
  parentPort.postMessage({ made, thread: Number(basename(readlinkSync('/proc/thread-self'))) });
  parentPort.once('message', () => {});`;

/** What a thread was told, and where it stands then. */
async function nicer(by: number) {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code(by))}`));
  const [{ made, thread }] = (await once(worker, 'message')) as [{ made: boolean; thread: number }];
  const priority = getPriority(thread);
  await worker.terminate();
  return { made, priority };
}

test('a thread is made nicer, and no other with it', { skip: !existsSync('/proc/thread-self') }, async () => {
  const ours = getPriority();
  assert.deepEqual(await nicer(3), { made: true, priority: Math.min(19, ours + 3) });
  assert.deepEqual(await nicer(100), { made: true, priority: 19 });
  assert.equal(getPriority(), ours);
});

test('a thread that may not be less nice stays as it was', {
  skip: !existsSync('/proc/thread-self'),
}, async () => {
  const ours = getPriority();
  const { made, priority } = await nicer(-1);
  assert.equal(priority, made ? Math.max(-20, ours - 1) : ours);
});
