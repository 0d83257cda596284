/**
 * What a wide-band line has heard, at 16 kHz: a ring beside the one at 8 kHz that everything is decided by. Decoders with a state want
 * their packets in order, so packets wait here, as they came, until the timeline has settled what lies before them. Nothing is allocated per packet.
 */
import { Downsampler } from '../wire/downsample.ts';
import { decodeG711, type G711 } from '../wire/g711.ts';
import { Upsampler, upsampled } from '../wire/upsample.ts';
import { type Codec, isWide, openDecoder, type WideCodec, type WideDecoder } from './codecs.ts';
import { Concealment } from './concealment.ts';
import type { History } from './history.ts';
import { RING_SAMPLES } from './line-memory.ts';

/** Samples at each position. */
const WIDTH = 2;
const WIDE_RING = WIDTH * RING_SAMPLES;
/** The longest that is decoded at once: 200 ms. */
const LONGEST = 1600;
/** Packets that wait, at most: what lies beyond what is settled, in packets of 10 ms. */
const MOST_WAITING = 96;
/** A payload of usual size; one that is longer makes its place larger. */
const USUAL_BYTES = 160;

interface Waiting {
  codec: Codec;
  /** Position of its first sample; of those `skip` are settled already. */
  start: number;
  skip: number;
  length: number;
  bytes: Uint8Array;
  size: number;
}

// Filled and read at once: one for all lines. A concealment may be somewhat longer than what was asked for.
const SCRATCH = new Int16Array(WIDTH * LONGEST + 1920);
const NARROW = new Int16Array(LONGEST);

/** One a line that speaks a wide-band codec. Whoever makes it closes it. */
export class WideStream {
  /** On shared memory: WIDTH samples for each position of the line's ring. */
  readonly samples = new Int16Array(new SharedArrayBuffer(2 * WIDE_RING));
  readonly #history: History;
  readonly #downsampler = new Downsampler();
  /** For G.711 on a wide-band line, while that is what comes. */
  #upsampler: Upsampler | undefined;
  #narrowLoss: Concealment | undefined;
  readonly #decoders = new Map<WideCodec, WideDecoder>();
  /** What was decoded last. */
  #codec: Codec | undefined;
  /** In the order of their positions; behind them places that are free. */
  readonly #waiting: Waiting[] = [];
  #count = 0;
  #end = 0;

  /** @param position from which on it hears */
  constructor(history: History, position: number) {
    this.#history = history;
    this.#end = position;
    // What was heard before was narrow-band.
    const before = Math.max(0, position - RING_SAMPLES / 2);
    const past = Int16Array.from(
      { length: position - before },
      (_, i) => history.samples[history.index(before + i)]!,
    );
    this.#write(upsampled(past), 0, past.length, before);
  }

  /** Its decoder may take some time to come: what is to be decoded soon. May be called for several. */
  expect(codec: WideCodec): void {
    this.#decoderOf(codec);
  }

  /** Where what is decoded ends. */
  get end(): number {
    return this.#end;
  }

  /** Length of a payload in positions; −1 when it is malformed. */
  lengthOf(codec: Codec, bytes: Uint8Array, from: number, to: number): number {
    return isWide(codec) ? this.#decoderOf(codec).lengthOf(bytes, from, to) : to - from;
  }

