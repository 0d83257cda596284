/** What a recording of two channels is written from: the caller left, what the caller heard right, frame by frame. */
import { FRAME_SAMPLES, type Frame } from './line.ts';
import { RING_SAMPLES } from './line-memory.ts';
import type { Played } from './played.ts';

export interface DualRing {
  /** On shared memory, interleaved. */
  readonly samples: Int16Array;
  readonly rate: 8000 | 16_000;
  /** Takes a frame; `wide`: the ring of what the caller said at 16 kHz, when there is one. */
  keep(frame: Readonly<Frame>, wide: Int16Array | undefined, played: Played | undefined): void;
  /** The caller is silent there after all: a key. */
  mute(from: number, to: number): void;
}

const CHANNELS = 2;
/** Filled and read at once: one for all. */
const RIGHT = new Int16Array(2 * FRAME_SAMPLES);

/** Of a line that speaks wide-band, or does not; its rate stays that. */
export function openDualRing(isWide: boolean): DualRing {
  const width = isWide ? 2 : 1;
  const size = width * CHANNELS * RING_SAMPLES;
  const samples = new Int16Array(new SharedArrayBuffer(2 * size));
  return {
    samples,
    rate: isWide ? 16_000 : 8000,
    keep(frame, wide, played) {
      const { position } = frame;
      const at = position % RING_SAMPLES;
      const left = isWide && wide !== undefined ? wide : frame.samples;
      const from = isWide && wide !== undefined ? width * at : frame.at;
      const heard = (isWide ? played?.readWide(position, RIGHT) : played?.read(position, RIGHT)) ?? false;
      let write = width * CHANNELS * at;
      for (let i = 0; i < width * FRAME_SAMPLES; i++) {
        samples[write++] = left[from + i]!;
        samples[write++] = heard ? RIGHT[i]! : 0;
      }
    },
    mute(from, to) {
      for (let at = from; at < to; at++)
        for (let i = 0; i < width; i++) samples[CHANNELS * (width * (at % RING_SAMPLES) + i)] = 0;
    },
  };
}
