/**
 * A take: what is being recorded, on its way to the spool. Lives in a media worker, filled by one operation.
 * spool.ts opens takes; see docs/lifetimes.md for who closes them.
 */
export interface Take {
  /** Samples appended and not cut off again. */
  readonly length: number;
  /** Synchronous, into a preallocated block; never waits for the disk. */
  append(samples: Int16Array, from?: number, to?: number): void;
  /** Everything before `length` (now) is final: it may be written out for readers. Samples after it may still be cut. */
  settle(): void;
  /** Cuts the take back to `length` samples; never below what was settled. */
  cut(length: number): void;
  /**
   * Writes the rest out and closes. Resolves with the samples on disk; throws TonearmError `spoolFailed` when the disk refused
   * some of them (those that were written are kept).
   */
  seal(): Promise<number>;
}
