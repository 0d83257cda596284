/**
 * A take: what is being recorded, on its way to the spool. Lives in a media worker, filled by one operation. Lengths count 8,000 a second, whatever
 * the rate of what is kept.
 * spool.ts opens takes; see docs/lifetimes.md for who closes them.
 */
export interface Take {
  /** Samples appended and not cut off again. */
  readonly length: number;
  /** Of these: on disk. */
  readonly written: number;
  /** The disk takes no more of it: what follows is counted and not kept, and `seal` will throw. */
  readonly refused: boolean;
  /** Goes on with `samples[from…to)`, which lie where the ring is that the take was opened with, right after what was appended before. Never waits for the disk. */
  append(samples: Int16Array, from: number, to: number): void;
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

/** Where a line's samples lie while they are new: a ring that its worker writes and the spool's thread reads. On shared memory. */
export interface AudioRing {
  /** The ring's samples are those from index `at` on: for each of `size` positions, 8,000 of which are a second, `rate / 8000 × channels`. */
  readonly samples: Int16Array;
  readonly at: number;
  readonly size: number;
  readonly rate: 8000 | 16_000;
  /** Interleaved. */
  readonly channels: 1 | 2;
  /** Index of the first position in the samples that `append` is given: `at`, when these are the ring's own. */
  readonly base: number;
  /** So many of the newest positions are safe from being overwritten. */
  readonly keep: number;
  /** MARKS numbers from index `marksAt` on, all 0 as a take is opened. */
  readonly marks: Int32Array;
  readonly marksAt: number;
}

/** What a take's audio is. */
export type TakeShape = Pick<AudioRing, 'rate' | 'channels'>;

/** Samples of the ring, and of the file, at each position. */
export const widthOf = ({ rate, channels }: TakeShape): number => (rate / 8000) * channels;

/** How a take stands. Each mark is written by one side only, all but WRITTEN by the worker. */
export const MARKS = 4;
/** Samples appended. */
export const LENGTH = 0;
/** Of these: final. */
export const SETTLED = 1;
/** Of these: in the file. Written by the spool's thread. */
export const WRITTEN = 2;
/** 1: the ring is no longer the take's. */
export const SEALED = 3;
