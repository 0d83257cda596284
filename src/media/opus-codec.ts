/**
 * Opus by libopus in WebAssembly (docs/decisions/0006-opus.md). It is loaded when a call first speaks Opus, once a thread: until then, some 20 ms,
 * what comes in decodes to silence and what goes out waits.
 */
import type { OpusDecoderHandle, OpusEncoderHandle } from 'libopus-wasm';
import { opusPacketLength } from '../wire/opus-packet.ts';
import type { Payload, WideDecoder, WideEncoder } from './codecs.ts';

type Library = typeof import('libopus-wasm');

const RATE = 16_000;
/** Of the 48 kHz that Opus counts in, in one position. */
const TICKS = 6;
/** Samples at 16 kHz of 2.5 ms, of which whatever is concealed must be a multiple, and of 120 ms, of which it is the most. */
const SHORTEST = 40;
const LONGEST = 1920;
/** What stands in fades by itself; after so long it is silence, and costs nothing. */
const CONCEALED_SAMPLES = 0.3 * RATE;
/** A frame of ours is far below it: 60 ms at 24 kbit/s have 180 bytes. */
const MOST_BYTES = 480;

const ENCODING = {
  sampleRate: RATE,
  channels: 1,
  // Speech in 16 kHz takes 16–20 kbit/s (RFC 7587 §3.1.1), and what is said twice takes some more.
  bitrate: 24_000,
  // As good as 5 on prompts, for two thirds of the CPU: see the decision record.
  complexity: 2,
  // Each packet says the one before it again, coarsely, so that one that is lost is not lost (RFC 7587 §3.3).
  fec: true,
  // Below 8 % libopus does not find it worth its bits.
  packetLossPercent: 15,
} as const;

let library: Library | undefined;
let loading: Promise<Library> | undefined;

/** Loads the library into this thread, once. Rejects when it is not installed. */
export function loadOpus(): Promise<Library> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Library> {
  const loaded = await import('libopus-wasm');
  await loaded.loadLibopus();
  library = loaded;
  return loaded;
}

interface Freed {
  free(): void;
}

/** A decoder or encoder of the library, which takes its time to come. */
class Handle<T extends Freed> {
  readonly #make: (library: Library) => Promise<T>;
  #closed = false;
  /** `undefined` until it is there. */
  value: T | undefined;

  constructor(make: (library: Library) => Promise<T>) {
    this.#make = make;
    void this.renew();
  }

  /** Brings a new one in the place of the old. Rejects, which ends the thread, only when the library can't be loaded. */
  async renew(): Promise<void> {
    const loaded = library ?? (await loadOpus());
    if (this.#closed) return;
    // Without memory for another one, the call is silent; the others are none the worse for it.
    const made = await this.#make(loaded).catch(() => undefined);
    if (made === undefined) return;
    if (this.#closed) return made.free();
    this.value?.free();
    this.value = made;
  }

  close(): void {
    this.#closed = true;
    this.value?.free();
    this.value = undefined;
  }
}

/** See WideDecoder. */
export class OpusDecoder implements WideDecoder {
  readonly #handle = new Handle<OpusDecoderHandle>(({ createDecoder }) =>
    createDecoder({ sampleRate: RATE, channels: 1 }),
  );
  /** Samples that were made up since something was decoded. */
  #lost = 0;

  decode(bytes: Uint8Array, from: number, to: number, out: Int16Array, at: number): number {
    const length = 2 * this.lengthOf(bytes, from, to);
    if (length <= 0) return 0;
    this.#lost = 0;
    const decoded = this.#run(bytes.subarray(from, to));
    if (decoded === undefined || decoded.length !== length) out.fill(0, at, at + length);
    else out.set(decoded, at);
    return length;
  }

  conceal(positions: number, out: Int16Array, at: number, next?: Payload): number {
    const length = 2 * positions;
    const sounding = Math.max(0, Math.min(length, CONCEALED_SAMPLES - this.#lost));
    this.#lost += length;
    // What is told twice is the end of what was lost.
    const told =
      next !== undefined && sounding === length && opusPacketLength(next.bytes, next.from, next.to) > 0
        ? next.bytes.subarray(next.from, next.to)
        : undefined;
    for (let done = 0; done < sounding; done += LONGEST) {
      const size = Math.min(LONGEST, sounding - done);
      const packet = done + size === sounding ? told : undefined;
      const made = this.#conceal(Math.ceil(size / SHORTEST) * SHORTEST, packet);
      if (made === undefined) out.fill(0, at + done, at + done + size);
      else out.set(made.length > size ? made.subarray(0, size) : made, at + done);
    }
    out.fill(0, at + sounding, at + length);
    return length;
  }

  lengthOf(bytes: Uint8Array, from: number, to: number): number {
    const ticks = opusPacketLength(bytes, from, to);
    return ticks < 0 ? -1 : ticks / TICKS;
  }

  reset(): void {
    this.#lost = 0;
    void this.#handle.renew();
  }

  close(): void {
    this.#handle.close();
  }

  #run(packet: Uint8Array): Int16Array | undefined {
    try {
      return this.#handle.value?.decode(packet);
    } catch {
      // It is well formed, as far as its lengths go, and still means nothing.
      return undefined;
    }
  }

  #conceal(size: number, told: Uint8Array | undefined): Int16Array | undefined {
    try {
      return told === undefined
        ? this.#handle.value?.decodePacketLoss(size)
        : this.#handle.value?.decode(told, { decodeFec: true, frameSize: size });
    } catch {
      return undefined;
    }
  }
}

/** See WideEncoder. */
export class OpusEncoder implements WideEncoder {
  readonly #handle = new Handle<OpusEncoderHandle>(({ Application, Signal, createEncoder }) =>
    createEncoder({ ...ENCODING, application: Application.Voip, signal: Signal.Voice }),
  );

  get ready(): boolean {
    return this.#handle.value !== undefined;
  }

  encode(samples: Int16Array, from: number, to: number, bytes: Uint8Array, at: number): number {
    try {
      const frame = { frameSize: to - from, maxPacketBytes: MOST_BYTES };
      const packet = this.#handle.value?.encode(samples.subarray(from, to), frame);
      if (packet === undefined) return 0;
      bytes.set(packet, at);
      return packet.length;
    } catch {
      return 0;
    }
  }

  reset(): void {
    void this.#handle.renew();
  }

  close(): void {
    this.#handle.close();
  }
}
