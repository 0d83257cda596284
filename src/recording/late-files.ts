/** Recordings whose finished file the disk has refused so far: their audio is in the spool, and the file is made as soon as the disk takes it. */
import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { CapturedTake } from './library.ts';

export interface LateFiles {
  readonly size: number;
  /** The pause before the next attempt. */
  readonly retryInMs: number;
  has(recordingId: string): boolean;
  add(recordingId: string, take: CapturedTake): void;
  /** It is finished, or there is nothing to try again with. */
  delete(recordingId: string): void;
  /** Nothing is tried any more: the next start finds what is in the spool. */
  close(): void;
}

export interface LateFilesOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Resolves when the file is made, and has it deleted here. */
  readonly finish: (recordingId: string, take: CapturedTake) => Promise<unknown>;
}

/** The first pause; it doubles up to the longest. */
const FIRST_RETRY_MS = 10_000;
const LONGEST_RETRY_MS = 300_000;

export function lateFiles({ clock, log, finish }: LateFilesOptions): LateFiles {
  const late = new Map<string, CapturedTake>();
  let retryInMs = FIRST_RETRY_MS;
  let retry: Timer | undefined;
  let closed = false;

  const tryLater = () => {
    if (late.size > 0 && !closed) retry ??= clock.after(retryInMs, () => void tryAll());
  };

  /** One after the other, until the disk refuses one again. */
  const tryAll = async () => {
    for (const [recordingId, take] of [...late]) {
      if (closed) return;
      try {
        await finish(recordingId, take);
        log.info({ recordingId }, 'a recording that the disk had refused is finished');
        retryInMs = FIRST_RETRY_MS;
      } catch (thrown) {
        log.warn({ recordingId, error: reasonOf(thrown) }, 'the disk still refuses a finished recording');
        retryInMs = Math.min(2 * retryInMs, LONGEST_RETRY_MS);
        break;
      }
    }
    retry = undefined;
    tryLater();
  };

  return {
    get size() {
      return late.size;
    },
    get retryInMs() {
      return retryInMs;
    },
    has: (recordingId) => late.has(recordingId),
    add(recordingId, take) {
      late.set(recordingId, take);
      tryLater();
    },
    delete: (recordingId) => void late.delete(recordingId),
    close() {
      closed = true;
      retry?.cancel();
    },
  };
}
