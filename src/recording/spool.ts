/**
 * The media worker's side of the spool. Audio is not copied on its way: the spool's thread writes it from the ring that the line heard it into. Only what
 * that thread does not get to in time, because a disk is slow, is copied out of the ring and sent to it.
 */
import { TonearmError } from '../errors.ts';
import { SPOOL_RATE, type TakeSpec } from './spool-files.ts';
import type { FromSpool, ToSpool } from './spool-protocol.ts';
import { type AudioRing, LENGTH, MARKS, SEALED, SETTLED, type Take, WRITTEN, widthOf } from './take.ts';

export type { TakeSpec } from './spool-files.ts';

/** How much audio may wait for the disk. */
export const QUEUE_SECONDS = 10;
const QUEUE = QUEUE_SECONDS * SPOOL_RATE;
const TOO_SLOW = `the disk is too slow: ${QUEUE_SECONDS} s of audio were waiting for it`;
/** The ring is given up so much before it is overwritten: two frames. */
const SAFETY = 320;

/** The worker's end of a MessagePort. */
export interface SpoolPort {
  postMessage(message: ToSpool, transfer?: readonly ArrayBuffer[]): void;
}

export interface Spool {
  /** Opens a take of what is in `ring`. `onGrown` hears how many samples are in its file, if the spec asks for that. Whoever opens it seals it. */
  openTake(spec: TakeSpec, ring: AudioRing, onGrown: (samples: number) => void): Take;
  /** Takes a message of the spool's thread. */
  take(message: FromSpool): void;
  /** The spool's thread is gone: every take fails when it is sealed. */
  lost(): void;
}

/** One a worker. */
export function createSpool(port: SpoolPort): Spool {
  const takes = new Map<number, SpooledTake>();
  let numbers = 0;
  let gone = false;
  return {
    openTake(spec, ring, onGrown) {
      const id = ++numbers;
      const take = new SpooledTake(id, spec, ring, onGrown, port, () => takes.delete(id));
      takes.set(id, take);
      port.postMessage({ type: 'open', take: id, spec, ring });
      if (gone) take.lost();
      return take;
    },
    take(message) {
      if (message.type === 'grown') {
        for (let at = 0; at < message.takes.length; at += 2)
          takes.get(message.takes[at]!)?.grown(message.takes[at + 1]!);
      } else if (message.type === 'failed') takes.get(message.take)?.failed();
      else takes.get(message.take)?.sealed(message.samples, message.failure);
    },
    lost() {
      gone = true;
      for (const take of [...takes.values()]) take.lost();
    },
  };
}

class SpooledTake implements Take {
  // What each frame looks at stands first, and is no further away.
  readonly #marks: Int32Array;
  readonly #marksAt: number;
  /** Samples that wait for the spool's thread are sent to it when there are more. */
  readonly #most: number;
  readonly #base: number;
  #begun = false;
  #sealing = false;
  #length = 0;
  #settled = 0;
  /** Samples before this one are in the file, or were sent to be. */
  #safe = 0;
  /** Samples from here on are counted but not kept; -1: there is no such limit. */
  #limit = -1;
  readonly #id: number;
  readonly #recordingId: string;
  readonly #ring: AudioRing;
  readonly #onGrown: (samples: number) => void;
  readonly #port: SpoolPort;
  readonly #onOver: () => void;
  readonly #end = Promise.withResolvers<number>();
  #start = 0;

  constructor(
    id: number,
    spec: TakeSpec,
    ring: AudioRing,
    onGrown: (samples: number) => void,
    port: SpoolPort,
    onOver: () => void,
  ) {
    this.#id = id;
    this.#recordingId = spec.recordingId;
    this.#ring = ring;
    this.#marks = ring.marks;
    this.#marksAt = ring.marksAt;
    this.#most = ring.keep - SAFETY;
    this.#base = ring.base;
    this.#onGrown = onGrown;
    this.#port = port;
    this.#onOver = onOver;
    ring.marks.fill(0, ring.marksAt, ring.marksAt + MARKS);
    // It is the caller's to ask how it ended, or not to.
    this.#end.promise.catch(() => {});
  }

  get length(): number {
    return this.#length;
  }

  get written(): number {
    return Atomics.load(this.#marks, this.#marksAt + WRITTEN);
  }

  get refused(): boolean {
    return this.#limit >= 0;
  }

  append(_samples: Int16Array, from: number, to: number): void {
    if (this.#sealing || from === to) return;
    if (!this.#begun) {
      this.#begun = true;
      this.#start = from - this.#base;
      this.#port.postMessage({ type: 'begin', take: this.#id, start: this.#start });
    }
    this.#length += to - from;
    this.#mark(LENGTH, this.#length);
    if (this.#length - this.#safe > this.#most && !this.refused) this.#rescue();
  }

  settle(upTo = this.#length): void {
    const settled = Math.min(upTo, this.#length);
    if (settled <= this.#settled || this.#sealing) return;
    this.#settled = settled;
    this.#mark(SETTLED, settled);
  }

  cut(length: number): void {
    this.#length = Math.max(this.#settled, Math.min(this.#length, length));
  }

  seal(): Promise<number> {
    if (!this.#sealing) {
      this.#sealing = true;
      this.#mark(SEALED, 1);
      const length = this.refused ? Math.min(this.#length, this.#limit) : this.#length;
      const at = Math.min(length, Math.max(this.#safe, this.written));
      const samples = this.#copy(at, length);
      const failure = length < this.#length ? TOO_SLOW : undefined;
      this.#port.postMessage({ type: 'seal', take: this.#id, length, at, samples, failure }, [
        samples.buffer,
      ]);
    }
    return this.#end.promise;
  }

  grown(samples: number): void {
    this.#onGrown(samples);
  }

  /** Its disk refuses it: nothing more is rescued. */
  failed(): void {
    const kept = Math.max(this.#safe, this.written);
    this.#limit = this.refused ? Math.min(this.#limit, kept) : kept;
  }

  sealed(samples: number, failure: string | undefined): void {
    this.#onOver();
    if (failure === undefined) {
      this.#end.resolve(samples);
      return;
    }
    const kept = `${(samples / SPOOL_RATE).toFixed(1)} s of it are kept`;
    const message = `recording ${this.#recordingId} could not be written to the spool: ${failure}; ${kept}`;
    this.#end.reject(new TonearmError('spoolFailed', message));
  }

  lost(): void {
    this.sealed(this.written, 'the thread that writes it died');
  }

  #mark(which: number, value: number) {
    Atomics.store(this.#marks, this.#marksAt + which, value);
  }

  /** Sends what the spool's thread has not written yet; when too much waits for it already, nothing more is kept. */
  #rescue() {
    const { written } = this;
    this.#safe = Math.max(this.#safe, written);
    if (this.#length - this.#safe <= this.#most) return;
    if (this.#length - written > QUEUE) {
      this.#limit = this.#safe;
      return;
    }
    const at = this.#safe;
    const samples = this.#copy(at, this.#length);
    this.#safe = this.#length;
    this.#port.postMessage({ type: 'rescued', take: this.#id, at, samples }, [samples.buffer]);
  }

  #copy(from: number, to: number): Int16Array<ArrayBuffer> {
    const { samples, at, size } = this.#ring;
    const width = widthOf(this.#ring);
    const copy = new Int16Array((to - from) * width);
    const begin = ((this.#start + from) % size) * width;
    const split = Math.min(copy.length, size * width - begin);
    copy.set(samples.subarray(at + begin, at + begin + split));
    copy.set(samples.subarray(at, at + copy.length - split), split);
    return copy;
  }
}
