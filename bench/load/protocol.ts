import type { ChurnCounts } from './churn.ts';

/** What the bench says to its load generator, a process of its own, and what comes back: one reply for each message. */
export type ToGenerator =
  /** Place so many more calls, so many a second, and keep them talking. */
  | { readonly ask: 'call'; readonly calls: number; readonly perSecond: number }
  /** Press the key # on so many of the newest calls, one after the other, so many a second. */
  | { readonly ask: 'press'; readonly calls: number; readonly perSecond: number }
  /** Keep so many calls up that come and go, until `calm`. */
  | { readonly ask: 'churn'; readonly calls: number; readonly seed: number }
  | { readonly ask: 'calm' }
  /** How it went since the last time this was asked. */
  | { readonly ask: 'measure' }
  /** Hang up every call. */
  | { readonly ask: 'hangUp' };

export type FromGenerator =
  | { readonly told: 'ready' }
  /** `up`: calls that are up in all; `failures`: what the first few that failed said, or how they were ended. */
  | { readonly told: 'called'; readonly up: number; readonly failures: readonly string[] }
  | {
      readonly told: 'measured';
      readonly packets: number;
      /** How late packets left, in milliseconds: the 99th percentile. */
      readonly latenessMs: number;
      /** How late one packet left at worst since the start, in milliseconds. */
      readonly worstMs: number;
      /** Between two packets of a prompt: the 99th percentile; `undefined` when nothing came. */
      readonly gapMs: number | undefined;
    }
  /** By the number in the caller's name: when the key's first packet left, in ms since the epoch. */
  | { readonly told: 'pressed'; readonly at: readonly (readonly [caller: number, ms: number])[] }
  | { readonly told: 'churning' }
  | ({ readonly told: 'calmed' } & ChurnCounts)
  | { readonly told: 'hungUp' };
