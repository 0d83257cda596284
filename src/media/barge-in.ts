/**
 * When a caller breaks into what is played to them. Pure.
 */
import { type BargeIn, FRAME_SAMPLES, type Frame, type PlayEnd } from './line.ts';

/** Speech that was going on when playing began breaks in if it goes on for this long: 500 ms. A "hello?" that trails off does not. */
const CARRIED_ON_FRAMES = 25;

/** Tells, frame by frame as they are made, whether this one breaks in. */
export type BargeInWatch = (frame: Omit<Frame, 'samples' | 'at'>) => PlayEnd | undefined;

/**
 * `speaking`: whether the caller speaks as playing begins. `keysUntil`: where the last key ended; speech that went on over it is told from there on: what was
 * said before, and the key, were of what came before.
 */
export function watchForBargeIn(bargeIn: BargeIn, speaking: boolean, keysUntil: () => number): BargeInWatch {
  let carriedOn = speaking;
  let frames = 0;
  return (frame) => {
    if (bargeIn.keys && frame.tone !== undefined) {
      const after = frame.position + FRAME_SAMPLES;
      return { by: 'key', key: frame.tone, onset: frame.toneOnset, after };
    }
    if (!frame.speech) carriedOn = false;
    else if (bargeIn.speech && (!carriedOn || ++frames >= CARRIED_ON_FRAMES)) {
      return { by: 'speech', onset: Math.max(frame.speechOnset, keysUntil()) };
    }
    return undefined;
  };
}
