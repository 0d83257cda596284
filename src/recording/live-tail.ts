/**
 * A recording while it grows, for any number of readers: a WAV header for an unknown length, then the spooled audio at
 * 16 kHz, as far as it is final. From byte 44 on it is, byte for byte, the finished file.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { reasonOf, TonearmError } from '../errors.ts';
import { pcmWavHeader } from '../wire/wav.ts';
import { bytesOf } from './file-bytes.ts';
import { widener } from './finish.ts';
import { FILE_RATE } from './formats.ts';
import type { RecordingKey } from './segments.ts';
import { pcmPath, readJournal, SPOOL_RATE } from './spool-files.ts';
import { type SpoolReader, spoolReader } from './spool-reader.ts';
import { widthOf } from './take.ts';

/** Samples read at once: half a second, a fraction of a millisecond to convert. */
const CHUNK = 4000;

interface TailFile {
  readonly file: FileHandle;
  readonly rate: 8000 | 16_000;
}

/** One for each recording that is not finished. Whoever makes it ends it. */
export class LiveTail {
  readonly #folder: string;
  readonly #recordingId: string;
  readonly #followers = new Set<Follower>();
  /** Open while somebody follows, and shared by all who do. */
  #file: Promise<TailFile> | undefined;
  readonly channels: 1 | 2;
  /** What its take is encrypted with. */
  readonly key: RecordingKey | undefined;
  #samples = 0;
  #ended = false;
  #failure: TonearmError | undefined;

  /** @param folder of the spool; the take need not be there before `grown` is first called */
  constructor(folder: string, recordingId: string, channels: 1 | 2, key?: RecordingKey) {
    this.#folder = folder;
    this.#recordingId = recordingId;
    this.channels = channels;
    this.key = key;
  }

  /** How much of the spool file is final. */
  get samples(): number {
    return this.#samples;
  }

  /** Nothing is added to `samples` any more. */
  get ended(): boolean {
    return this.#ended;
  }

  get failure(): TonearmError | undefined {
    return this.#failure;
  }

  grown(samples: number): void {
    if (this.#ended || samples <= this.#samples) return;
    this.#samples = samples;
    this.#wake();
  }

  /** Readers come to their end after so many samples; never fewer than they were promised. */
  end(samples = this.#samples): void {
    if (this.#ended) return;
    this.#samples = Math.max(samples, this.#samples);
    this.#ended = true;
    this.#wake();
  }

  /** Readers end with an error, wherever they are. */
  fail(failure: TonearmError): void {
    this.#failure = failure;
    this.#wake();
  }

  /** Resolves when the spool file may be deleted: readers that are left have it open. To be called when nobody can be given the tail any more. */
  async hold(): Promise<void> {
    // Whoever was given it right before follows in this turn of the event loop.
    await setImmediate();
    if (this.#followers.size === 0 || this.#samples === 0) return;
    // A file that cannot be opened is told to each reader when it reads.
    await this.file().catch(() => {});
  }

  /**
   * Follows from the beginning. Ends when the recording does, or when `signal` aborts. Reads only as fast as it is asked;
   * throws TonearmError `readFailed` when the spool cannot be read.
   */
  follow(signal: AbortSignal): AsyncIterableIterator<Uint8Array> {
    const follower = new Follower(this, signal, () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#release();
    });
    this.#followers.add(follower);
    return follower;
  }

  /** For the followers only. */
  file(): Promise<TailFile> {
    return (this.#file ??= this.#open());
  }

  async #open(): Promise<TailFile> {
    const file = await open(pcmPath(this.#folder, this.#recordingId), 'r');
    const journal = await readJournal(this.#folder, this.#recordingId);
    return { file, rate: journal?.rate ?? SPOOL_RATE };
  }

  #release(): void {
    // A read that is under way is finished first; a handle that was never opened needs no closing.
    this.#file?.then(({ file }) => file.close()).catch(() => {});
    this.#file = undefined;
  }

  #wake(): void {
    for (const follower of this.#followers) follower.wake();
  }
}

/** By hand, not a generator: `return` must take effect while `next` waits, and before it was ever called. */
class Follower implements AsyncIterableIterator<Uint8Array> {
  readonly #tail: LiveTail;
  readonly #signal: AbortSignal;
  readonly #onOver: () => void;
  readonly #widener: ReturnType<typeof widener>;
  /** A header is all that it begins with. */
  #reader: SpoolReader | undefined;
  #headed = false;
  #wide = false;
  /** Samples of the spool that were read. */
  #position = 0;
  #flushed = false;
  #over = false;
  #resume: (() => void) | undefined;

  constructor(tail: LiveTail, signal: AbortSignal, onOver: () => void) {
    this.#tail = tail;
    this.#widener = widener(tail.channels);
    this.#signal = signal;
    this.#onOver = onOver;
    if (signal.aborted) queueMicrotask(this.#stop);
    else signal.addEventListener('abort', this.#stop, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    try {
      while (!this.#over) {
        if (this.#tail.failure !== undefined) throw this.#tail.failure;
        const value = await this.#more();
        if (value !== undefined && value.length > 0 && !this.#over) return { done: false, value };
      }
    } catch (error) {
      this.#stop();
      throw error;
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#stop();
    return { done: true, value: undefined };
  }

  wake(): void {
    this.#resume?.();
  }

  /** The next piece, perhaps empty; `undefined` after a wait, and at the end. */
  async #more(): Promise<Uint8Array | undefined> {
    if (!this.#headed) {
      this.#headed = true;
      return pcmWavHeader(FILE_RATE, undefined, this.#tail.channels);
    }
    const { samples, ended } = this.#tail;
    if (this.#position < samples) return this.#read(Math.min(CHUNK, samples - this.#position));
    if (!ended) return this.#wait();
    if (!this.#flushed) {
      this.#flushed = true;
      return this.#wide ? undefined : bytesOf(this.#widener.flush());
    }
    this.#stop();
    return undefined;
  }

  async #read(count: number): Promise<Uint8Array> {
    try {
      const { file, rate } = await this.#tail.file();
      const { channels, key } = this.#tail;
      const width = widthOf({ rate, channels });
      this.#wide = rate === FILE_RATE;
      this.#reader ??= spoolReader(file, { rate, channels }, key);
      const samples = new Int16Array(count * width);
      await this.#reader.read(samples, this.#position * width);
      this.#position += count;
      return bytesOf(this.#wide ? samples : this.#widener.push(samples));
    } catch (cause) {
      throw new TonearmError('readFailed', `the spool cannot be read: ${reasonOf(cause)}`, { cause });
    }
  }

  async #wait(): Promise<undefined> {
    await new Promise<void>((resolve) => (this.#resume = resolve));
    this.#resume = undefined;
  }

  readonly #stop = (): void => {
    if (this.#over) return;
    this.#over = true;
    this.#signal.removeEventListener('abort', this.#stop);
    this.#onOver();
    this.wake();
  };
}
