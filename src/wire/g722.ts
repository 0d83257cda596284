/**
 * G.722 at 64 kbit/s (mode 1): 16 kHz audio in two bands of 8 kHz, each coded by ADPCM. One byte is two samples: six bits of the low
 * band, and above them two of the high one. ITU-T G.722 (2012); RFC 3551 §4.5.2 for its use in RTP, whose clock is 8 kHz. Level 0.
 *
 * Arithmetic is the Recommendation's 16 bit integer one, so the output is the same to the bit everywhere. Nothing is allocated per packet.
 */
import { HighBand, LowBand } from './g722-bands.ts';

/** Coefficients of the quadrature mirror filter, every other one; the rest are the same from behind (table 11). */
const QMF = Int32Array.of(3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11);
const TAPS = 24;
/** Bytes that are filtered in one go: 10 ms. */
const BLOCK = 80;

/** 64 kbit/s to 16 kHz. One object for one stream. */
export class G722Decoder {
  readonly #low = new LowBand();
  readonly #high = new HighBand();
  /** Sum and difference of the bands, in turns: the filter's last 22 values, and behind them those of a block. */
  readonly #window = new Int32Array(TAPS - 2 + 2 * BLOCK);

  /** Decodes `bytes[from…to)` into `out` from index `at` on, two samples a byte; the caller sees to it that both have the room. */
  decode(bytes: Uint8Array, from: number, to: number, out: Int16Array, at: number): void {
    for (let start = from, write = at; start < to; start += BLOCK, write += 2 * BLOCK)
      this.#decodeBlock(bytes, start, Math.min(to, start + BLOCK), out, write);
  }

  /** As new: for a stream that begins afresh. */
  reset(): void {
    this.#low.reset();
    this.#high.reset();
    this.#window.fill(0);
  }

  #decodeBlock(bytes: Uint8Array, from: number, to: number, out: Int16Array, at: number): void {
    const window = this.#window;
    let end = TAPS - 2;
    for (let read = from; read < to; read++) {
      const code = bytes[read]!;
      const low = this.#low.decode(code & 0x3f);
      const high = this.#high.decode(code >> 6);
      window[end++] = low + high;
      window[end++] = low - high;
    }
    const count = to - from;
    for (let n = 0; n < count; n++) {
      let first = 0;
      let second = 0;
      for (let tap = 0, i = 2 * n; tap < TAPS / 2; tap++, i += 2) {
        second = (second + Math.imul(window[i]!, QMF[tap]!)) | 0;
        first = (first + Math.imul(window[i + 1]!, QMF[TAPS / 2 - 1 - tap]!)) | 0;
      }
      out[at + 2 * n] = saturate(first >> 11);
      out[at + 2 * n + 1] = saturate(second >> 11);
    }
    window.copyWithin(0, 2 * count, 2 * count + TAPS - 2);
  }
}

/** 16 kHz to 64 kbit/s. One object for one stream. */
export class G722Encoder {
  readonly #low = new LowBand();
  readonly #high = new HighBand();
  /** The filter's last 22 samples, and behind them those of a block. */
  readonly #window = new Int32Array(TAPS - 2 + 2 * BLOCK);

  /**
   * Encodes `samples[from…to)`, an even number, into `bytes` from index `at` on, a byte for each two; the caller sees to it that both
   * have the room.
   */
  encode(samples: Int16Array, from: number, to: number, bytes: Uint8Array, at: number): void {
    for (let start = from, write = at; start < to; start += 2 * BLOCK, write += BLOCK)
      this.#encodeBlock(samples, start, Math.min(to, start + 2 * BLOCK), bytes, write);
  }

  /** As new: for a stream that begins afresh. */
  reset(): void {
    this.#low.reset();
    this.#high.reset();
    this.#window.fill(0);
  }

  #encodeBlock(samples: Int16Array, from: number, to: number, bytes: Uint8Array, at: number): void {
    const window = this.#window;
    for (let read = from, write = TAPS - 2; read < to; read++, write++) window[write] = samples[read]!;
    for (let i = 0; i < to - from; i += 2) {
      let even = 0;
      let odd = 0;
      for (let tap = 0; tap < TAPS / 2; tap++) {
        odd = (odd + Math.imul(window[i + 2 * tap]!, QMF[tap]!)) | 0;
        even = (even + Math.imul(window[i + 2 * tap + 1]!, QMF[TAPS / 2 - 1 - tap]!)) | 0;
      }
      // The filters' gain is 2^12, two of them are summed, and the bands have 15 bits.
      const low = this.#low.encode((even + odd) >> 14);
      const high = this.#high.encode((even - odd) >> 14);
      bytes[at + i / 2] = (high << 6) | low;
    }
    window.copyWithin(0, to - from, to - from + TAPS - 2);
  }
}

function saturate(value: number): number {
  return value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : value;
}
