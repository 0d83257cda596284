/**
 * When a caller breaks into what is played to them. Pure.
 */
import { type BargeIn, FRAME_SAMPLES, type Frame, type PlayEnd } from './line.ts';

/** Speech that was going on when playing began breaks in if it goes on for this long: 500 ms. A "hello?" that trails off does not. */
const CARRIED_ON_FRAMES = 25;

/** Tells, frame by frame as they are made, whether this one breaks in. */
export type BargeInWatch = (frame: Omit<Frame, 'samples' | 'at'>) => PlayEnd | undefined;

/** `speaking`: whether the caller speaks as playing begins. */
export function watchForBargeIn(bargeIn: BargeIn, speaking: boolean): BargeInWatch {
  let carriedOn = speaking;
  let frames = 0;
  let began: number | undefined;
  return (frame) => {
    began ??= frame.position;
    if (bargeIn.keys && frame.tone !== undefined) {
      const after = frame.position + FRAME_SAMPLES;
      return { by: 'key', key: frame.tone, onset: frame.toneOnset, after };
    }
    if (!frame.speech) carriedOn = false;
    else if (bargeIn.speech && (!carriedOn || ++frames >= CARRIED_ON_FRAMES)) {
      // What was said before is of what came before: it may have a key in it that ended that.
      const onset = carriedOn ? Math.max(began, frame.speechOnset) : frame.speechOnset;
      return { by: 'speech', onset };
    }
    return undefined;
  };
}
