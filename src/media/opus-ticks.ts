import { CODECS } from './codecs.ts';

/** Timestamps of Opus for each position. */
export const OPUS_TICKS = CODECS.opus.ticksPerPosition;

/** Turns timestamps that count at 48 kHz into such that count positions, beyond where the former wrap. */
export class OpusTicks {
  #last = -1;
  #total = 0;

  positions(timestamp: number): number {
    if (this.#last < 0) this.#total = timestamp;
    else this.#total += (timestamp - this.#last) | 0;
    this.#last = timestamp;
    return Math.floor(this.#total / OPUS_TICKS) >>> 0;
  }
}
