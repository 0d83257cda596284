/** A scripted line with a queue on it, and everything that it tells. */
import type { Key } from '../../src/media/line.ts';
import type {
  EndReport,
  OperationEnd,
  OperationProgress,
  OperationSpec,
  PlayPromptSpec,
  PromptDelivery,
  RecordSpec,
} from '../../src/operation/operation.ts';
import { createQueue } from '../../src/operation/queue.ts';
import { ScriptedLine, type Step, samples } from './scripted-line.ts';
import { type ScriptedTake, scriptedTakes } from './scripted-take.ts';

/** Recordings of a test: short limits, nothing played. */
export function recordSpec(
  changes: Partial<Omit<RecordSpec, 'stopTones' | 'kind'>> & { readonly stopTones?: readonly string[] } = {},
): RecordSpec {
  const { stopTones = [], ...rest } = changes;
  return {
    kind: 'record',
    prompts: [],
    bargeIn: false,
    sensitivity: 'normal',
    beep: false,
    initialSilenceMs: 5000,
    maxSilenceMs: 2000,
    maxDurationMs: 60_000,
    interKeyMs: 1000,
    noMediaMs: 30_000,
    take: {
      recordingId: 'r1',
      folder: '/nowhere',
      callId: 'c1',
      operationId: 'o1',
      streamed: true,
      channels: 1,
    },
    ...rest,
    stopTones: stopTones.map((tone) => [...tone] as Key[]),
  };
}

/** Of a spec: the first prompt, once. */
export const onePrompt = [{ audio: 0, times: 1 }];

export function promptSpec(changes: Partial<Omit<PlayPromptSpec, 'kind'>> = {}): PlayPromptSpec {
  return {
    kind: 'playPrompt',
    loop: false,
    prompts: [{ audio: 0, times: 1 }],
    bargeIn: false,
    sensitivity: 'normal',
    ...changes,
  };
}

/** Audio that is known again by its value. */
export const tune = (ms: number, value: number) => new Int16Array(samples(ms)).fill(value);

export const ready = (audio: Int16Array): Promise<PromptDelivery> =>
  Promise.resolve({ ok: true, samples: audio });

export interface OperationStage {
  readonly line: ScriptedLine;
  readonly queue: ReturnType<typeof createQueue>;
  readonly beep: Int16Array;
  readonly takes: ScriptedTake[];
  /** Everything that was told, in order. */
  readonly told: OperationProgress[];
  /** Of those that have ended; taken out of their ends. */
  readonly reports: EndReport[];
  run(
    spec: OperationSpec,
    prompts?: readonly Promise<PromptDelivery>[],
  ): { ended: Promise<OperationEnd>; cancel(): void };
  /** What was told, by name alone. */
  phases(): string[];
  /** Lengths in milliseconds, and the values, of what the caller heard begin. */
  heard(): { readonly ms: number; readonly value: number }[];
}

export function operationStage(
  script: readonly Step[],
  prepare?: (take: ScriptedTake) => void,
): OperationStage {
  const line = new ScriptedLine(script);
  const beep = tune(300, -1);
  const { takes, openTake } = scriptedTakes(prepare);
  const queue = createQueue(line, { beep, openTake });
  const told: OperationProgress[] = [];
  const reports: EndReport[] = [];
  return {
    line,
    queue,
    beep,
    takes,
    told,
    reports,
    run(spec, prompts = []) {
      const run = queue.run(spec, prompts, (progress) => told.push(progress));
      const ended = run.ended.then(({ report, ...end }) => {
        if (report !== undefined) reports.push(report);
        return end;
      });
      return { ended, cancel: run.cancel };
    },
    phases: () => told.map(({ phase }) => phase),
    heard: () => line.played.map((audio) => ({ ms: audio.length / 8, value: audio[0] ?? 0 })),
  };
}
