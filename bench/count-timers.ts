// Loaded into the server that the soak watches: on SIGUSR2 it says how many timers its main thread still knows of, after a garbage collection.
import { queryObjects } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

if (isMainThread)
  process.on('SIGUSR2', () => {
    const timer = setTimeout(() => {}, 0);
    console.error(
      JSON.stringify({ msg: 'counted', timers: queryObjects(timer.constructor, { format: 'count' }) }),
    );
  });
