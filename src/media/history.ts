/**
 * The last 1.64 s of a line in a ring: its samples, and what was heard in each frame of 20 ms. Somewhat more than half of it is past that can
 * still be listened to, the rest is room for what has come and is not settled yet.
 */
import { decodeG711, type G711 } from '../wire/g711.ts';
import { KEYS } from './keys.ts';
import { FRAME_SAMPLES, type Frame } from './line.ts';
import { CACHE_LINE_BYTES, LineMemory, NOTES, RING_FRAMES, RING_SAMPLES } from './line-memory.ts';

/** The notes of a frame: facts, onset of speech, onset of the tone, time without media. 32 bits of samples are three days. */
const FACTS = 0;
const SPEECH_ONSET = 1;
const TONE_ONSET = 2;
const NO_MEDIA = 3;
/** The facts: a key (1 + its event number, 0 for none) and three flags. */
const KEY = 31;
const SPEECH = 32;
const CONCEALED = 64;
const UNDECIDED = 128;
/** How far beyond the last frame samples may be written: 620 ms, the furthest that a packet may begin, its length, and what is left of a frame. */
export const ROOM_SAMPLES = 31 * FRAME_SAMPLES;
/** How far back a frame stays readable: 1.02 s. */
export const LOOK_BACK_SAMPLES = RING_SAMPLES - ROOM_SAMPLES;

/** Positions are unbounded; frames begin at multiples of FRAME_SAMPLES. */
export class History {
  /** The ring lies in it from `ringAt` on. */
  readonly samples: Int16Array;
  readonly #ringAt: number;
  readonly #notes: Int32Array;
  readonly #notesAt: number;

  constructor(memory = new LineMemory()) {
    this.samples = memory.samples;
    this.#ringAt = memory.ringAt;
    this.#notes = memory.notes;
    this.#notesAt = memory.notesAt;
  }

  /** Of the frame at `position`, which is written and read next. */
  prefetch(position: number): number {
    let sum = this.#notes[this.#notesOf(position)]!;
    const from = this.index(position);
    const step = CACHE_LINE_BYTES / Int16Array.BYTES_PER_ELEMENT;
    for (let at = from; at < from + FRAME_SAMPLES; at += step) sum += this.samples[at]!;
    return sum;
  }

  /** Index into `samples` of a position; the frame that begins there lies in one piece. */
  index(position: number): number {
    return this.#ringAt + (position % RING_SAMPLES);
  }

  decode(law: G711, bytes: Uint8Array, from: number, to: number, position: number): void {
    const at = position % RING_SAMPLES;
    const split = Math.min(to, from + RING_SAMPLES - at);
    decodeG711(law, bytes, from, split, this.samples, this.#ringAt + at);
    if (split < to) decodeG711(law, bytes, split, to, this.samples, this.#ringAt);
  }

  silence(from: number, to: number): void {
    const begin = this.index(from);
    const end = begin + to - from;
    const over = this.#ringAt + RING_SAMPLES;
    this.samples.fill(0, begin, Math.min(end, over));
    if (end > over) this.samples.fill(0, this.#ringAt, end - RING_SAMPLES);
  }

  /** Notes what was heard in the frame; its samples are here already. */
  keep(frame: Readonly<Frame>): void {
    const at = this.#notesOf(frame.position);
    const key = frame.tone === undefined ? 0 : KEYS.indexOf(frame.tone) + 1;
    const decided = (frame.speech ? SPEECH : 0) | (frame.undecided ? UNDECIDED : 0);
    this.#notes[at + FACTS] = decided | (frame.concealed ? CONCEALED : 0) | key;
    this.#notes[at + SPEECH_ONSET] = frame.speechOnset;
    this.#notes[at + TONE_ONSET] = frame.toneOnset;
    this.#notes[at + NO_MEDIA] = frame.noMedia;
  }

  /** Brings back the frame at `position` into `frame`. */
  recall(position: number, frame: Frame): void {
    const at = this.#notesOf(position);
    const facts = this.#notes[at + FACTS]!;
    frame.position = position;
    frame.samples = this.samples;
    frame.at = this.index(position);
    frame.speech = (facts & SPEECH) !== 0;
    frame.undecided = (facts & UNDECIDED) !== 0;
    frame.speechOnset = this.#notes[at + SPEECH_ONSET]!;
    frame.tone = KEYS[(facts & KEY) - 1];
    frame.toneOnset = this.#notes[at + TONE_ONSET]!;
    frame.concealed = (facts & CONCEALED) !== 0;
    frame.noMedia = this.#notes[at + NO_MEDIA]!;
  }

  /** Whether something of the frame that has this position did not come. */
  isConcealed(position: number): boolean {
    const frame = Math.floor(position / FRAME_SAMPLES) * FRAME_SAMPLES;
    return (this.#notes[this.#notesOf(frame) + FACTS]! & CONCEALED) !== 0;
  }

  #notesOf(position: number) {
    return this.#notesAt + ((position / FRAME_SAMPLES) % RING_FRAMES) * NOTES;
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
    undecided: false,
    speechOnset: 0,
    tone: undefined,
    toneOnset: 0,
    concealed: false,
    noMedia: 0,
  };
}