  /** A packet whose sample number `skip` belongs at position `start`; `length` in positions. */
  add(
    codec: Codec,
    bytes: Uint8Array,
    from: number,
    to: number,
    start: number,
    skip: number,
    length: number,
  ): void {
    if (this.#count === MOST_WAITING) return;
    const first = start - skip;
    let at = this.#count;
    while (at > 0 && this.#waiting[at - 1]!.start > first) at--;
    if (at > 0 && this.#waiting[at - 1]!.start === first) return;
    const place = this.#place(at);
    if (place.bytes.length < to - from) place.bytes = new Uint8Array(to - from);
    for (let i = from; i < to; i++) place.bytes[i - from] = bytes[i]!;
    place.size = to - from;
    place.codec = codec;
    place.start = first;
    place.skip = skip;
    place.length = length;
  }

  /** Decodes the packet that has the sample at `end`, if it is here: then `end` is beyond it. */
  decode(): boolean {
    while (this.#count > 0 && this.#waiting[0]!.start + this.#waiting[0]!.length <= this.#end) this.#drop();
    const first = this.#waiting[0];
    if (this.#count === 0 || first === undefined || first.start > this.#end) return false;
    const skip = Math.max(first.skip, this.#end - first.start);
    this.#decodeInto(first);
    this.#put(skip, first.length);
    this.#drop();
    return true;
  }

  /** Stands in for audio that was lost, up to position `to`; within a frame. */
  conceal(to: number): void {
    const count = to - this.#end;
    const codec = this.#codec;
    if (codec === undefined) SCRATCH.fill(0, 0, WIDTH * count);
    else if (isWide(codec)) this.#decoderOf(codec).conceal(count, SCRATCH, 0, this.#told(to, codec));
    else this.#concealNarrow(count);
    this.#put(0, count);
  }

  /** The packet of position `at`, if it has come and may tell of what was before it. */
  #told(at: number, codec: Codec) {
    const next = this.#count > 0 ? this.#waiting[0]! : undefined;
    return next?.start === at && next.codec === codec
      ? { bytes: next.bytes, from: 0, to: next.size }
      : undefined;
  }

  /** There was nothing to hear, up to position `to`; within a frame. */
  silence(to: number): void {
    const count = to - this.#end;
    SCRATCH.fill(0, 0, WIDTH * count);
    this.#narrowLoss?.reset();
    this.#put(0, count);
  }

  /** Silences what was decoded: a key. */
  mute(from: number, to: number): void {
    for (let at = WIDTH * from; at < WIDTH * to; at++) this.samples[at % WIDE_RING] = 0;
  }

  close(): void {
    for (const decoder of this.#decoders.values()) decoder.close();
    this.#decoders.clear();
    this.#count = 0;
  }

  #decodeInto({ codec, bytes, size, length }: Waiting) {
    this.#codec = codec;
    if (isWide(codec)) {
      this.#upsampler = undefined;
      const decoded = this.#decoderOf(codec).decode(bytes, 0, size, SCRATCH, 0);
      if (decoded < WIDTH * length) SCRATCH.fill(0, decoded, WIDTH * length);
      return;
    }
    this.#decodeNarrow(codec, bytes, size);
  }

  #decodeNarrow(law: G711, bytes: Uint8Array, size: number) {
    decodeG711(law, bytes, 0, size, NARROW, 0);
    if (this.#upsampler === undefined) {
      this.#upsampler = new Upsampler();
      // Its delay, so that from now on as much comes out as goes in.
      this.#upsampler.push(new Int16Array(16));
    }
    SCRATCH.set(this.#upsampler.push(NARROW.subarray(0, size)));
    this.#narrowLoss?.join(SCRATCH, 0, WIDTH * size);
  }

  #concealNarrow(count: number) {
    this.#narrowLoss ??= new Concealment(16_000);
    const end = WIDTH * (this.#end % RING_SAMPLES);
    this.#narrowLoss.conceal(this.samples, end, SCRATCH, 0, WIDTH * count);
  }

  #decoderOf(codec: WideCodec): WideDecoder {
    const known = this.#decoders.get(codec);
    if (known !== undefined) return known;
    const decoder = openDecoder(codec);
    this.#decoders.set(codec, decoder);
    return decoder;
  }

  /** Takes positions [skip, length) of SCRATCH on from `end`. */
  #put(skip: number, length: number) {
    this.#write(SCRATCH, WIDTH * skip, length - skip, this.#end);
    this.#narrow(WIDTH * skip, length - skip);
    this.#end += length - skip;
  }

  #write(samples: Int16Array, from: number, positions: number, at: number) {
    const begin = WIDTH * (at % RING_SAMPLES);
    const count = WIDTH * positions;
    const split = Math.min(count, WIDE_RING - begin);
    for (let i = 0; i < split; i++) this.samples[begin + i] = samples[from + i]!;
    for (let i = split; i < count; i++) this.samples[i - split] = samples[from + i]!;
  }

  #narrow(from: number, positions: number) {
    const history = this.#history;
    for (let done = 0; done < positions; ) {
      const at = this.#end + done;
      const count = Math.min(positions - done, RING_SAMPLES - (at % RING_SAMPLES));
      this.#downsampler.push(
        SCRATCH,
        from + WIDTH * done,
        from + WIDTH * (done + count),
        history.samples,
        history.index(at),
      );
      done += count;
    }
  }

  /** A place at index `at`, taken from the free ones. */
  #place(at: number): Waiting {
    const place = this.#waiting[this.#count] ?? {
      codec: 'PCMU',
      start: 0,
      skip: 0,
      length: 0,
      bytes: new Uint8Array(USUAL_BYTES),
      size: 0,
    };
    for (let i = this.#count; i > at; i--) this.#waiting[i] = this.#waiting[i - 1]!;
    this.#waiting[at] = place;
    this.#count++;
    return place;
  }

  #drop() {
    const place = this.#waiting[0]!;
    this.#count--;
    for (let i = 0; i < this.#count; i++) this.#waiting[i] = this.#waiting[i + 1]!;
    this.#waiting[this.#count] = place;
  }
}
