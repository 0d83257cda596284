/** A media engine whose operations go on, and end, when a test says so. */

import { TonearmError } from '../../src/errors.ts';
import type { Key } from '../../src/media/line.ts';
import type { AudioParameters } from '../../src/media/session-description.ts';
import type { LineLoss, MediaEngine, MediaLine, OperationRun } from '../../src/operation/media-engine.ts';
import type {
  OperationEnd,
  OperationProgress,
  OperationSpec,
  PromptDelivery,
} from '../../src/operation/operation.ts';
import { withTake } from '../../src/operation/take-summary.ts';

export class ScriptedEngine implements Pick<MediaEngine, 'openLine' | 'close'> {
  readonly lines: ScriptedLine[] = [];
  full = false;
  /** While set, `openLine` waits for it. */
  gate: Promise<void> | undefined;

  async openLine(): Promise<MediaLine> {
    await this.gate;
    if (this.full) throw new TonearmError('noPorts', 'no RTP port of 20000-20001 is free');
    const line = new ScriptedLine(20_000 + 2 * this.lines.length);
    this.lines.push(line);
    return line;
  }

  async close(): Promise<void> {}

  /** The line that was opened last. */
  get line(): ScriptedLine {
    return this.lines.at(-1)!;
  }
}

export class ScriptedLine implements MediaLine {
  readonly port: number;
  readonly connected: AudioParameters[] = [];
  readonly runs: ScriptedRun[] = [];
  muted = false;
  /** Presses a key, once our side watches. */
  press: (key: Key) => void = () => {};
  closed = false;
  readonly #lost = new AbortController();

  constructor(port: number) {
    this.port = port;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  lose(loss: LineLoss): void {
    this.#lost.abort(loss);
  }

  connect(parameters: AudioParameters): void {
    this.connected.push(parameters);
  }

  mute(muted: boolean): void {
    this.muted = muted;
  }

  /** What signalling told of. */
  readonly signalled: (readonly [key: Key, durationMs: number])[] = [];

  takeKey(key: Key, durationMs: number): void {
    this.signalled.push([key, durationMs]);
  }

  watchKeys(onKey: (key: Key) => void): void {
    this.press = onKey;
  }

  run(
    spec: OperationSpec,
    prompts: readonly Promise<PromptDelivery>[],
    onProgress: (progress: OperationProgress) => void,
  ): OperationRun {
    const run = new ScriptedRun(spec, prompts, onProgress, () => this.#startNext());
    this.runs.push(run);
    this.#startNext();
    return run;
  }

  #startNext(): void {
    this.runs.find(({ over }) => !over)?.start();
  }

  /** What runs now. */
  get running(): ScriptedRun {
    return this.runs.find(({ over }) => !over)!;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const run of this.runs) run.end('hangUp');
  }

  die(): void {
    for (const run of this.runs) run.end('error');
    this.lose({ by: 'worker', message: 'scripted' });
  }
}

export class ScriptedRun implements OperationRun {
  readonly spec: OperationSpec;
  readonly prompts: readonly Promise<PromptDelivery>[];
  readonly progress: (progress: OperationProgress) => void;
  over = false;
  /** Samples of the caller's speech in the take. */
  captured = 0;
  spoken = true;
  readonly #ended = Promise.withResolvers<OperationEnd>();
  readonly #onOver: () => void;
  #started = false;

  constructor(
    spec: OperationSpec,
    prompts: readonly Promise<PromptDelivery>[],
    progress: (progress: OperationProgress) => void,
    onOver: () => void,
  ) {
    this.spec = spec;
    this.prompts = prompts;
    this.progress = progress;
    this.#onOver = onOver;
  }

  get ended(): Promise<OperationEnd> {
    return this.#ended.promise;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    // As from another thread: never before `run` has returned.
    queueMicrotask(() => this.progress({ phase: 'running' }));
  }

  record(samples: number, spoken = true): void {
    this.captured = samples;
    this.spoken = spoken;
    this.progress({ phase: 'recording' });
  }

  /** With the take, if there is one; the next one then starts. */
  end(by: OperationEnd['by'], more: Partial<OperationEnd> = {}): void {
    if (this.over) return;
    this.over = true;
    const take =
      this.spec.kind === 'record' && this.captured > 0
        ? { recordingId: this.spec.take.recordingId, samples: this.captured, spoken: this.spoken }
        : undefined;
    this.#ended.resolve({ ...withTake({ by }, take), ...more });
    this.#onOver();
  }

  cancel(): void {
    this.end('cancelled');
  }
}
