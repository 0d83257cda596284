/**
 * Writes takes to the spool: what runs in the spool's thread, without the thread. A file is written from the ring that the line heard the audio
 * into; pieces that a worker had to rescue from there come before it. A disk that refuses fails the take, and no other.
 */
import { reasonOf } from '../errors.ts';
import { openTakeFiles, SPOOL_RATE, type TakeFiles, type TakeSpec } from './spool-files.ts';
import type { AbandonedTake, FromSpool, ToSpool } from './spool-protocol.ts';
import { type AudioRing, LENGTH, SEALED, SETTLED, WRITTEN, widthOf } from './take.ts';

/** So much is written at once: half a second; when somebody may read along, what there is. Settled or not: who dies keeps it, and a seal cuts it off. */
const BLOCK = SPOOL_RATE / 2;

/** The takes of one worker. */
export interface WorkerTakes {
  take(message: ToSpool): void;
  /** Whether there are none. */
  readonly idle: boolean;
  /** Writes what has come since, of all takes or of this share of them, by turns; each is to have its turn a few times a second. */
  poll(share?: number): void;
  /** The worker is gone: seals what it left open, with all that it heard. */
  abandon(): readonly AbandonedTake[];
}

/** @param openFiles how the files of a take are made; tests pass disks that are slow or broken */
export function createWorkerTakes(
  send: (message: FromSpool) => void,
  openFiles: typeof openTakeFiles = openTakeFiles,
): WorkerTakes {
  const takes = new Map<number, WrittenTake>();
  /** Those whose turn is to come. */
  let turns = takes.entries();
  /** Turns that have not been had yet, in full or in part. */
  let owed = 0;
  const next = () => {
    const { value } = turns.next();
    if (value !== undefined) return value;
    turns = takes.entries();
    return turns.next().value;
  };

  const seal = (id: number, take: WrittenTake, length: number, why?: string) => {
    takes.delete(id);
    const { samples, failure = why } = take.seal(length);
    if (take.spec.streamed && take.hasGrown()) send({ type: 'grown', takes: [id, samples] });
    send({ type: 'sealed', take: id, samples, failure });
  };
  /** Tells once of a take that its disk refuses. */
  const tend = (id: number, take: WrittenTake, action: () => void) => {
    const before = take.failure;
    action();
    if (take.failure !== before) send({ type: 'failed', take: id });
  };

  return {
    get idle() {
      return takes.size === 0;
    },
    take(message) {
      if (message.type === 'open') {
        const opened = new WrittenTake(message.spec, message.ring, openFiles);
        takes.set(message.take, opened);
        if (opened.failure !== undefined) send({ type: 'failed', take: message.take });
        return;
      }
      const take = takes.get(message.take);
      if (take === undefined) return;
      if (message.type === 'begin') take.begin(message.start);
      else {
        tend(message.take, take, () => take.rescued(message.at, message.samples));
        if (message.type === 'seal') seal(message.take, take, message.length, message.failure);
      }
    },
    poll(share = 1) {
      const grown: number[] = [];
      owed = Math.min(takes.size, owed + takes.size * share);
      for (; owed >= 1; owed--) {
        const turn = next();
        if (turn === undefined) break;
        const [id, take] = turn;
        tend(id, take, () => take.poll());
        if (take.spec.streamed && take.hasGrown()) grown.push(id, take.told);
      }
      if (grown.length > 0) send({ type: 'grown', takes: grown });
    },
    abandon() {
      const left = [...takes.values()].map((take) => {
        take.writeAll();
        return { recordingId: take.spec.recordingId, samples: take.seal(take.written).samples };
      });
      takes.clear();
      return left;
    },
  };
}

class WrittenTake {
  readonly spec: TakeSpec;
  readonly #ring: AudioRing;
  /** Samples at a position. */
  readonly #width: number;
  #files: TakeFiles | undefined;
  #failure: string | undefined;
  /** Index into the ring of its first sample; -1 before it has one. */
  #start = -1;
  #written = 0;
  #told = 0;
  #sealed = false;
  /** In order; what is written already may be among them. */
  readonly #rescued: { readonly at: number; readonly samples: Int16Array }[] = [];

