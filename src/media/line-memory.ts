/**
 * Where a line keeps what it looks at with each packet: its numbers side by side, and its ring of samples.
 *
 * A thousand lines are more memory than a processor's caches hold, and a number in a field of an object is a box of its own somewhere else. Each
 * packet found some ninety places out of the cache; side by side in one array the same numbers are eight.
 */

/** Numbers of one line: 704 bytes. */
const NUMBERS = 88;
/** Lines that share one array. */
const LINES_OF_CHUNK = 64;

/** A ring's length in frames: a second and more of look-back, and the room for what comes early. */
export const RING_FRAMES = 82;
export const RING_SAMPLES = RING_FRAMES * 160;
/** What is noted of each frame, besides its samples: see history.ts. */
export const NOTES = 4;

/**
 * What is soon looked at, and lies in no cache. The processor waits for each place that it finds nowhere, but for many at once no longer than for one:
 * so those that a packet needs are read ahead for some packets together, first what each of their lines refers to, then what that refers to.
 */
export interface Prefetched {
  /** Reads something of everything that is `depth` references away; gives any of it, lest the reading be optimized away. */
  prefetch(depth: number): number;
}

/** Of a processor's caches: one number read ahead brings the others beside it. */
export const CACHE_LINE_BYTES = 64;

/** Depths, from 0 on, at which there is anything. */
export const DEPTHS = 6;

/** Numbers that tell the spool's thread how a take stands: see recording/take.ts. */
export const MARKS = 4;

interface Chunk {
  readonly numbers: Float64Array;
  readonly samples: Int16Array;
  readonly notes: Int32Array;
  readonly marks: Int32Array;
}

/** One line's memory: empty when it is claimed. The line that claimed it frees it. */
export class LineMemory {
  /** Shared with other lines. */
  readonly numbers: Float64Array;
  /** Shared with other lines; this one's are the RING_SAMPLES from `ringAt` on. */
  readonly samples: Int16Array;
  readonly ringAt: number;
  readonly notes: Int32Array;
  readonly notesAt: number;
  /** Shared with other lines and the spool's thread, as the samples are. */
  readonly marks: Int32Array;
  readonly marksAt: number;
  readonly #at: number;
  readonly #free: LineMemory[] | undefined;
  #taken = 0;

  /** Place `index` of a chunk, that goes back to those that are `free`; without one, a memory of its own. */
  constructor(chunk: Chunk = newChunk(1), index = 0, free?: LineMemory[]) {
    this.numbers = chunk.numbers;
    this.samples = chunk.samples;
    this.notes = chunk.notes;
    this.#at = index * NUMBERS;
    this.ringAt = index * RING_SAMPLES;
    this.notesAt = index * RING_FRAMES * NOTES;
    this.marks = chunk.marks;
    this.marksAt = index * MARKS;
    this.#free = free;
  }

  /** Index into `numbers` of so many zeros, for whoever asks. */
  take(count: number): number {
    const at = this.#at + this.#taken;
    this.#taken += count;
    if (this.#taken > NUMBERS) throw new RangeError(`a line has ${NUMBERS} numbers: raise NUMBERS`);
    return at;
  }

  prefetch(): number {
    let sum = this.marks[this.marksAt]!;
    const step = CACHE_LINE_BYTES / Float64Array.BYTES_PER_ELEMENT;
    for (let at = this.#at; at < this.#at + NUMBERS; at += step) sum += this.numbers[at]!;
    return sum;
  }

  /** Nothing of the line touches it from now on: the next one begins with nothing of it. */
  free(): void {
    this.numbers.fill(0, this.#at, this.#at + NUMBERS);
    this.samples.fill(0, this.ringAt, this.ringAt + RING_SAMPLES);
    this.#taken = 0;
    this.#free?.push(this);
  }
}

/** A line's ring, for whoever reads along: see recording/take.ts, which says what each means. */
export interface AudioRing {
  readonly samples: Int16Array;
  readonly at: number;
  readonly size: number;
  readonly rate: 8000 | 16_000;
  readonly channels: 1 | 2;
  readonly base: number;
  /** Of the newest samples so many are not overwritten. */
  readonly keep: number;
  readonly marks: Int32Array;
  readonly marksAt: number;
}

export interface LineMemories {
  claim(): LineMemory;
}

/** A worker's. */
export function createLineMemories(): LineMemories {
  const free: LineMemory[] = [];
  const grow = () => {
    const chunk = newChunk(LINES_OF_CHUNK);
    for (let index = LINES_OF_CHUNK - 1; index >= 0; index--) free.push(new LineMemory(chunk, index, free));
  };
  return {
    claim() {
      if (free.length === 0) grow();
      return free.pop()!;
    },
  };
}

function newChunk(lines: number): Chunk {
  return {
    numbers: new Float64Array(lines * NUMBERS),
    samples: new Int16Array(new SharedArrayBuffer(lines * RING_SAMPLES * 2)),
    notes: new Int32Array(lines * RING_FRAMES * NOTES),
    marks: new Int32Array(new SharedArrayBuffer(lines * MARKS * 4)),
  };
}
