/**
 * A line whose caller follows a script: 20 ms steps that begin at position 0 and go by while prompts are played and while
 * somebody listens. What is played takes its time; sound and keys break in as on a real line.
 */
import {
  type BargeIn,
  FRAME_SAMPLES,
  type Frame,
  type FrameListener,
  type Key,
  LINE_RATE,
  type Line,
  type LineReport,
  type PlayEnd,
  type Sensitivity,
} from '../../src/media/line.ts';

/** What happens in 20 ms. */
export interface Step {
  readonly speech?: boolean;
  /** Begins so many samples before this step: the end-pointer decides late. */
  readonly onsetBefore?: number;
  readonly key?: Key;
  /** Samples into the step at which the key begins; below 0: it is told late. */
  readonly keyAt?: number;
  readonly noMedia?: boolean;
  /** Called when the step begins. */
  readonly at?: () => void;
}

export const steps = (ms: number, step: Step = {}): Step[] =>
  Array.from({ length: ms / 20 }, (_, index) =>
    step.speech ? { ...step, onsetBefore: (step.onsetBefore ?? 0) + index * FRAME_SAMPLES } : step,
  );
export const quiet = (ms: number) => steps(ms);
export const speech = (ms: number) => steps(ms, { speech: true });
/** Speech of which the end-pointer makes up its mind after `undecidedMs`. */
export const undecidedSpeech = (undecidedMs: number, ms: number) => [
  ...quiet(undecidedMs),
  ...steps(ms - undecidedMs, { speech: true, onsetBefore: (undecidedMs / 1000) * LINE_RATE }),
];
/** A key held for 100 ms. */
export const press = (key: Key, keyAt = 0): Step[] => [{ key, keyAt }, ...quiet(80)];
/** A moment at which something else happens. */
export const when = (at: () => void): Step[] => [{ at }];

/** The sample that the caller sends at a position: never 0, and no two within half a second are alike. */
export const sampleAt = (position: number): number => (position % 4000) + 1;
export const samplesFrom = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => sampleAt(from + index));
export const samples = (ms: number): number => (ms * LINE_RATE) / 1000;

/** Where in their buffer a frame's samples begin. */
const AT = 7;

export class ScriptedLine implements Line {
  keepsBoth = false;
  readonly lookBack = LINE_RATE;
  keyDelay = 0;
  sensitivity: Sensitivity = 'normal';
  /** Its speech ends where the script says. */
  speechTail = 0;
  /** What the caller heard begin, in order. */
  readonly played: Int16Array[] = [];
  /** What `play` fails with. */
  failure: Error | undefined;
  readonly #script: readonly Step[];
  readonly #closed = new AbortController();
  #position = 0;

  constructor(script: readonly Step[]) {
    this.#script = script;
  }

  get position(): number {
    return this.#position;
  }

  /** The line itself ends. */
  close(): void {
    this.#closed.abort();
  }

  report(): LineReport {
    return {
      noiseFloor: -62,
      expected: this.#position / FRAME_SAMPLES,
      received: this.#position / FRAME_SAMPLES,
      late: 0,
      concealed: 0,
    };
  }

  keepBoth(): void {
    this.keepsBoth = true;
  }

  async play(
    audio: Int16Array,
    { bargeIn, signal }: { readonly bargeIn?: BargeIn | undefined; readonly signal: AbortSignal },
  ): Promise<PlayEnd> {
    if (this.failure) throw this.failure;
    this.played.push(audio);
    const stopped = AbortSignal.any([signal, this.#closed.signal]);
    for (let sent = 0; sent < audio.length; sent += FRAME_SAMPLES) {
      const step = await this.#step(this.#position, stopped);
      if (stopped.aborted) return { by: 'aborted' };
      const begin = this.#position;
      this.#position += FRAME_SAMPLES;
      if (bargeIn?.speech && step.speech) return { by: 'speech', onset: begin - (step.onsetBefore ?? 0) };
      if (bargeIn?.keys && step.key !== undefined) {
        return { by: 'key', key: step.key, onset: begin + (step.keyAt ?? 0), after: this.#position };
      }
    }
    return { by: 'end' };
  }

  async listen<T>(
    listener: FrameListener<T>,
    { from, signal }: { readonly from?: number | undefined; readonly signal: AbortSignal },
  ): Promise<T | undefined> {
    const earliest = Math.max(0, this.#position - this.lookBack);
    const wanted = Math.min(this.#position, Math.max(earliest, from ?? this.#position));
    const stopped = AbortSignal.any([signal, this.#closed.signal]);
    const frame: Frame = {
      position: 0,
      samples: new Int16Array(FRAME_SAMPLES + AT),
      at: AT,
      speech: false,
      undecided: false,
      speechOnset: 0,
      tone: undefined,
      toneOnset: 0,
      concealed: false,
      noMedia: 0,
    };
    for (let at = wanted - (wanted % FRAME_SAMPLES); ; at += FRAME_SAMPLES) {
      const step = await this.#step(at, stopped);
      if (stopped.aborted) return undefined;
      frame.position = at;
      frame.samples.set(samplesFrom(at, at + FRAME_SAMPLES), AT);
      frame.speech = step.speech ?? false;
      frame.speechOnset = at - (step.onsetBefore ?? 0);
      frame.tone = step.key;
      frame.toneOnset = at + (step.keyAt ?? 0);
      frame.concealed = frame.speech === false;
      frame.noMedia = this.#withoutMedia(at);
      this.#position = Math.max(this.#position, at + FRAME_SAMPLES);
      const result = listener.hear(frame);
      if (result !== undefined) return result;
    }
  }

  async sendKeys(): Promise<void> {}

  /** Samples without media up to the end of the step at `position`. */
  #withoutMedia(position: number): number {
    let begin = position + FRAME_SAMPLES;
    while (this.#script[begin / FRAME_SAMPLES - 1]?.noMedia) begin -= FRAME_SAMPLES;
    return position + FRAME_SAMPLES - begin;
  }

  /** A line whose script is over goes on in silence until it is stopped. */
  async #step(at: number, stopped: AbortSignal): Promise<Step> {
    const step = this.#script[at / FRAME_SAMPLES];
    if (step === undefined && !stopped.aborted) {
      await new Promise((resolve) => stopped.addEventListener('abort', resolve, { once: true }));
    }
    if (at >= this.#position) step?.at?.();
    await undefined;
    return step ?? {};
  }
}