  constructor(spec: TakeSpec, ring: AudioRing, openFiles: typeof openTakeFiles) {
    this.spec = spec;
    this.#ring = ring;
    this.#width = widthOf(ring);
    this.#try(() => {
      this.#files = openFiles(spec, ring);
    });
  }

  /** Samples in the file. */
  get written(): number {
    return this.#written;
  }

  /** Samples that readers may have, as of the last `hasGrown`. */
  get told(): number {
    return this.#told;
  }

  /** Whether readers may have more than they were told of: what is in the file and will not change any more. */
  hasGrown(): boolean {
    const before = this.#told;
    const final = this.#sealed ? this.#written : Math.min(this.#written, this.#mark(SETTLED));
    this.#told = Math.max(before, final);
    return this.#told > before;
  }

  /** Why nothing more is written. */
  get failure(): string | undefined {
    return this.#failure;
  }

  begin(start: number): void {
    this.#start = start;
  }

  rescued(at: number, samples: Int16Array): void {
    if (samples.length > 0 && this.#failure === undefined) this.#rescued.push({ at, samples });
  }

  poll(): void {
    const length = this.#mark(LENGTH);
    const block = this.spec.streamed ? 1 : BLOCK;
    if (length - this.#written >= block || this.#rescued.length > 0) this.#writeUpTo(length);
  }

  writeAll(): void {
    this.#writeUpTo(this.#mark(LENGTH));
  }

  /** Writes the rest of `length` samples and closes. */
  seal(length: number): { readonly samples: number; readonly failure: string | undefined } {
    this.#writeUpTo(length);
    const samples = Math.min(length, this.#written);
    this.#sealed = true;
    this.#advance(samples - this.#written);
    // What the journal would say is known without it: the file is as long as it is.
    try {
      this.#files?.seal(samples);
    } catch {}
    if (this.#failure === undefined && samples < length) this.#failure = 'part of it was not there any more';
    return { samples, failure: this.#failure };
  }

  /** As far as it can be had: a piece that is being rescued comes by message. */
  #writeUpTo(end: number) {
    this.#try(() => {
      while (this.#written < end && (this.#writeRescued(end) || this.#writeFromRing(end)));
    });
  }

  #writeRescued(end: number) {
    const piece = this.#rescued[0];
    if (piece === undefined || piece.at > this.#written) return false;
    const width = this.#width;
    const pieceEnd = piece.at + piece.samples.length / width;
    const to = Math.min(end, pieceEnd);
    if (to > this.#written)
      this.#write(piece.samples.subarray((this.#written - piece.at) * width, (to - piece.at) * width));
    if (this.#written >= pieceEnd) this.#rescued.shift();
    return true;
  }

  #writeFromRing(wanted: number) {
    const end = Math.min(wanted, this.#rescued[0]?.at ?? wanted);
    if (this.#start < 0 || end <= this.#written || !this.#ringIsWhole()) return false;
    const { samples, at, size } = this.#ring;
    const begin = (this.#start + this.#written) % size;
    const count = Math.min(end - this.#written, size - begin);
    const width = this.#width;
    this.#files?.write(samples.subarray(at + begin * width, at + (begin + count) * width), this.#written);
    // It may have been overwritten meanwhile: then the worker has rescued it, and it is written once more.
    if (!this.#ringIsWhole()) return false;
    this.#advance(count);
    return true;
  }

  /** Whether what is to be written next is still in the ring. */
  #ringIsWhole() {
    return this.#mark(SEALED) === 0 && this.#mark(LENGTH) - this.#written <= this.#ring.keep;
  }

  #write(samples: Int16Array) {
    this.#files?.write(samples, this.#written);
    this.#advance(samples.length / this.#width);
  }

  #advance(count: number) {
    this.#written += count;
    Atomics.store(this.#ring.marks, this.#ring.marksAt + WRITTEN, this.#written);
  }

  #mark(which: number) {
    return Atomics.load(this.#ring.marks, this.#ring.marksAt + which);
  }

  #try(action: () => void) {
    if (this.#failure !== undefined) return;
    try {
      action();
    } catch (thrown) {
      this.#failure = reasonOf(thrown);
      this.#rescued.length = 0;
    }
  }
}
