/** The main thread's side of the encoder's thread: files are made of takes there, several side by side. */
import { Worker } from 'node:worker_threads';
import { reasonOf, TonearmError } from '../errors.ts';
import type { FinishedFile, FinishJob } from './finish.ts';

export interface Encoder {
  /** Starts the thread, so that the first file need not wait for it. */
  warm(): void;
  /** Rejects with what was wrong with this file; with TonearmError `encoderFailed` when the thread died over it. */
  encode(job: FinishJob): Promise<FinishedFile>;
  /** Waits for what was asked before. */
  close(): Promise<void>;
}

export type ToEncoder = { readonly id: number; readonly job: FinishJob };
export type FromEncoder = { readonly id: number } & (
  | { readonly finished: FinishedFile }
  | { readonly failed: string }
);

interface Running {
  readonly thread: Worker;
  readonly waiting: Map<number, PromiseWithResolvers<FinishedFile>>;
}

/** The thread is started by `warm` or the first job, and again by the first one after it died. It keeps no process alive while it has nothing to do. */
export function openEncoder(start: () => Worker = startThread): Encoder {
  let running: Running | undefined;
  let numbers = 0;
  let closed = false;

  const run = (): Running => {
    const thread = start();
    const waiting: Running['waiting'] = new Map();
    const started = { thread, waiting };
    let why = '';
    thread.on('message', (message: FromEncoder) => {
      const job = waiting.get(message.id);
      waiting.delete(message.id);
      if (waiting.size === 0) thread.unref();
      if ('finished' in message) job?.resolve(message.finished);
      else job?.reject(new Error(message.failed));
    });
    thread.on('error', (error: unknown) => {
      why = reasonOf(error);
    });
    thread.unref();
    thread.on('exit', (code) => {
      if (running === started) running = undefined;
      const message = `the encoder's thread died: ${why || `it stopped with code ${code}`}`;
      for (const job of waiting.values()) job.reject(new TonearmError('encoderFailed', message));
      waiting.clear();
    });
    return started;
  };

  return {
    warm() {
      if (!closed) running ??= run();
    },
    encode(job) {
      if (closed) return Promise.reject(new TonearmError('encoderFailed', 'the server is stopping'));
      running ??= run();
      const { thread, waiting } = running;
      const id = ++numbers;
      const asked = Promise.withResolvers<FinishedFile>();
      waiting.set(id, asked);
      thread.ref();
      thread.postMessage({ id, job } satisfies ToEncoder);
      return asked.promise;
    },
    async close() {
      closed = true;
      const jobs = running === undefined ? [] : [...running.waiting.values()];
      await Promise.allSettled(jobs.map(({ promise }) => promise));
      await running?.thread.terminate();
    },
  };
}

/** TypeScript in the repository, JavaScript in the built package. */
function startThread(): Worker {
  const suffix = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  return new Worker(new URL(`./encoder-thread${suffix}`, import.meta.url), { name: 'encoder' });
}
