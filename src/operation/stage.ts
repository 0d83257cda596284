/** What an operation has to work with while it runs, and how it is stopped from outside. */
import { reasonOf } from '../errors.ts';
import { LINE_RATE, type Line } from '../media/line.ts';
import type { OperationEnd, OperationProgress, PromptDelivery } from './operation.ts';

export type Tell = (progress: OperationProgress) => void;

export interface Stage {
  readonly line: Line;
  /** By index of PromptSpec.audio. */
  readonly prompts: readonly Promise<PromptDelivery>[];
  /** 8 kHz. */
  readonly beep: Int16Array;
  /** Must not throw. */
  readonly tell: Tell;
}

/** An ending as the operation itself knows it; the queue adds the take. */
export type Ended = Omit<OperationEnd, 'take'>;

/** Why an operation was stopped from outside: the `reason` of its one AbortSignal. */
export type StopReason =
  | 'cancelled'
  | 'hangUp'
  /** The worker goes away under a call that goes on: the engine was closed, or the worker failed. */
  | 'workerClosing';

/** How an operation ends that was stopped by `signal`. A line that ended by itself has hung up. */
export function stoppedBy(signal: AbortSignal): Ended {
  const reason: unknown = signal.reason;
  if (reason === 'cancelled') return { by: 'cancelled' };
  if (reason === 'workerClosing') return { by: 'error', message: 'the media worker was stopped' };
  return { by: 'hangUp' };
}

/** The end of an operation in which something was thrown. */
export function failed(thrown: unknown): Ended {
  return { by: 'error', message: reasonOf(thrown) };
}

export function samplesOf(ms: number): number {
  return Math.round((ms * LINE_RATE) / 1000);
}
