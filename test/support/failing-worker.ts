/** The media worker as it is, with a defect that a test can set off by posting `fail`. */
import { parentPort } from 'node:worker_threads';
import '../../src/operation/worker.ts';

parentPort?.on('message', (message: unknown) => {
  if (message !== 'fail') return;
  setImmediate(() => {
    throw new Error('a defect');
  });
});
