/** The main thread's side of the protocol: one media worker, its lines and operations as promises. */
import type { Worker } from 'node:worker_threads';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type LineHost, LinkedLine, LinkedOperation, type OnHeard, overRun } from './linked-line.ts';
import type { MediaLine, PacketCounts } from './media-engine.ts';
import type { OperationEnd, PromptDelivery } from './operation.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { WorkerSpool } from './spool-link.ts';
import { withTake } from './take-summary.ts';

export interface WorkerLink {
  /** Lines that are open or being opened. */
  readonly load: number;
  /** Rejects with TonearmError `workerFailed` when the worker dies before it is ready. */
  readonly ready: Promise<void>;
  /** Resolves when the thread is gone, whyever, and all that it carried has ended. */
  readonly gone: Promise<void>;
  /** Throws TonearmError `noPorts`, `mediaAddress`, `engineClosed`, or `workerFailed` when the worker dies meanwhile. */
  openLine(callId: string, secure: boolean, onHeard?: OnHeard): Promise<MediaLine>;
  /** What its lines have heard so far; of a worker that is gone, what it told last. */
  packets(): Promise<PacketCounts>;
  /** Asks the worker to end everything and stop. */
  close(): void;
}

/** Numbers lines and operations: unique in their worker. */
export function linkWorker(worker: Worker, log: Log, spool: Pick<WorkerSpool, 'abandon'>): WorkerLink {
  const lines = new Map<number, LinkedLine>();
  const operations = new Map<number, LinkedOperation>();
  const ready = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  let death: TonearmError | undefined;
  let why = '';
  let numbers = 0;
  let packets: PacketCounts = { expected: 0, received: 0 };
  let counting: PromiseWithResolvers<PacketCounts> | undefined;

  const post = (message: ToWorker) => worker.postMessage(message);

  const end = (id: number, end: OperationEnd) => {
    operations.get(id)?.end(end);
    operations.delete(id);
  };

  const onMessage = (message: FromWorker) => {
    switch (message.type) {
      case 'ready':
        log.debug({ sockets: message.sockets }, 'a media worker is ready');
        ready.resolve();
        break;
      case 'lineOpened':
        lines.get(message.line)?.open(message);
        break;
      case 'lineRefused':
        lines.get(message.line)?.refuse(new TonearmError(message.code, message.message));
        lines.delete(message.line);
        break;
      case 'lineLost':
        lines.get(message.line)?.lose(message.loss);
        break;
      case 'key':
        lines.get(message.line)?.hear(message.key);
        break;
      case 'heard':
        lines.get(message.line)?.onHeard?.(message.heard);
        break;
      case 'progress':
        operations.get(message.operation)?.progress(message.progress);
        break;
      case 'ended':
        end(message.operation, message.end);
        break;
      case 'lineClosed':
        lines.get(message.line)?.end();
        lines.delete(message.line);
        break;
      case 'counted':
        packets = message.packets;
        counting?.resolve(packets);
        counting = undefined;
        break;
      case 'log':
        log[message.level](message.fields, message.message);
        break;
    }
  };

  const onExit = async (code: number) => {
    death = new TonearmError(
      'workerFailed',
      `the media worker died: ${why || `it stopped with code ${code}`}`,
    );
    ready.reject(death);
    counting?.resolve(packets);
    counting = undefined;
    const takes = await spool.abandon();
    for (const [id, { spec, spoken }] of operations) {
      const recordingId = spec.kind === 'record' ? spec.take.recordingId : '';
      const samples = takes.get(recordingId);
      const take = samples === undefined ? undefined : { recordingId, samples, spoken };
      end(id, withTake({ by: 'error', message: death.message }, take));
    }
    for (const line of lines.values()) {
      line.refuse(death);
      line.end();
      line.lose({ by: 'worker', message: death.message });
    }
    lines.clear();
    gone.resolve();
  };

  const host: LineHost = {
    hasLine: (id) => lines.has(id),
    post,
    run(line, spec, prompts, tell) {
      if (!lines.has(line))
        return overRun({ by: 'error', message: death?.message ?? 'the media worker was stopped' });
      const id = ++numbers;
      const operation = new LinkedOperation(host, id, spec, tell);
      post({ type: 'run', line, operation: id, spec, prompts: prompts.length });
      operations.set(id, operation);
      const deliver = (prompt: number, delivery: PromptDelivery) => {
        if (operations.has(id)) post({ type: 'deliver', operation: id, prompt, delivery });
      };
      for (const [index, prompt] of prompts.entries()) {
        prompt.then(
          (delivery) => deliver(index, delivery),
          (thrown: unknown) => deliver(index, { ok: false, why: 'unavailable', message: reasonOf(thrown) }),
        );
      }
      return operation;
    },
    cancel(operation) {
      if (operations.has(operation)) post({ type: 'cancel', operation });
    },
  };

  worker.on('message', onMessage);
  worker.on('error', (error: unknown) => {
    why = reasonOf(error);
  });
  worker.on('exit', (code) => void onExit(code));
  // Whoever does not wait for it learns of it by `gone`.
  ready.promise.catch(() => {});

  return {
    get load() {
      return lines.size;
    },
    ready: ready.promise,
    gone: gone.promise,
    openLine(callId, secure, onHeard) {
      if (death !== undefined) return Promise.reject(death);
      const id = ++numbers;
      const line = new LinkedLine(host, id, onHeard);
      lines.set(id, line);
      post({ type: 'openLine', line: id, callId, secure, watched: onHeard !== undefined });
      return line.opened;
    },
    packets() {
      if (death !== undefined) return Promise.resolve(packets);
      if (counting === undefined) {
        counting = Promise.withResolvers();
        post({ type: 'count' });
      }
      return counting.promise;
    },
    close() {
      post({ type: 'close' });
    },
  };
}
