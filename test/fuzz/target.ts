import type { Random } from './random.ts';

/** One thing that takes bytes from strangers. */
export interface Target {
  readonly name: string;
  /** What is fuzzed, and what must hold. */
  readonly about: string;
  /** An input of up to some 70 kB. */
  make(random: Random): Buffer;
  /** Rejects, or throws, when the input shows a defect. What it does not wait for must not throw. */
  check(input: Buffer): void | Promise<void>;
  /** What one input may take of the thread's time, in ms; default 50. */
  readonly patienceMs?: number;
  /** When all inputs have gone by; throws when they left something behind. */
  close?(): Promise<void>;
}
