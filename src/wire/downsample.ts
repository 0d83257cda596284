/**
 * 16 kHz to 8 kHz, sample by sample as it comes: the half-band filter of upsample.ts the other way round. Flat to 3.4 kHz; what lies above 4.6 kHz
 * is more than 70 dB down. What comes out is 15 samples, not quite 2 ms, behind what goes in. Nothing is allocated per packet.
 */
import { REACH, TAP_BITS, TAPS } from './upsample.ts';

/** Input samples that the filter reaches back over. */
const SPAN = 4 * REACH - 1;
/** Input samples taken at once, at most. */
const BLOCK = 320;

/** One object for one stream. */
export class Downsampler {
  /** The last SPAN − 1 samples, and behind them those that come. */
  readonly #window = new Int16Array(SPAN - 1 + BLOCK);

  /** Halves `samples[from…to)`, an even number of them, into `out` from index `at` on. */
  push(samples: Int16Array, from: number, to: number, out: Int16Array, at: number): void {
    const window = this.#window;
    let write = at;
    for (let next = from; next < to; ) {
      const count = Math.min(BLOCK, to - next);
      for (let i = 0; i < count; i++) window[SPAN - 1 + i] = samples[next + i]!;
      for (let i = 0; i < count; i += 2) out[write++] = halved(window, i + 2 * REACH);
      window.copyWithin(0, count, count + SPAN - 1);
      next += count;
    }
  }

  /** As new. */
  reset(): void {
    this.#window.fill(0);
  }
}

/** The sample at `middle`, without what lies above the half band; saturated. */
function halved(window: Int16Array, middle: number): number {
  let sum = (1 << TAP_BITS) + 2 * window[middle]! * (1 << (TAP_BITS - 1));
  for (let k = 0; k < REACH; k++)
    sum += TAPS[k]! * (window[middle - 1 - 2 * k]! + window[middle + 1 + 2 * k]!);
  return Math.max(-32_768, Math.min(32_767, Math.floor(sum / (1 << (TAP_BITS + 1)))));
}
