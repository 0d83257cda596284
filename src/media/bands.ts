/** The power of a frame in four octave bands, by a Haar pyramid: 250–500, 500–1000, 1000–2000 and 2000–4000 Hz. */
import { FRAME_SAMPLES } from './line.ts';

export const BANDS = 4;
const FULL_SCALE = FRAME_SAMPLES * 32768 ** 2;

/** What each band has of the power of FRAME_SAMPLES of `samples` from index `from` on, lowest first: sums of squares. */
export function measureBands(samples: Int16Array, from: number, into: Float64Array): void {
  let b0 = 0;
  let b1 = 0;
  let b2 = 0;
  let b3 = 0;
  let before = 0;
  for (let at = from; at < from + FRAME_SAMPLES; at += 8) {
    const s0 = samples[at]!;
    const s1 = samples[at + 1]!;
    const s2 = samples[at + 2]!;
    const s3 = samples[at + 3]!;
    const s4 = samples[at + 4]!;
    const s5 = samples[at + 5]!;
    const s6 = samples[at + 6]!;
    const s7 = samples[at + 7]!;
    b3 += (s0 - s1) * (s0 - s1) + (s2 - s3) * (s2 - s3) + (s4 - s5) * (s4 - s5) + (s6 - s7) * (s6 - s7);
    const p0 = s0 + s1;
    const p1 = s2 + s3;
    const p2 = s4 + s5;
    const p3 = s6 + s7;
    b2 += (p0 - p1) * (p0 - p1) + (p2 - p3) * (p2 - p3);
    const low = p0 + p1 - p2 - p3;
    b1 += low * low;
    const eight = p0 + p1 + p2 + p3;
    if (((at - from) & 8) === 0) before = eight;
    else b0 += (before - eight) * (before - eight);
  }
  into[0] = b0 / 16;
  into[1] = b1 / 8;
  into[2] = b2 / 4;
  into[3] = b3 / 2;
}

/** dBov of such a sum over FRAME_SAMPLES. A little of one step of quantisation gives digital silence a level. */
export function decibels(energy: number): number {
  return 10 * Math.log10(energy / FULL_SCALE + 1e-10);
}
