/**
 * A take's audio at rest while it is being recorded: a header, then a segment for each write, each with its length and number (32 bit, big-endian)
 * before it. Only ever appended to, so that a killed process leaves all but the segment that it was writing. Segments are numbered in the order
 * in which they were encrypted; one that is written again, because its samples were overwritten or a disk refused it, has a number of its own, and
 * each names the one before it. None is the last: a take may end at any moment.
 */
import { ftruncateSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { bytesOf, readAll, readFrom, writeAll } from './file-bytes.ts';
import {
  HEADER_BYTES,
  NONE,
  newSegments,
  type RecordingKey,
  type Segments,
  segmentsOf,
  TAG_BYTES,
} from './segments.ts';
import { type TakeShape, widthOf } from './take.ts';

const PREFIX_BYTES = 8;
/** A ring holds a second: no segment is as long as this. */
const MAX_BYTES = 1 << 24;
/** Read beyond what was asked for: prefixes and tags. */
const SLACK = 16_384;
/** Read at once when all is looked at: a start may do so with many takes side by side. */
const MEASURED = 65_536;

/** Neither rate nor channels can be changed in the journal without its being noticed. */
const contextOf = ({ recordingId }: RecordingKey, { rate, channels }: TakeShape) =>
  `spool ${recordingId} ${rate} ${channels}`;

/** Where a segment goes: position in the take, byte of the file, number of the segment before. */
interface Spot {
  readonly at: number;
  readonly offset: number;
  readonly after: number;
}

/** Writes to an empty file, which it may read too. The caller closes it. */
export class EncryptedTake {
  readonly #file: number;
  readonly #width: number;
  readonly #segments: Segments;
  #numbers = 0;
  /** The newest segment. */
  #newest: Spot | undefined;
  #next: Spot = { at: 0, offset: HEADER_BYTES, after: NONE };

  constructor(file: number, key: RecordingKey, shape: TakeShape) {
    const { header, segments } = newSegments(key.key, contextOf(key, shape));
    this.#file = file;
    this.#width = widthOf(shape);
    this.#segments = segments;
    writeAll(file, header, 0);
  }

  /** As TakeFiles.write; only what comes next, or the newest once more. */
  write(samples: Int16Array, at: number): void {
    const spot = this.#spotOf(at);
    const number = this.#numbers;
    const bytes = this.#encrypt(bytesOf(samples), spot.after);
    writeAll(this.#file, bytes, spot.offset);
    this.#newest = spot;
    this.#next = {
      at: at + samples.length / this.#width,
      offset: spot.offset + bytes.length,
      after: number,
    };
  }

  /** Nothing comes after so many samples. What was written beyond them goes, but for the rest of a segment: the journal says how much of it is meant. */
  end(samples: number): void {
    ftruncateSync(this.#file, (samples === this.#newest?.at ? this.#newest : this.#next).offset);
  }

  /** As `end`, and without a journal that says how much of the last segment is meant: that one is written once more, without the rest. */
  cut(samples: number): void {
    const wanted = samples * this.#width * 2;
    let [at, offset, after] = [0, HEADER_BYTES, NONE];
    while (at < wanted) {
      const { length, number } = readPrefix(readAll(this.#file, PREFIX_BYTES, offset));
      const kept = wanted - at;
      if (length > kept) {
        const encrypted = readAll(this.#file, length + TAG_BYTES, offset + PREFIX_BYTES);
        const plain = this.#segments.decrypt(encrypted, { number, after, last: false });
        // Over what is there, and only then is the file cut: who dies in between keeps all that is wanted.
        const bytes = this.#encrypt(plain.subarray(0, kept), after);
        writeAll(this.#file, bytes, offset);
        offset += bytes.length;
        break;
      }
      at += length;
      offset += PREFIX_BYTES + length + TAG_BYTES;
      after = number;
    }
    ftruncateSync(this.#file, offset);
  }

  #encrypt(plain: Uint8Array, after: number): Buffer {
    const number = this.#numbers++;
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(plain.length);
    prefix.writeUInt32BE(number, 4);
    return this.#segments.encrypt(plain, { number, after, last: false }, prefix);
  }

  #spotOf(at: number): Spot {
    if (at === this.#next.at) return this.#next;
    if (this.#newest?.at !== at)
      throw new Error(`sample ${at} of a take was to be written at ${this.#next.at}`);
    // What is longer than its successor must not show behind it.
    ftruncateSync(this.#file, this.#newest.offset);
    return this.#newest;
  }
}

function readPrefix(prefix: Buffer): { readonly length: number; readonly number: number } {
  return { length: prefix.readUInt32BE(), number: prefix.readUInt32BE(4) };
}

/** Reads an encrypted take from its beginning on, while it grows too. For one reader; the handle may be shared. */
export class EncryptedTakeReader {
  readonly #file: FileHandle;
  readonly #key: RecordingKey;
  readonly #shape: TakeShape;
  #segments: Segments | undefined;
  /** What was read of the file, from byte `#windowAt` on. */
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;
  /** The segment that was read last, and which bytes of the audio it is. */
  #plain: Buffer = Buffer.alloc(0);
  #plainAt = 0;
  #next: Omit<Spot, 'at'> = { offset: HEADER_BYTES, after: NONE };

  constructor(file: FileHandle, key: RecordingKey, shape: TakeShape) {
    this.#file = file;
    this.#key = key;
    this.#shape = shape;
  }

  /** As SpoolReader.read. */
  async read(samples: Int16Array, at: number): Promise<void> {
    const wanted = bytesOf(samples);
    const begin = 2 * at;
    if (begin < this.#plainAt) this.#rewind();
    for (let done = 0; done < wanted.length; ) {
      const from = begin + done - this.#plainAt;
      if (from < this.#plain.length) done += this.#plain.copy(wanted, done, from);
      else if (!(await this.#step(wanted.length - done)))
        throw new Error(`the spool file ends before sample ${at + samples.length}`);
    }
    // What lies beyond may still be written again.
    this.#window = Buffer.alloc(0);
  }

  /** The bytes of audio that are there, all of them looked at. `damage`: why no more, when the file does not just end. Throws when its first segment is not whole. */
  async measure(): Promise<{ readonly bytes: number; readonly damage?: string }> {
    try {
      while (await this.#step(MEASURED));
      return { bytes: this.#end };
    } catch (thrown) {
      if (this.#end === 0) throw thrown;
      return { bytes: this.#end, damage: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  }

  get #end() {
    return this.#plainAt + this.#plain.length;
  }

  #rewind() {
    this.#plain = Buffer.alloc(0);
    this.#plainAt = 0;
    this.#next = { offset: HEADER_BYTES, after: NONE };
  }

  /** Goes to the next segment; `false` when all of it is not there. */
  async #step(readAhead: number): Promise<boolean> {
    if (this.#segments === undefined) {
      const header = await this.#bytes(0, HEADER_BYTES, readAhead);
      if (header === undefined) return false;
      this.#segments = segmentsOf(header, this.#key.key, contextOf(this.#key, this.#shape));
    }
    const { offset, after } = this.#next;
    const prefix = await this.#bytes(offset, PREFIX_BYTES, readAhead);
    if (prefix === undefined) return false;
    const { length, number } = readPrefix(prefix);
    if (length > MAX_BYTES) throw new Error(`segment ${number} says that it has ${length} bytes`);
    const encrypted = await this.#bytes(offset + PREFIX_BYTES, length + TAG_BYTES, readAhead);
    if (encrypted === undefined) return false;
    const plain = this.#segments.decrypt(encrypted, { number, after, last: false });
    this.#plainAt = this.#end;
    this.#plain = plain;
    this.#next = { offset: offset + PREFIX_BYTES + encrypted.length, after: number };
    return true;
  }

  async #bytes(offset: number, length: number, readAhead: number): Promise<Buffer | undefined> {
    const from = offset - this.#windowAt;
    if (from < 0 || from + length > this.#window.length) {
      this.#window = await readFrom(this.#file, offset, Math.max(length, readAhead) + SLACK);
      this.#windowAt = offset;
      return this.#window.length < length ? undefined : this.#window.subarray(0, length);
    }
    return this.#window.subarray(from, from + length);
  }
}
