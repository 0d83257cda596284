/**
 * What crosses between a media worker and the spool's thread: a few messages a take. How far a take has come crosses by the marks in its
 * ring. The worker numbers its takes; messages arrive in the order they were sent.
 */
import type { MessagePort } from 'node:worker_threads';
import type { TakeSpec } from './spool-files.ts';
import type { AudioRing } from './take.ts';

export type ToSpool =
  | { readonly type: 'open'; readonly take: number; readonly spec: TakeSpec; readonly ring: AudioRing }
  /** Its first sample: an index into the ring. */
  | { readonly type: 'begin'; readonly take: number; readonly start: number }
  /** A piece of the take, from sample `at` on, that may be overwritten in the ring before it is written. */
  | { readonly type: 'rescued'; readonly take: number; readonly at: number; readonly samples: Int16Array }
  /** So long is the take; what of it was neither written nor rescued is in the message. `failure`: why not all of it was kept. */
  | {
      readonly type: 'seal';
      readonly take: number;
      readonly length: number;
      readonly at: number;
      readonly samples: Int16Array;
      readonly failure: string | undefined;
    };

export type FromSpool =
  /** By turns: a take that is to be told of, and how many samples of it are in its file. */
  | { readonly type: 'grown'; readonly takes: readonly number[] }
  /** The take is closed: so many samples are in its file; `failure`: why not all of them. */
  | {
      readonly type: 'sealed';
      readonly take: number;
      readonly samples: number;
      readonly failure: string | undefined;
    }
  /** Nothing more of this take is kept. */
  | { readonly type: 'failed'; readonly take: number };

/** What the main thread says to the spool's thread. */
export type ToSpoolThread =
  /** The worker has the port's other end. */
  | { readonly type: 'worker'; readonly worker: number; readonly port: MessagePort }
  /** The worker's thread has ended. */
  | { readonly type: 'gone'; readonly worker: number };

export type FromSpoolThread =
  | { readonly type: 'ready' }
  /** A worker is gone, and the takes that it left open are sealed. */
  | { readonly type: 'abandoned'; readonly worker: number; readonly takes: readonly AbandonedTake[] }
  | { readonly type: 'log'; readonly fields: object; readonly message: string };

export interface AbandonedTake {
  readonly recordingId: string;
  /** In its file. */
  readonly samples: number;
}
