/** What an operation's end report says of the line. Pure. */
import { LINE_RATE, type LineReport } from '../media/line.ts';
import type { EndReport } from './operation.ts';

/** What came of the line's packets between two reports of it. */
export function reportSince(before: LineReport, now: LineReport): EndReport {
  return {
    noiseFloorDbov: Math.round(now.noiseFloor),
    packetsExpected: now.expected - before.expected,
    packetsReceived: now.received - before.received,
    packetsLate: now.late - before.late,
    concealedMs: millisecondsOf(now.concealed - before.concealed),
  };
}

/** `samples`: of the line. */
export function millisecondsOf(samples: number): number {
  return Math.round((samples * 1000) / LINE_RATE);
}
