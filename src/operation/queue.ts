/**
 * The operations of one line: one at a time, first come, first served. Lives in a media worker.
 *
 * An operation ends once. One that is cancelled before its turn ends then and there; one that runs ends when its take is sealed, and
 * only then the next begins.
 */
import type { Line } from '../media/line.ts';
import type { Take } from '../recording/take.ts';
import type { OperationRun } from './media-engine.ts';
import type { OperationEnd, OperationSpec, PromptDelivery, RecordSpec, TakeSpec } from './operation.ts';
import { playPrompt } from './play-prompt.ts';
import { record } from './record.ts';
import { failed, type Stage, type StopReason, stoppedBy, type Tell } from './stage.ts';
import { leavesTake, withTake } from './take-summary.ts';

export interface OperationQueue {
  /** As MediaLine.run. `tell` is never called before this has returned, nor after the operation has ended. */
  run(spec: OperationSpec, prompts: readonly Promise<PromptDelivery>[], tell: Tell): OperationRun;
  /** Stops what runs and what waits, and takes no more. Resolves when all has ended. */
  close(reason: Exclude<StopReason, 'cancelled'>): Promise<void>;
}

export interface QueueParts {
  readonly beep: Int16Array;
  /** `onGrown` is told how many samples of the take are on disk, when the spec asks for it. */
  readonly openTake: (spec: TakeSpec, onGrown: (samples: number) => void) => Take;
}

interface Entry {
  readonly spec: OperationSpec;
  readonly prompts: readonly Promise<PromptDelivery>[];
  readonly tell: Tell;
  readonly stop: AbortController;
  readonly ended: PromiseWithResolvers<OperationEnd>;
}

export function createQueue(line: Line, parts: QueueParts): OperationQueue {
  const waiting: Entry[] = [];
  let running: Entry | undefined;
  let closing: StopReason | undefined;

  const stop = (entry: Entry, reason: StopReason) => {
    entry.stop.abort(reason);
    const turn = waiting.indexOf(entry);
    if (turn < 0) return;
    waiting.splice(turn, 1);
    entry.ended.resolve(stoppedBy(entry.stop.signal));
  };

  const work = async () => {
    if (running !== undefined) return;
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      running = entry;
      entry.tell({ phase: 'running' });
      entry.ended.resolve(await perform(line, entry, parts));
      // Whoever asked for it hears of its end before the next one runs.
      await entry.ended.promise;
    }
    running = undefined;
  };

  return {
    run(spec, prompts, tell) {
      const ended = Promise.withResolvers<OperationEnd>();
      const entry: Entry = { spec, prompts, tell, stop: new AbortController(), ended };
      if (closing === undefined) {
        waiting.push(entry);
        queueMicrotask(work);
      } else {
        entry.stop.abort(closing);
        ended.resolve(stoppedBy(entry.stop.signal));
      }
      return { ended: ended.promise, cancel: () => stop(entry, 'cancelled') };
    },
    async close(reason) {
      closing ??= reason;
      const last = running?.ended.promise;
      for (const entry of [...waiting, ...(running ? [running] : [])]) stop(entry, reason);
      await last;
    },
  };
}

function perform(line: Line, entry: Entry, parts: QueueParts): Promise<OperationEnd> {
  const { spec, prompts, tell } = entry;
  const stage: Stage = { line, prompts, beep: parts.beep, tell };
  const { signal } = entry.stop;
  return spec.kind === 'record' ? performRecord(spec, stage, parts, signal) : playPrompt(spec, stage, signal);
}

/** Opens the take when recording starts, seals it whatever happens, and says what is in it. Never rejects. */
async function performRecord(
  spec: RecordSpec,
  stage: Stage,
  parts: QueueParts,
  signal: AbortSignal,
): Promise<OperationEnd> {
  let spoken = false;
  let take: Take | undefined;
  const tell: Tell = (progress) => {
    spoken ||= progress.phase === 'speech';
    stage.tell(progress);
  };
  const openTake = () => {
    take = parts.openTake(spec.take, (samples) => tell({ phase: 'grown', samples }));
    return take;
  };
  let end = await record(spec, { ...stage, tell }, openTake, signal);
  try {
    await take?.seal();
  } catch (thrown) {
    if (take && leavesTake(end, { samples: take.length })) end = { ...end, ...failed(thrown) };
  }
  return withTake(end, take && { recordingId: spec.take.recordingId, samples: take.written, spoken });
}
