/** How an operation ended, in Graph's words: the tables of CONTRACT §3.1 and §4. */
import type { OperationKind } from '../call/model.ts';
import type { OperationEnd, OperationEnding } from '../operation/operation.ts';

/** Of a record operation. Ours: `callTerminated` (CONTRACT §3.1). */
export type CompletionReason =
  | 'stopToneDetected'
  | 'maxRecordDurationReached'
  | 'maxSilenceTimeout'
  | 'initialSilenceTimeout'
  | 'operationCanceled'
  | 'callTerminated'
  | 'mediaReceiveTimeout'
  | 'playPromptFailed'
  | 'playBeepFailed'
  | 'unspecifiedError';

/** A row of the table. */
export interface SpelledEnding {
  readonly status: 'completed' | 'failed';
  readonly completionReason: CompletionReason;
  readonly code: 200 | 400 | 500;
  readonly subcode: number;
  readonly message: string;
}

const ended = (
  status: SpelledEnding['status'],
  completionReason: CompletionReason,
  code: SpelledEnding['code'],
  subcode: number,
  message: string,
): SpelledEnding => ({
  status,
  completionReason,
  code,
  subcode,
  message,
});

const CANCELLED = ended('failed', 'operationCanceled', 400, 8508, 'The operation was cancelled.');

const ENDINGS: Readonly<Record<OperationEnding, SpelledEnding>> = {
  finished: ended('completed', 'unspecifiedError', 200, 0, 'Action completed successfully.'),
  stopTone: ended('completed', 'stopToneDetected', 200, 8514, 'Recording stopped: a stop tone was detected.'),
  maxDuration: ended(
    'completed',
    'maxRecordDurationReached',
    200,
    8515,
    'Recording stopped: the longest duration was reached.',
  ),
  maxSilence: ended(
    'completed',
    'maxSilenceTimeout',
    200,
    8509,
    'Recording stopped: the caller paused for longer than allowed.',
  ),
  initialSilence: ended(
    'failed',
    'initialSilenceTimeout',
    400,
    8510,
    'Recording failed: the caller said nothing in time.',
  ),
  cancelled: CANCELLED,
  hangUp: ended('failed', 'operationCanceled', 400, 8508, 'The call ended before the operation did.'),
  noMedia: ended('failed', 'mediaReceiveTimeout', 500, 8513, 'No media arrived for longer than allowed.'),
  promptUnavailable: ended('failed', 'playPromptFailed', 500, 8536, 'A prompt could not be fetched.'),
  promptUndecodable: ended(
    'failed',
    'playPromptFailed',
    500,
    8535,
    'A prompt is not audio that can be decoded.',
  ),
  promptFailed: ended('failed', 'playPromptFailed', 500, 8511, 'A prompt failed while it was played.'),
  beepFailed: ended('failed', 'playBeepFailed', 500, 8512, 'The beep could not be played.'),
  error: ended('failed', 'unspecifiedError', 500, 9999, 'The operation failed.'),
};

/** A voicemail left by hanging up is a voicemail: spoken, and there is a take. */
const HUNG_UP_AFTER_SPEAKING = ended(
  'completed',
  'callTerminated',
  200,
  8588,
  'Recording stopped: the call ended.',
);

/** The ending as it is spelled; the engine's own message follows the table's when it says more. */
export function spellEnding(kind: OperationKind, end: OperationEnd): SpelledEnding {
  const isVoicemail = kind === 'record' && end.by === 'hangUp' && end.take?.spoken === true;
  const row = isVoicemail ? HUNG_UP_AFTER_SPEAKING : ENDINGS[end.by];
  return end.message === undefined ? row : { ...row, message: `${row.message} ${end.message}` };
}
