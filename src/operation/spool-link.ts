/** The main thread's side of the spool's thread: one for all media workers. */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FromSpoolThread, ToSpoolThread } from '../recording/spool-protocol.ts';

export interface SpoolLink {
  /** Rejects with TonearmError `workerFailed` when the thread dies before it is ready. */
  readonly ready: Promise<void>;
  /** Resolves when the thread is gone, whyever. */
  readonly gone: Promise<void>;
  /** For another media worker. */
  connect(): WorkerSpool;
  /** To be called when the media workers are gone. */
  close(): Promise<void>;
}

/** One media worker's. */
export interface WorkerSpool {
  /** To be transferred to the worker. */
  readonly port: MessagePort;
  /** The worker has died: seals the takes that it had open. Samples by recording; none when the spool's thread has died as well. */
  abandon(): Promise<ReadonlyMap<string, number>>;
}

export function linkSpool(thread: Worker, log: Log): SpoolLink {
  const ready = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const workers = new Map<number, PromiseWithResolvers<ReadonlyMap<string, number>>>();
  let numbers = 0;
  let dead = false;
  let why = '';

  const onMessage = (message: FromSpoolThread) => {
    if (message.type === 'ready') ready.resolve();
    else if (message.type === 'log') log.error(message.fields, message.message);
    else {
      const takes = message.takes.map(({ recordingId, samples }) => [recordingId, samples] as const);
      workers.get(message.worker)?.resolve(new Map(takes));
      workers.delete(message.worker);
    }
  };
  thread.on('message', onMessage);
  thread.on('error', (error: unknown) => {
    why = reasonOf(error);
  });
  thread.on('exit', (code) => {
    ready.reject(
      new TonearmError('workerFailed', `the spool's thread died: ${why || `it stopped with code ${code}`}`),
    );
    dead = true;
    for (const { resolve } of workers.values()) resolve(new Map());
    workers.clear();
    gone.resolve();
  });
  // Whoever does not wait for it learns of it by `gone`.
  ready.promise.catch(() => {});

  return {
    ready: ready.promise,
    gone: gone.promise,
    connect() {
      const { port1, port2 } = new MessageChannel();
      const worker = ++numbers;
      const abandoned = Promise.withResolvers<ReadonlyMap<string, number>>();
      if (dead) abandoned.resolve(new Map());
      else workers.set(worker, abandoned);
      const post = (message: ToSpoolThread, transfer: MessagePort[] = []) =>
        thread.postMessage(message, transfer);
      post({ type: 'worker', worker, port: port2 }, [port2]);
      return {
        port: port1,
        abandon() {
          post({ type: 'gone', worker });
          return abandoned.promise;
        },
      };
    },
    async close() {
      await thread.terminate();
      await gone.promise;
    },
  };
}
