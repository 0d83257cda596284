/** Why a recording ended where it did, in numbers. */
import { FRAME_SAMPLES, type Frame, LINE_RATE, type Line } from '../media/line.ts';
import type { EndReport } from './operation.ts';

export interface EndReporter {
  /** Takes each frame of the recording, in order. */
  hear(frame: Readonly<Frame>): void;
  /** What there is to say at the end. */
  close(): EndReport;
}

/** `from`: the position where the recording begins. */
export function openEndReport(line: Line, from: number): EndReporter {
  const before = line.report();
  let speechStart: number | undefined;
  let speechEnd = 0;
  let speaking = false;
  let concealed = 0;
  const ms = (position: number) => Math.max(0, Math.round(((position - from) * 1000) / LINE_RATE));
  return {
    hear(frame) {
      speaking = frame.speech;
      if (speaking) {
        speechStart ??= frame.speechOnset;
        speechEnd = frame.position + FRAME_SAMPLES;
      }
      if (frame.concealed) concealed += FRAME_SAMPLES;
    },
    close() {
      const { noiseFloor, expected, received, late } = line.report();
      // What follows the last word until the end-pointer is sure of it is no speech.
      const lastWord = speaking ? speechEnd : speechEnd - line.speechTail;
      return {
        ...(speechStart !== undefined && { speechStartMs: ms(speechStart), speechEndMs: ms(lastWord) }),
        noiseFloorDbov: Math.round(noiseFloor),
        // Counted anew when the caller's stream is another one than at the beginning.
        packetsExpected: Math.max(0, expected - before.expected),
        packetsReceived: Math.max(0, received - before.received),
        packetsLate: late - before.late,
        concealedMs: Math.round((concealed * 1000) / LINE_RATE),
      };
    },
  };
}
