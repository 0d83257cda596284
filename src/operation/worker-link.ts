/** The main thread's side of the protocol: one media worker, its lines and operations as promises. */
import type { Worker } from 'node:worker_threads';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Heard, Key } from '../media/line.ts';
import type { MediaLine, OperationRun, PacketCounts } from './media-engine.ts';
import type { OperationEnd, OperationProgress, OperationSpec, PromptDelivery } from './operation.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { WorkerSpool } from './spool-link.ts';
import type { Tell } from './stage.ts';
import { withTake } from './take-summary.ts';

/** Told of each change in what a line hears. */
export type OnHeard = (heard: Heard) => void;

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

interface LinkedLine {
  readonly opened: PromiseWithResolvers<MediaLine>;
  readonly failed: AbortController;
  readonly closed: PromiseWithResolvers<void>;
  onKey: ((key: Key) => void) | undefined;
  readonly onHeard: OnHeard | undefined;
  closing: boolean;
}

interface LinkedOperation {
  readonly spec: OperationSpec;
  readonly tell: Tell;
  readonly ended: PromiseWithResolvers<OperationEnd>;
  /** Of the take, in case the worker cannot tell any more. */
  spoken: boolean;
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
    operations.get(id)?.ended.resolve(end);
    operations.delete(id);
  };

  const progressed = (operation: LinkedOperation, progress: OperationProgress) => {
    operation.spoken ||= progress.phase === 'speech';
    operation.tell(progress);
  };

  const onMessage = (message: FromWorker) => {
    switch (message.type) {
      case 'ready':
        log.debug({ sockets: message.sockets }, 'a media worker is ready');
        ready.resolve();
        break;
      case 'lineOpened': {
        const line = lines.get(message.line);
        line?.opened.resolve(mediaLine(message.line, line, message));
        break;
      }
      case 'lineRefused':
        lines.get(message.line)?.opened.reject(new TonearmError(message.code, message.message));
        lines.delete(message.line);
        break;
      case 'key':
        lines.get(message.line)?.onKey?.(message.key);
        break;
      case 'heard':
        lines.get(message.line)?.onHeard?.(message.heard);
        break;
      case 'progress': {
        const operation = operations.get(message.operation);
        if (operation) progressed(operation, message.progress);
        break;
      }
      case 'ended':
        end(message.operation, message.end);
        break;
      case 'lineClosed':
        lines.get(message.line)?.closed.resolve();
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
      line.opened.reject(death);
      line.closed.resolve();
      line.failed.abort(death);
    }
    lines.clear();
    gone.resolve();
  };

  const mediaLine = (
    id: number,
    line: LinkedLine,
    { port, fingerprint }: Pick<MediaLine, 'port' | 'fingerprint'>,
  ): MediaLine => ({
    port,
    fingerprint,
    failed: line.failed.signal,
    connect(parameters) {
      if (lines.has(id)) post({ type: 'connect', line: id, parameters });
    },
    mute(muted) {
      if (lines.has(id)) post({ type: 'mute', line: id, muted });
    },
    watchKeys(onKey) {
      line.onKey = onKey;
      if (lines.has(id)) post({ type: 'watchKeys', line: id });
    },
    run(spec, prompts, onProgress) {
      if (line.closing) return over({ by: 'hangUp' });
      if (!lines.has(id))
        return over({ by: 'error', message: death?.message ?? 'the media worker was stopped' });
      return run(id, spec, prompts, onProgress);
    },
    close() {
      if (!line.closing && lines.has(id)) post({ type: 'closeLine', line: id });
      line.closing = true;
      return line.closed.promise;
    },
  });

  const run = (
    line: number,
    spec: OperationSpec,
    prompts: readonly Promise<PromptDelivery>[],
    tell: Tell,
  ): OperationRun => {
    const id = ++numbers;
    const ended = Promise.withResolvers<OperationEnd>();
    post({ type: 'run', line, operation: id, spec, prompts: prompts.length });
    operations.set(id, { spec, tell, ended, spoken: false });
    const deliver = (prompt: number, delivery: PromptDelivery) => {
      if (operations.has(id)) post({ type: 'deliver', operation: id, prompt, delivery });
    };
    for (const [index, prompt] of prompts.entries()) {
      prompt.then(
        (delivery) => deliver(index, delivery),
        (thrown: unknown) => deliver(index, { ok: false, why: 'unavailable', message: reasonOf(thrown) }),
      );
    }
    return {
      ended: ended.promise,
      cancel() {
        if (operations.has(id)) post({ type: 'cancel', operation: id });
      },
    };
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
      const opened = Promise.withResolvers<MediaLine>();
      const closed = Promise.withResolvers<void>();
      const failed = new AbortController();
      lines.set(id, { opened, closed, failed, onKey: undefined, onHeard, closing: false });
      post({ type: 'openLine', line: id, callId, secure, watched: onHeard !== undefined });
      return opened.promise;
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

function over(end: OperationEnd): OperationRun {
  return { ended: Promise.resolve(end), cancel() {} };
}
