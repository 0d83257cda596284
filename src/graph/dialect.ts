/**
 * A dialect: one way to spell the one call model over HTTP (CONTRACT §1). Routes know no other difference between the two
 * than what is here.
 */
import type { TObject } from 'typebox';
import type { OperationSnapshot, PromptRequest, RecordRequest } from '../call/model.ts';
import type { RecordingFormat } from '../recording/formats.ts';
import { Refused } from './errors.ts';
import type { PlayPromptBody, RecordBody } from './media-schemas.ts';
import type { OperationResource } from './operation-resources.ts';
import type { CallPlace } from './spelling.ts';

/** Everything in which the two differ. */
export interface Dialect {
  /** For people: the API's documentation is sorted by it. */
  readonly title: string;
  /** What RecordBody is to fit. */
  readonly recordBody: TObject;
  /** What PlayPromptBody is to fit. */
  readonly playPromptBody: TObject;
  record(body: RecordBody): { readonly request: RecordRequest; readonly breaks: boolean };
  playPrompt(body: PlayPromptBody): {
    readonly prompts: readonly PromptRequest[];
    readonly bargeIn: boolean;
    readonly loop: boolean;
    readonly sensitivity: PlayPromptBody['speechSensitivity'];
    readonly breaks: boolean;
  };
  /** How an operation that was taken is answered, besides its Location: 202 has no body, 200 the operation. */
  readonly accepted: 200 | 202;
  spellOperation(call: CallPlace, operation: OperationSnapshot): OperationResource;
  /** What `$select` may name of an operation. */
  readonly operationMembers: readonly string[];
  /** Whether bots are told how this operation ended: not when the answer to their request said so already. */
  tellsOf(operation: OperationSnapshot): boolean;
  /** The body of a notification. */
  envelope(changeType: string, resourceData: { readonly '@odata.id': string }): object;
}

/** What does not differ. `prompts` are the body's own, translated. Throws Refused when two members don't go together. */
export function recordRequest(body: RecordBody, prompts: readonly PromptRequest[]): RecordRequest {
  const format = body.recordingFormat.toLowerCase() as RecordingFormat;
  if (body.streamWhileRecording && format !== 'wav')
    throw new Refused(
      'badRequest',
      `$.recordingFormat is "${format}", but what is read while it grows (streamWhileRecording) is always wav.`,
    );
  if (body.streamWhileRecording && body.trimSilence)
    throw new Refused(
      'badRequest',
      '$.trimSilence is true, but what was read while it grew (streamWhileRecording) cannot be trimmed: one of them must be false.',
    );
  return {
    prompts,
    bargeIn: body.bargeInAllowed,
    sensitivity: body.speechSensitivity,
    format,
    trimSilence: body.trimSilence,
    channels: body.recordingChannels === 'dual' ? 2 : 1,
    initialSilenceSeconds: body.initialSilenceTimeoutInSeconds,
    maxSilenceSeconds: body.maxSilenceTimeoutInSeconds,
    maxDurationSeconds: body.maxRecordDurationInSeconds,
    beep: body.playBeep,
    streaming: body.streamWhileRecording,
    stopTones: body.stopTones,
  };
}
