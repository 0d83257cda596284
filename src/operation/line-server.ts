/** The worker's side of the protocol: owns the lines of one worker and their queues. */
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Heard, Key, Line } from '../media/line.ts';
import type { AudioParameters } from '../media/session-description.ts';
import type { AudioRing, Take } from '../recording/take.ts';
import type { Fingerprint } from '../wire/sdp.ts';
import type { OperationRun } from './media-engine.ts';
import type { PromptDelivery, TakeSpec } from './operation.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import { createQueue, type OperationQueue, type QueueParts } from './queue.ts';
import type { StopReason } from './stage.ts';

/** A line as the worker owns it. */
export interface OwnedLine extends Line {
  readonly port: number;
  /** Of the certificate that it shows, when it is for DTLS. */
  readonly fingerprint?: Fingerprint | undefined;
  /** Where what it hears lies: what its takes are written from. */
  ring(channels: 1 | 2): AudioRing;
  connect(parameters: AudioParameters): void;
  mute(muted: boolean): void;
  watchKeys(onKey: (key: Key) => void): void;
  watchHearing(onHeard: (heard: Heard) => void): void;
  close(): Promise<void>;
}

export interface LineServer {
  /** Takes a message of the main thread; what goes wrong is answered or logged. `close` is the caller's to act on. */
  take(message: Exclude<ToWorker, { type: 'close' }>): void;
  /** Ends every operation with `workerClosing`, closes every line, opens no more. That the lines are gone is told by the worker's own end. */
  close(): Promise<void>;
}

interface Served {
  readonly line: OwnedLine;
  readonly queue: OperationQueue;
}

interface Operation {
  readonly run: OperationRun;
  readonly deliveries: readonly PromiseWithResolvers<PromptDelivery>[];
}

export function serveLines(
  parts: Pick<QueueParts, 'beep'> & {
    /** As QueueParts.openTake, of what this line hears. */
    readonly openTake: (line: OwnedLine, spec: TakeSpec, onGrown: (samples: number) => void) => Take;
    readonly openLine: (callId: string, secure: boolean) => Promise<OwnedLine>;
    readonly send: (message: FromWorker) => void;
    readonly log: Log;
  },
): LineServer {
  const { send, log } = parts;
  const lines = new Map<number, Served>();
  const opening = new Set<Promise<void>>();
  const operations = new Map<number, Operation>();
  /** Of lines that are closed. */
  let [expected, received] = [0, 0];
  let closing = false;

  const open = async ({ line: id, callId, secure, watched }: Extract<ToWorker, { type: 'openLine' }>) => {
    try {
      const line = await parts.openLine(callId, secure === true);
      if (closing) {
        await line.close();
        throw new TonearmError('engineClosed', 'the media engine is closing: no more lines are opened');
      }
      const openTake: QueueParts['openTake'] = (spec, onGrown) => parts.openTake(line, spec, onGrown);
      if (watched) line.watchHearing((heard) => send({ type: 'heard', line: id, heard }));
      lines.set(id, { line, queue: createQueue(line, { beep: parts.beep, openTake }) });
      send({ type: 'lineOpened', line: id, port: line.port, fingerprint: line.fingerprint });
    } catch (thrown) {
      const code = thrown instanceof TonearmError ? thrown.code : 'lineFailed';
      send({ type: 'lineRefused', line: id, code, message: reasonOf(thrown) });
    }
  };

  const run = (message: Extract<ToWorker, { type: 'run' }>) => {
    const { operation: id, spec } = message;
    const queue = lines.get(message.line)?.queue;
    if (queue === undefined) {
      // Its line was closed while the message was on its way.
      send({ type: 'ended', operation: id, end: { by: 'hangUp' } });
      return;
    }
    const deliveries = Array.from({ length: message.prompts }, () => Promise.withResolvers<PromptDelivery>());
    const prompts = deliveries.map(({ promise }) => promise);
    const started = queue.run(spec, prompts, (progress) =>
      send({ type: 'progress', operation: id, progress }),
    );
    operations.set(id, { run: started, deliveries });
    void started.ended.then((end) => {
      operations.delete(id);
      send({ type: 'ended', operation: id, end });
    });
  };

  /** `true` when this call of it was the one that closed it. */
  const close = async (id: number, reason: Exclude<StopReason, 'cancelled'>) => {
    const served = lines.get(id);
    if (served === undefined) return false;
    await served.queue.close(reason);
    try {
      await served.line.close();
    } catch (thrown) {
      log.error({ port: served.line.port, error: reasonOf(thrown) }, 'a line did not close cleanly');
    }
    const isFirst = lines.delete(id);
    if (isFirst) {
      const report = served.line.report();
      expected += report.expected;
      received += report.received;
    }
    return isFirst;
  };
  const closeLine = async (id: number) => {
    if (await close(id, 'hangUp')) send({ type: 'lineClosed', line: id });
  };

  const count = () => {
    const packets = { expected, received };
    for (const { line } of lines.values()) {
      const report = line.report();
      packets.expected += report.expected;
      packets.received += report.received;
    }
    send({ type: 'counted', packets });
  };

  const act = (message: Exclude<ToWorker, { type: 'close' }>) => {
    switch (message.type) {
      case 'openLine': {
        const opened = open(message).finally(() => opening.delete(opened));
        opening.add(opened);
        break;
      }
      case 'connect':
        lines.get(message.line)?.line.connect(message.parameters);
        break;
      case 'mute':
        lines.get(message.line)?.line.mute(message.muted);
        break;
      case 'watchKeys': {
        const { line } = message;
        lines.get(line)?.line.watchKeys((key) => send({ type: 'key', line, key }));
        break;
      }
      case 'run':
        run(message);
        break;
      case 'deliver':
        operations.get(message.operation)?.deliveries[message.prompt]?.resolve(message.delivery);
        break;
      case 'cancel':
        operations.get(message.operation)?.run.cancel();
        break;
      case 'count':
        count();
        break;
      case 'closeLine':
        void closeLine(message.line);
        break;
    }
  };

  return {
    take(message) {
      try {
        act(message);
      } catch (thrown) {
        // One call's trouble must not become the worker's.
        log.error(
          { type: message.type, error: reasonOf(thrown) },
          'a media worker could not do what it was asked',
        );
      }
    },
    async close() {
      closing = true;
      await Promise.all(opening);
      await Promise.all([...lines.keys()].map((id) => close(id, 'workerClosing')));
    },
  };
}
