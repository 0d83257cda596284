/**
 * Which endings leave a take (CONTRACT §3.1, column "recording"). A hang-up leaves what there is: whether that is a voicemail depends on who
 * hung up, which the call knows.
 */
import { LINE_RATE } from '../media/line.ts';
import type { OperationEnd, TakeSummary } from './operation.ts';
import type { Ended } from './stage.ts';

/** Whether what was captured is to be kept. */
export function leavesTake({ by }: Ended, { samples }: Pick<TakeSummary, 'samples'>): boolean {
  switch (by) {
    case 'stopTone':
      // The caller's own doing: an empty take is what was said.
      return true;
    case 'initialSilence':
      return false;
    default:
      return samples > 0;
  }
}

/** The end with its take, if it leaves one. */
export function withTake(end: Ended, take: Omit<TakeSummary, 'rate'> | undefined): OperationEnd {
  return take !== undefined && leavesTake(end, take) ? { ...end, take: { ...take, rate: LINE_RATE } } : end;
}
