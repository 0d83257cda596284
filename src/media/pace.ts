import type { LineMemory } from './line-memory.ts';

/** Ten times as many as come of who sends every 20 ms, and five times those of every 10 ms. */
const PER_MS = 0.5;
/** What a stall of some seconds held back may come at once. */
const AT_ONCE = 500;

// Its numbers in the line's memory: what came and is not made up for by time yet, and when the last one came.
const OWED = 0;
const LAST = 1;
const NUMBERS = 2;

/** How many packets of one caller are listened to: each may cost ten times what it takes to see that it is a stranger's. */
export class Pace {
  readonly #n: Float64Array;
  readonly #at: number;

  constructor(memory: LineMemory) {
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
  }

  prefetch(): number {
    return this.#at;
  }

  /** Whether one more is, at `now`. */
  allows(now: number): boolean {
    const n = this.#n;
    const at = this.#at;
    const owed = Math.max(0, n[at + OWED]! - (now - n[at + LAST]!) * PER_MS);
    n[at + LAST] = now;
    const allowed = owed < AT_ONCE;
    n[at + OWED] = allowed ? owed + 1 : owed;
    return allowed;
  }
}
