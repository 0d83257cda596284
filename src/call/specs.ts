/** What the engine is asked to do for a request: seconds become milliseconds, stop tones become keys. */
import type { Key, Sensitivity } from '../media/line.ts';
import type { OperationSpec, PromptSpec } from '../operation/operation.ts';
import type { PreparedRecording, RecordingLibrary } from '../recording/library.ts';
import type { MediaStart, OperationSnapshot, RecordRequest } from './model.ts';

export interface SpecSettings {
  /** Longest pause between two keys of one stop tone. */
  readonly interKeyMs: number;
  /** Longest time without any media. */
  readonly noMediaMs: number;
  /** Where takes are spooled. */
  readonly spoolFolder: string;
  readonly recordings: RecordingLibrary;
  /** Whether somebody looks at recordings as they grow, besides their bots; default: nobody does. */
  readonly watched?: () => boolean;
}

/** `prompts[i]` is what `command`'s i-th prompt is to be: `audio` i, as often as was asked. `prepared` is there for a record. `usual`: the application's. */
export function specOf(
  command: MediaStart,
  operation: OperationSnapshot,
  prepared: PreparedRecording | undefined,
  settings: SpecSettings,
  usual: Sensitivity = 'normal',
): OperationSpec {
  if (command.name === 'playPrompt') {
    const { loop, bargeIn, sensitivity = usual } = command;
    return { kind: 'playPrompt', prompts: promptSpecs(command.prompts), loop, bargeIn, sensitivity };
  }
  const { request } = command;
  const key = prepared && settings.recordings.keyOf(prepared.recordingId);
  return {
    kind: 'record',
    prompts: promptSpecs(request.prompts),
    bargeIn: request.bargeIn,
    sensitivity: request.sensitivity ?? usual,
    beep: request.beep,
    initialSilenceMs: request.initialSilenceSeconds * 1000,
    maxSilenceMs: request.maxSilenceSeconds * 1000,
    maxDurationMs: request.maxDurationSeconds * 1000,
    stopTones: request.stopTones.map((tone) => [...tone.toUpperCase()] as Key[]),
    interKeyMs: settings.interKeyMs,
    noMediaMs: settings.noMediaMs,
    take: {
      recordingId: prepared?.recordingId ?? operation.id,
      folder: settings.spoolFolder,
      callId: operation.callId,
      operationId: operation.id,
      streamed: request.streaming || settings.watched?.() === true,
      channels: request.channels,
      ...(key !== undefined && { key }),
    },
  };
}

function promptSpecs(prompts: RecordRequest['prompts']): readonly PromptSpec[] {
  return prompts.map(({ times }, audio) => ({ audio, times }));
}
