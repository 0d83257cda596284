/** Fills a take from the frames of a line: positions of the line become samples of the take. */
import { FRAME_SAMPLES, type Frame } from '../media/line.ts';
import type { Take } from '../recording/take.ts';

export interface Capture {
  /** Samples in the take. */
  readonly length: number;
  /**
   * Takes the frame, but nothing from position `until` on. What lies before position `heldFrom` is settled, the rest may be cut off
   * again. Returns how many samples it took.
   */
  hear(frame: Readonly<Frame>, until: number, heldFrom: number): number;
  /** Cuts off what lies from `position` on, as far as it was not settled: a key that is told late may begin there. */
  cut(position: number): void;
}

/** `from`: the position of the first sample that is wanted; it lies in the first frame, or before it. */
export function openCapture(take: Take, from: number): Capture {
  /** Position of the take's first sample, once there is one. */
  let origin: number | undefined;

  return {
    get length() {
      return take.length;
    },
    hear({ samples, at, position }, until, heldFrom) {
      origin ??= Math.max(from, position);
      const begin = Math.max(0, origin - position);
      const end = Math.max(begin, Math.min(FRAME_SAMPLES, until - position));
      if (begin < end) take.append(samples, at + begin, at + end);
      if (heldFrom > origin) take.settle(Math.min(take.length, heldFrom - origin));
      return end - begin;
    },
    cut(position) {
      take.cut(Math.max(0, Math.min(take.length, position - (origin ?? position))));
    },
  };
}
