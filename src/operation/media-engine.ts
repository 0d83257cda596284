/**
 * The media workers as the main thread sees them. pool.ts implements it over worker threads, worker.ts is
 * the thread's side. Commands cross by MessagePort, a few an operation.
 */
import type { Key } from '../media/line.ts';
import type { SecureLoss } from '../media/secure-transport.ts';
import type { AudioParameters } from '../media/session-description.ts';
import type { Fingerprint } from '../wire/sdp.ts';
import type { OperationEnd, OperationProgress, OperationSpec, PromptDelivery } from './operation.ts';

export interface MediaEngine {
  /**
   * Opens a line: binds an RTP/RTCP port pair in the least loaded worker. `secure`: for ICE and DTLS-SRTP.
   * Throws TonearmError `noPorts` when the range is full, `engineClosed` when closing, `workerFailed` when no worker is alive.
   */
  openLine(options: { readonly callId: string; readonly secure?: boolean }): Promise<MediaLine>;
  /** What all lines have heard since the start, those that are closed too. What a worker that died had not told yet is left out. */
  packets(): Promise<PacketCounts>;
  /** Closes every line and stops the workers. */
  close(): Promise<void>;
}

/** Of callers, by the numbers of their packets. */
export interface PacketCounts {
  readonly expected: number;
  /** Duplicates included. */
  readonly received: number;
}

/** How a line was lost: by the browser at its other end, or with the worker that carried it; what ran on it ends with `error` before that. */
export type LineLoss = SecureLoss | { readonly by: 'worker'; readonly message: string };

export interface MediaLine {
  /** The even port for RTP; RTCP is the next one. */
  readonly port: number;
  /** Of the certificate that it shows; `undefined`: it is not for DTLS. */
  readonly fingerprint?: Fingerprint | undefined;
  /** Aborts, with a LineLoss for its reason, when there is, or will be, no media. The line is still to be closed. */
  readonly lost: AbortSignal;
  /** Sets, or at a re-INVITE changes, what offer/answer settled. */
  connect(parameters: AudioParameters): void;
  /** While muted, the caller hears silence in the place of what plays. */
  mute(muted: boolean): void;
  /** The caller pressed a key now, as its signalling says: one like those that are heard, and told once if it is heard as well. */
  takeKey(key: Key, durationMs: number): void;
  /** Tells of each key that the caller presses from now on, whatever operations make of it. Once a line. */
  watchKeys(onKey: (key: Key) => void): void;
  /**
   * Queues an operation behind those that were queued before. `prompts[i]` is delivered when it settles: nothing waits for it
   * but the operation itself, in its turn.
   */
  run(
    spec: OperationSpec,
    prompts: readonly Promise<PromptDelivery>[],
    onProgress: (progress: OperationProgress) => void,
  ): OperationRun;
  /**
   * Ends what runs and what waits (`hangUp`), flushes their takes, closes the sockets. Resolves when all is done.
   * Idempotent.
   */
  close(): Promise<void>;
}

export interface OperationRun {
  /** Never rejects. */
  readonly ended: Promise<OperationEnd>;
  /** Ends it with `cancelled`, running or waiting. Does nothing once it has ended. */
  cancel(): void;
}
