/**
 * A take: what is being recorded, on its way to the spool. Lives in a media worker, filled by one operation.
 * spool.ts opens takes; see docs/lifetimes.md for who closes them.
 */
export interface Take {
  /** Samples appended and not cut off again. */
  readonly length: number;
  /** Synchronous, into a preallocated block; never waits for the disk. */
  append(samples: Int16Array, from?: number, to?: number): void;
  /** The first `upTo` samples (default: all that there are) are final: they may be written out for readers. What follows may still be cut. */
  settle(upTo?: number): void;
  /** Cuts the take back to `length` samples; never below what was settled. */
  cut(length: number): void;
  /**
   * Writes the rest out and closes. Resolves with the samples on disk; throws TonearmError `spoolFailed` when the disk refused
   * some of them (those that were written are kept).
   */
  seal(): Promise<number>;
}
