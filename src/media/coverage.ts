/**
 * Which samples of a timeline have arrived: a short sorted list of stretches, kept in fixed arrays so that a packet costs no memory.
 */
import { LineMemory } from './line-memory.ts';

/** More stretches than any packet time, loss and reordering leave open at once; a sender of crumbs loses the rest. */
const MOST_STRETCHES = 32;

const NONE = new Float64Array(0);
// Its numbers in the line's memory. `count`: stretches in the arrays, all before the last.
const COUNT = 0;
const LAST_START = 1;
const LAST_END = 2;
const NUMBERS = 3;

/** The last stretch is kept by itself: while nothing is missing it is the only one, and costs no look into the arrays. */
export class Coverage {
  // Made when something is missing for the first time.
  #starts = NONE;
  #ends = NONE;
  readonly #n: Float64Array;
  readonly #at: number;

  constructor(memory = new LineMemory()) {
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
  }

  prefetch(): number {
    return this.#at;
  }

  /** End of the last stretch that arrived, 0 when nothing did. */
  get furthest(): number {
    return this.lastEnd;
  }

  /** Adds `[start, end)`, joined with what it touches. `false` when it was refused: too many stretches. */
  add(start: number, end: number): boolean {
    const isFirst = this.count === 0 && this.lastStart === this.lastEnd;
    if (start !== this.lastEnd && !isFirst) return this.#addAnywhere(start, end);
    if (isFirst) this.lastStart = start;
    this.lastEnd = end;
    return true;
  }

  /** End of what has arrived without a hole from `position` on: `position` itself when it is in a hole. */
  reach(position: number): number {
    if (position >= this.lastStart) return Math.max(position, this.lastEnd);
    for (let index = 0; index < this.count && this.#starts[index]! <= position; index++) {
      if (position < this.#ends[index]!) return this.#ends[index]!;
    }
    return position;
  }

  /** Start of the first stretch after `position`, `Infinity` when there is none. */
  next(position: number): number {
    if (position >= this.lastStart) return Infinity;
    for (let index = 0; index < this.count; index++)
      if (this.#starts[index]! > position) return this.#starts[index]!;
    return this.lastStart;
  }

  /** Forgets stretches that end at or before `position`, but for the last of all. */
  forget(position: number): void {
    if (this.count === 0) return;
    let gone = 0;
    while (gone < this.count && this.#ends[gone]! <= position) gone++;
    this.#starts.copyWithin(0, gone, this.count);
    this.#ends.copyWithin(0, gone, this.count);
    this.count -= gone;
  }

  #replace(index: number, removed: number, start: number, end: number) {
    this.#starts.copyWithin(index + 1, index + removed, this.count);
    this.#ends.copyWithin(index + 1, index + removed, this.count);
    this.#starts[index] = start;
    this.#ends[index] = end;
    this.count += 1 - removed;
  }

  #takeLast() {
    this.count--;
    this.lastStart = this.#starts[this.count]!;
    this.lastEnd = this.#ends[this.count]!;
  }

  #addAnywhere(start: number, end: number) {
    if (this.#starts === NONE) {
      this.#starts = new Float64Array(MOST_STRETCHES);
      this.#ends = new Float64Array(MOST_STRETCHES);
    }
    if (this.count === MOST_STRETCHES) return false;
    // The last stretch joins the others, and the last of all is taken out again.
    if (this.lastEnd > this.lastStart) this.#replace(this.count, 0, this.lastStart, this.lastEnd);
    let first = 0;
    while (first < this.count && this.#ends[first]! < start) first++;
    let after = first;
    while (after < this.count && this.#starts[after]! <= end) after++;
    const room = after > first || this.count < MOST_STRETCHES;
    if (after > first)
      this.#replace(
        first,
        after - first,
        Math.min(start, this.#starts[first]!),
        Math.max(end, this.#ends[after - 1]!),
      );
    else if (room) this.#replace(first, 0, start, end);
    this.#takeLast();
    return room;
  }

  private get count(): number {
    return this.#n[this.#at + COUNT]!;
  }
  private set count(value: number) {
    this.#n[this.#at + COUNT] = value;
  }
  private get lastStart(): number {
    return this.#n[this.#at + LAST_START]!;
  }
  private set lastStart(value: number) {
    this.#n[this.#at + LAST_START] = value;
  }
  private get lastEnd(): number {
    return this.#n[this.#at + LAST_END]!;
  }
  private set lastEnd(value: number) {
    this.#n[this.#at + LAST_END] = value;
  }
}
