/**
 * The last 2.56 s of a line in a ring: its samples, and what was heard in each frame of 20 ms. Half of it is past that can still
 * be listened to, half is room for what has come and is not settled yet.
 */
import { decodeG711, type G711 } from '../wire/g711.ts';
import { KEYS } from './keys.ts';
import { FRAME_SAMPLES, type Frame } from './line.ts';

const FRAMES = 128;
const SAMPLES = FRAMES * FRAME_SAMPLES;
/** Numbers kept of each frame: facts, onset of speech, onset of the tone, time without media. */
const RECORD = 4;
/** The facts: a key (1 + its event number, 0 for none) and two flags. */
const KEY = 31;
const SPEECH = 32;
const CONCEALED = 64;
/** How far back a frame stays readable: 1.28 s. */
export const LOOK_BACK_SAMPLES = SAMPLES / 2;
/** How far beyond the last frame samples may be written. */
export const ROOM_SAMPLES = SAMPLES - LOOK_BACK_SAMPLES;

/** Positions are unbounded; frames begin at multiples of FRAME_SAMPLES. */
export class History {
  readonly #samples = new Int16Array(SAMPLES);
  // One record a frame, so that keeping one touches one line of the cache.
  readonly #records = new Float64Array(FRAMES * RECORD);

  get samples(): Int16Array {
    return this.#samples;
  }

  /** Index into `samples` of a position; the frame that begins there lies in one piece. */
  index(position: number): number {
    return this.#index(position);
  }

  decode(law: G711, bytes: Uint8Array, from: number, to: number, position: number): void {
    const at = this.#index(position);
    const split = Math.min(to, from + SAMPLES - at);
    decodeG711(law, bytes, from, split, this.#samples, at);
    if (split < to) decodeG711(law, bytes, split, to, this.#samples, 0);
  }

  silence(from: number, to: number): void {
    const begin = this.#index(from);
    const end = begin + to - from;
    this.#samples.fill(0, begin, Math.min(end, SAMPLES));
    if (end > SAMPLES) this.#samples.fill(0, 0, end - SAMPLES);
  }

  /** Keeps what was heard in the frame; its samples are here already. */
  keep(frame: Readonly<Frame>): void {
    const at = this.#record(frame.position);
    const key = frame.tone === undefined ? 0 : KEYS.indexOf(frame.tone) + 1;
    this.#records[at] = (frame.speech ? SPEECH : 0) + (frame.concealed ? CONCEALED : 0) + key;
    this.#records[at + 1] = frame.speechOnset;
    this.#records[at + 2] = frame.toneOnset;
    this.#records[at + 3] = frame.noMedia;
  }

  /** Brings back the frame at `position` into `frame`. */
  recall(position: number, frame: Frame): void {
    const at = this.#record(position);
    const facts = this.#records[at]!;
    frame.position = position;
    frame.samples = this.#samples;
    frame.at = this.#index(position);
    frame.speech = (facts & SPEECH) !== 0;
    frame.speechOnset = this.#records[at + 1]!;
    frame.tone = KEYS[(facts & KEY) - 1];
    frame.toneOnset = this.#records[at + 2]!;
    frame.concealed = (facts & CONCEALED) !== 0;
    frame.noMedia = this.#records[at + 3]!;
  }

  #record(position: number) {
    return ((position / FRAME_SAMPLES) % FRAMES) * RECORD;
  }

  #index(position: number) {
    return position % SAMPLES;
  }
}

const NOTHING = new Int16Array(0);

/** A frame to be filled again and again. */
export function emptyFrame(): Frame {
  return {
    position: 0,
    samples: NOTHING,
    at: 0,
    speech: false,
    speechOnset: 0,
    tone: undefined,
    toneOnset: 0,
    concealed: false,
    noMedia: 0,
  };
}
