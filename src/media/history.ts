/**
 * The last 2.56 s of a line in a ring: its samples, and what was heard in each frame of 20 ms. Half of it is past that can still
 * be listened to, half is room for what has come and is not settled yet.
 */
import { decodeG711, type G711 } from '../wire/g711.ts';
import { FRAME_SAMPLES, type Frame, type Key } from './line.ts';

const FRAMES = 128;
const SAMPLES = FRAMES * FRAME_SAMPLES;
/** How far back a frame stays readable: 1.28 s. */
export const LOOK_BACK_SAMPLES = SAMPLES / 2;
/** How far beyond the last frame samples may be written. */
export const ROOM_SAMPLES = SAMPLES - LOOK_BACK_SAMPLES;

/** Positions are unbounded; frames begin at multiples of FRAME_SAMPLES. */
export interface History {
  readonly samples: Int16Array;
  /** Index into `samples` of a position; the frame that begins there lies in one piece. */
  index(position: number): number;
  decode(law: G711, bytes: Uint8Array, from: number, to: number, position: number): void;
  silence(from: number, to: number): void;
  /** Keeps what was heard in the frame; its samples are here already. */
  keep(frame: Omit<Frame, 'samples'>): void;
  /** Brings back the frame at `position` into `frame`, samples included. */
  recall(position: number, frame: Frame): void;
}

export function createHistory(): History {
  const samples = new Int16Array(SAMPLES);
  const speech = new Uint8Array(FRAMES);
  const concealed = new Uint8Array(FRAMES);
  const speechOnset = new Float64Array(FRAMES);
  const toneOnset = new Float64Array(FRAMES);
  const noMedia = new Float64Array(FRAMES);
  const tone: (Key | undefined)[] = new Array<Key | undefined>(FRAMES).fill(undefined);

  const slot = (position: number) => (position / FRAME_SAMPLES) % FRAMES;
  const index = (position: number) => position % SAMPLES;

  return {
    samples,
    index,
    decode(law, bytes, from, to, position) {
      const at = index(position);
      const split = Math.min(to, from + SAMPLES - at);
      decodeG711(law, bytes, from, split, samples, at);
      if (split < to) decodeG711(law, bytes, split, to, samples, 0);
    },
    silence(from, to) {
      const begin = index(from);
      const end = begin + to - from;
      samples.fill(0, begin, Math.min(end, SAMPLES));
      if (end > SAMPLES) samples.fill(0, 0, end - SAMPLES);
    },
    keep(frame) {
      const at = slot(frame.position);
      speech[at] = frame.speech ? 1 : 0;
      speechOnset[at] = frame.speechOnset;
      tone[at] = frame.tone;
      toneOnset[at] = frame.toneOnset;
      concealed[at] = frame.concealed ? 1 : 0;
      noMedia[at] = frame.noMedia;
    },
    recall(position, frame) {
      const at = slot(position);
      const begin = index(position);
      frame.position = position;
      for (let sample = 0; sample < FRAME_SAMPLES; sample++) frame.samples[sample] = samples[begin + sample]!;
      frame.speech = speech[at] === 1;
      frame.speechOnset = speechOnset[at]!;
      frame.tone = tone[at];
      frame.toneOnset = toneOnset[at]!;
      frame.concealed = concealed[at] === 1;
      frame.noMedia = noMedia[at]!;
    },
  };
}

/** A frame to be filled again and again. */
export function emptyFrame(): Frame {
  return {
    position: 0,
    samples: new Int16Array(FRAME_SAMPLES),
    speech: false,
    speechOnset: 0,
    tone: undefined,
    toneOnset: 0,
    concealed: false,
    noMedia: 0,
  };
}
