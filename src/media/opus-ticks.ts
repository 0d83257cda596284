import { CODECS, type Codec, isCodec } from './codecs.ts';
import type { Meanings } from './meanings.ts';

/** Timestamps of Opus for each position. */
export const OPUS_TICKS = CODECS.opus.ticksPerPosition;

/** Above all SSRCs. */
export const FAST = 2 ** 32;

/** Turns timestamps that count at 48 kHz into such that count positions, beyond where the former wrap. */
export class OpusTicks {
  #last = -1;
  #total = 0;
  #fast: boolean;

  constructor(codec: Codec) {
    this.#fast = codec === 'opus';
  }

  /** Whether a packet counts at 48 kHz: Opus, and what comes beside it (RFC 7587 §3.2). */
  count(meaning: Meanings[number]): boolean {
    if (isCodec(meaning)) this.#fast = meaning === 'opus';
    return this.#fast || meaning === 'telephone-event/48000';
  }

  positions(timestamp: number): number {
    if (this.#last < 0) this.#total = timestamp;
    else this.#total += (timestamp - this.#last) | 0;
    this.#last = timestamp;
    return Math.floor(this.#total / OPUS_TICKS) >>> 0;
  }
}
