/** What a scripted caller hears: sounds and beeps with their places in the call, keys, and all of it as one recording. */

import { audioOf, FRAME_SAMPLES, type Frame, type Key, LINE_RATE } from '../media/line.ts';
import type { AudioRing } from '../media/line-memory.ts';
import { isTone } from './pure-tone.ts';

/** Times are milliseconds from the answer. */
export interface Sound {
  readonly what: 'sound' | 'beep';
  readonly fromMs: number;
  toMs: number;
  /** Root mean square of its loudest 20 ms, dB below full scale (dBov). */
  loudestDbov: number;
}

export interface HeardKey {
  readonly key: Key;
  readonly atMs: number;
}

/** Of one channel. */
export interface Recording {
  readonly samples: Int16Array;
  readonly rate: 8000 | 16_000;
}

/** What can be waited for. `silence`: a second of it, after something was heard. */
export type Awaited = 'sound' | 'beep' | 'silence';

/** A frame that is louder can be heard; line noise and comfort noise are not sound. */
const AUDIBLE = 200;
const WIDE_RATE = 16_000;
const FRAME_MS = (FRAME_SAMPLES * 1000) / LINE_RATE;
/** Pauses of speech that are shorter are part of it. */
const PAUSE_MS = 600;
const SILENCE = LINE_RATE;
/** Frames of a tone that are a beep: 100 ms. */
const BEEP_FRAMES = 5;
/** Frames at the end of a beep that are none: its ramp, and a frame that it shares with what follows. */
const EDGE_FRAMES = 2;

export class Ear {
  readonly sounds: Sound[] = [];
  readonly keys: HeardKey[] = [];
  readonly #ring: WideRing | undefined;
  readonly #audio: Int16Array[] = [];
  #origin = -1;
  #quiet = 0;
  #toneFrames = 0;
  #otherFrames = 0;
  #inBeep = false;
  #waiting: { readonly what: Awaited; readonly heard: () => void } | undefined;

  /** @param ring where the line keeps what it hears at 16 kHz, when that is to be the recording */
  constructor(ring?: WideRing) {
    this.#ring = ring;
  }

  /** To be called with each frame. */
  hear(frame: Readonly<Frame>): undefined {
    if (this.#origin < 0) this.#origin = frame.position;
    const audio = audioOf(frame).slice();
    this.#audio.push(this.#ring === undefined ? audio : wideOf(frame, this.#ring));
    const ms = this.#ms(frame.position);
    if (frame.tone !== undefined) this.keys.push({ key: frame.tone, atMs: this.#ms(frame.toneOnset) });
    const level = rootMeanSquare(audio);
    const isAudible = level > AUDIBLE;
    const tone = isAudible && isTone(audio);
    this.#toneFrames = tone ? this.#toneFrames + 1 : 0;
    this.#otherFrames = tone ? 0 : this.#otherFrames + 1;
    this.#quiet = isAudible ? 0 : this.#quiet + FRAME_SAMPLES;
    if (isAudible) this.#note(ms, level);
    this.#tell(isAudible);
    return undefined;
  }

  /** Resolves when it is heard, from now on (a beep that is being heard counts); `false` when `signal` aborts first. One at a time. */
  async waitFor(what: Awaited, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const giveUp = () => resolve(false);
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting = { what, heard: () => resolve(true) };
    try {
      return await promise;
    } finally {
      this.#waiting = undefined;
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** All of it. */
  recording(): Recording {
    const [rate, size] =
      this.#ring === undefined
        ? ([LINE_RATE, FRAME_SAMPLES] as const)
        : ([WIDE_RATE, 2 * FRAME_SAMPLES] as const);
    const samples = new Int16Array(this.#audio.length * size);
    for (const [index, audio] of this.#audio.entries()) samples.set(audio, index * size);
    return { samples, rate };
  }

  #ms(position: number): number {
    return Math.max(0, Math.round(((position - this.#origin) * 1000) / LINE_RATE));
  }

  /** Something can be heard at `ms`. */
  #note(ms: number, level: number): void {
    const last = this.sounds.at(-1);
    const isBeep = this.#toneFrames >= BEEP_FRAMES;
    const goesOn = last !== undefined && ms - last.toMs <= PAUSE_MS;
    // The edges of a beep are no pure tone: what is longer than them is another sound.
    const isEdge = last?.what === 'beep' && goesOn && this.#otherFrames <= EDGE_FRAMES;
    if (goesOn && (isBeep || isEdge ? 'beep' : 'sound') === last.what) {
      last.toMs = ms + FRAME_MS;
      last.loudestDbov = Math.max(last.loudestDbov, dbov(level));
      return;
    }
    // Of a beep its first frames were taken for what came before it, of what follows one for its edge.
    const fromMs =
      ms - (isBeep ? BEEP_FRAMES - 1 : last?.what === 'beep' && goesOn ? EDGE_FRAMES : 0) * FRAME_MS;
    if (last !== undefined) last.toMs = Math.min(last.toMs, fromMs);
    if (last !== undefined && last.toMs <= last.fromMs) this.sounds.pop();
    this.sounds.push({
      what: isBeep ? 'beep' : 'sound',
      fromMs,
      toMs: ms + FRAME_MS,
      loudestDbov: dbov(level),
    });
  }

  #tell(isAudible: boolean): void {
    const inBeep = isAudible && this.sounds.at(-1)?.what === 'beep';
    const isHeard: Readonly<Record<Awaited, boolean>> = {
      sound: isAudible,
      // Whoever waits for a beep speaks after it.
      beep: this.#inBeep && !inBeep,
      silence: this.#quiet >= SILENCE && this.sounds.length > 0,
    };
    this.#inBeep = inBeep;
    if (this.#waiting !== undefined && isHeard[this.#waiting.what]) this.#waiting.heard();
  }
}

type WideRing = Pick<AudioRing, 'samples' | 'at' | 'size'>;

function wideOf({ position }: Readonly<Frame>, { samples, at, size }: WideRing): Int16Array {
  const begin = at + 2 * (position % size);
  return samples.slice(begin, begin + 2 * FRAME_SAMPLES);
}

function rootMeanSquare(samples: Int16Array): number {
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  return Math.sqrt(energy / samples.length);
}

function dbov(level: number): number {
  return Math.round(20 * Math.log10(Math.max(1, level) / 32_768));
}
