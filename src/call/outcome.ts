/** What an operation came to: its status, and whether there is a recording to read. */
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { OperationEnd, OperationEnding } from '../operation/operation.ts';
import type { CapturedTake, PreparedRecording, RecordingLibrary } from '../recording/library.ts';
import type { CallEnding, OperationSnapshot } from './model.ts';

export interface OutcomeParts {
  readonly recordings: RecordingLibrary;
  readonly log: Log;
}

export type Outcome = Pick<OperationSnapshot, 'status' | 'end' | 'recording'>;

const succeeds: ReadonlySet<OperationEnding> = new Set(['finished', 'stopTone', 'maxDuration', 'maxSilence']);

/** Never rejects: what goes wrong with the recording becomes the ending `error`. */
export async function outcomeOf(
  end: OperationEnd,
  prepared: PreparedRecording | undefined,
  callEnding: CallEnding | undefined,
  parts: OutcomeParts,
): Promise<Outcome> {
  // The engine only knows that the line was closed; when the bot had it closed, that is the bot's cancelling.
  const seen: OperationEnd =
    end.by === 'hangUp' && callEnding?.by === 'bot' ? { ...end, by: 'cancelled' } : end;
  if (prepared === undefined) return settled(seen, undefined);
  // A caller who hangs up without a word has left no voicemail.
  if (seen.take === undefined || (seen.by === 'hangUp' && !seen.take.spoken)) {
    await discard(prepared.recordingId, parts);
    const { take: _, ...rest } = seen;
    return settled(rest, undefined);
  }
  try {
    const { samples } = seen.take;
    // The bot need not wait for the file; who reads it waits.
    await parts.recordings.keep(prepared.recordingId, { samples, ...spokenIn(seen) });
    return settled(seen, prepared);
  } catch (thrown) {
    const { recordingId } = prepared;
    parts.log.error({ recordingId, error: reasonOf(thrown) }, 'a recording could not be finished');
    const message = [seen.message, reasonOf(thrown)].filter((why) => why !== undefined).join('; ');
    // Finished as soon as the disk lets it be: its location answers 503 until then.
    if (isLate(thrown)) return settled({ ...seen, by: 'error', message }, prepared);
    await discard(recordingId, parts);
    return settled({ ...seen, by: 'error', message }, undefined);
  }
}

function isLate(thrown: unknown): boolean {
  return thrown instanceof TonearmError && thrown.code === 'finishFailed';
}

/** Where in it there is speech, as far as that is known. */
function spokenIn({ report }: OperationEnd): Pick<CapturedTake, 'speech'> {
  const { speechStartMs: startMs, speechEndMs: endMs } = report ?? {};
  return startMs === undefined || endMs === undefined ? {} : { speech: { startMs, endMs } };
}

/** Removes a recording that came to nothing; a failure is logged. */
export async function discard(recordingId: string, { recordings, log }: OutcomeParts): Promise<void> {
  try {
    await recordings.discard(recordingId);
  } catch (thrown) {
    log.error({ recordingId, error: reasonOf(thrown) }, 'a recording could not be discarded');
  }
}

function settled(end: OperationEnd, prepared: PreparedRecording | undefined): Outcome {
  const voicemail = end.by === 'hangUp' && prepared !== undefined;
  return {
    status: succeeds.has(end.by) || voicemail ? 'completed' : 'failed',
    end,
    recording: prepared && readable(prepared),
  };
}

/** What the bot may know of a recording. */
export function readable({ location, accessToken }: PreparedRecording): OperationSnapshot['recording'] {
  return { location, accessToken };
}
