/**
 * A take on its way to disk, in the media worker: appended to synchronously, written behind in blocks. A disk that is too
 * slow, or refuses, fails the take when it is sealed; the audio loop never notices.
 */
import { reasonOf, TonearmError } from '../errors.ts';
import { openTakeFiles, SPOOL_RATE, type TakeFiles, type TakeSpec } from './spool-files.ts';
import type { Take } from './take.ts';

export type { TakeSpec } from './spool-files.ts';

/** How much settled audio may wait for the disk, in milliseconds: 160 kB a take. */
const QUEUE_MS = 10_000;
/** Written blocks kept for what comes. */
const SPARE_BLOCKS = 2;

/**
 * Opens a take; its files are made behind the scenes. `onGrown` hears after each write how many samples, all settled,
 * are in the file. Whoever opens it seals it.
 *
 * @param openFiles how its files are made; tests pass disks that are slow or broken
 */
export function openTake(
  spec: TakeSpec,
  onGrown: (samples: number) => void,
  openFiles: (spec: TakeSpec) => Promise<TakeFiles> = openTakeFiles,
): Take {
  return new SpooledTake(spec, onGrown, openFiles(spec));
}

class SpooledTake implements Take {
  readonly #recordingId: string;
  readonly #onGrown: (samples: number) => void;
  readonly #files: Promise<TakeFiles>;
  /** Samples in a block. */
  readonly #size: number;
  readonly #queueLimit: number;
  /** What is not in the file yet: `#blocks[k]` holds the samples from (#written + k) × #size on. */
  readonly #blocks: Int16Array[] = [];
  readonly #spare: Int16Array[] = [];
  /** Whole blocks in the file. */
  #written = 0;
  #length = 0;
  #settled = 0;
  /** Samples from here on are counted but not kept: the take has failed, or is sealed. */
  #limit = Number.POSITIVE_INFINITY;
  #failure: { readonly reason: string; readonly cause?: unknown } | undefined;
  #writing: Promise<void> | undefined;
  #sealing: Promise<number> | undefined;

  constructor(spec: TakeSpec, onGrown: (samples: number) => void, files: Promise<TakeFiles>) {
    this.#recordingId = spec.recordingId;
    this.#onGrown = onGrown;
    this.#size = Math.max(1, Math.round((spec.blockMs * SPOOL_RATE) / 1000));
    this.#queueLimit = Math.max(2, Math.ceil(QUEUE_MS / spec.blockMs));
    for (let i = 0; i < SPARE_BLOCKS; i++) this.#spare.push(new Int16Array(this.#size));
    this.#files = files;
    files.catch((cause) => this.#failAt(0, { reason: reasonOf(cause), cause }));
  }

  get length(): number {
    return this.#length;
  }

  append(samples: Int16Array, from = 0, to = samples.length): void {
    for (let at = from; at < to; ) {
      const offset = this.#length % this.#size;
      const count = Math.min(to - at, this.#size - offset);
      const block = this.#blockAt(this.#length);
      if (block !== undefined) copy(samples, at, count, block, offset);
      at += count;
      this.#length += count;
    }
  }

  settle(upTo = this.#length): void {
    this.#settled = Math.max(this.#settled, Math.min(upTo, this.#length));
    const waiting = this.#wholeBlocks();
    if (waiting === 0) return;
    if (waiting > this.#queueLimit) {
      const reason = `the disk is too slow: ${QUEUE_MS / 1000} s of audio were waiting for it`;
      this.#failAt((this.#written + this.#queueLimit) * this.#size, { reason });
    }
    this.#writing ??= this.#writeBlocks();
  }

  cut(length: number): void {
    this.#length = Math.max(this.#settled, Math.min(this.#length, length));
  }

  seal(): Promise<number> {
    return (this.#sealing ??= this.#seal());
  }

  async #seal(): Promise<number> {
    this.settle();
    const end = this.#length;
    this.#limit = Math.min(this.#limit, end);
    await this.#writing;
    await this.#writeTail();
    const samples = Math.min(this.#limit, end);
    // What the journal would say is known without it: the file is as long as it is.
    await this.#files.then((files) => files.seal(samples)).catch(() => {});
    if (this.#failure !== undefined) {
      const { reason, cause } = this.#failure;
      const kept = `${(samples / SPOOL_RATE).toFixed(1)} s of it are kept`;
      const message = `recording ${this.#recordingId} could not be written to the spool: ${reason}; ${kept}`;
      throw new TonearmError('spoolFailed', message, { cause });
    }
    return samples;
  }

  /** Where the sample at `position` goes; `undefined` when it is not kept. */
  #blockAt(position: number): Int16Array | undefined {
    if (position >= this.#limit) return undefined;
    const index = Math.floor(position / this.#size) - this.#written;
    return (this.#blocks[index] ??= this.#spare.pop() ?? new Int16Array(this.#size));
  }

  /** How many blocks are settled to their end, kept, and not in the file. */
  #wholeBlocks(): number {
    return Math.max(0, Math.floor(Math.min(this.#settled, this.#limit) / this.#size) - this.#written);
  }

  async #writeBlocks(): Promise<void> {
    try {
      const files = await this.#files;
      while (this.#wholeBlocks() > 0) {
        const start = this.#written * this.#size;
        await files.write(this.#blocks[0]!, start);
        const block = this.#blocks.shift()!;
        this.#written++;
        if (this.#spare.length < SPARE_BLOCKS) this.#spare.push(block);
        this.#onGrown(start + this.#size);
      }
    } catch (cause) {
      this.#failAt(this.#written * this.#size, { reason: reasonOf(cause), cause });
    }
    this.#writing = undefined;
  }

  async #writeTail(): Promise<void> {
    const start = this.#written * this.#size;
    const end = Math.min(this.#limit, this.#length);
    if (end <= start) return;
    try {
      await (await this.#files).write(this.#blocks[0]!.subarray(0, end - start), start);
      this.#onGrown(end);
    } catch (cause) {
      this.#failAt(start, { reason: reasonOf(cause), cause });
    }
  }

  /** Keeps the samples before `limit`, and none from there on. */
  #failAt(limit: number, failure: { readonly reason: string; readonly cause?: unknown }): void {
    this.#limit = Math.min(this.#limit, limit);
    this.#failure ??= failure;
    this.#blocks.length = Math.min(this.#blocks.length, Math.ceil(this.#limit / this.#size) - this.#written);
  }
}

/** By hand: a view of a part for `set` would be an allocation. */
function copy(from: Int16Array, at: number, count: number, to: Int16Array, offset: number): void {
  for (let i = 0; i < count; i++) to[offset + i] = from[at + i]!;
}
