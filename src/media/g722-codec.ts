/** G.722 as lines use it: wire/g722.ts, and what stands in for lost audio. */
import { G722Decoder, G722Encoder } from '../wire/g722.ts';
import type { WideDecoder, WideEncoder } from './codecs.ts';
import { Concealment } from './concealment.ts';

const RATE = 16_000;

/** See WideDecoder. What was decoded last is kept, to be said again when something is lost. */
export class G722WideDecoder implements WideDecoder {
  readonly #decoder = new G722Decoder();
  readonly #concealment = new Concealment(RATE);
  readonly #past = new Int16Array(this.#concealment.reach);

  decode(bytes: Uint8Array, from: number, to: number, out: Int16Array, at: number): number {
    const written = 2 * (to - from);
    this.#decoder.decode(bytes, from, to, out, at);
    this.#concealment.join(out, at, written);
    const past = this.#past;
    const kept = Math.min(written, past.length);
    past.copyWithin(0, kept);
    for (let i = past.length - kept, read = at + written - kept; i < past.length; i++, read++)
      past[i] = out[read]!;
    return written;
  }

  conceal(positions: number, out: Int16Array, at: number): number {
    this.#concealment.conceal(this.#past, this.#past.length, out, at, 2 * positions);
    return 2 * positions;
  }

  /** RFC 3551 §4.5.2: 64 kbit/s, so a byte is two samples at 16 kHz: one position. Of no length is malformed. */
  lengthOf(_bytes: Uint8Array, from: number, to: number): number {
    return to > from ? to - from : -1;
  }

  reset(): void {
    this.#decoder.reset();
    this.#concealment.reset();
    this.#past.fill(0);
  }

  close(): void {}
}

/** See WideEncoder. */
export class G722WideEncoder implements WideEncoder {
  readonly ready = true;
  readonly #encoder = new G722Encoder();

  encode(samples: Int16Array, from: number, to: number, bytes: Uint8Array, at: number): number {
    this.#encoder.encode(samples, from, to, bytes, at);
    return (to - from) >> 1;
  }

  reset(): void {
    this.#encoder.reset();
  }

  close(): void {}
}
