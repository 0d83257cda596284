import { LINE_RATE } from './line.ts';

/** Of the beep: in the middle of the telephone band, and what callers know from other voicemail. */
export const BEEP_HZ = 1000;
/** 15 frames of 20 ms. */
const DURATION_MS = 300;
/** Rise and fall, so that it does not click. */
const RAMP_MS = 10;
/** Peak of a −10 dBm0 sine: G.711 µ-law's full scale, 32,636 in 16 bit, is +3.17 dBm0 (ITU-T G.711 §2). */
const PEAK = 32_636 * 10 ** ((-10 - 3.17) / 20);

/** The beep before a recording, 8 kHz: 1,000 Hz for 300 ms at −10 dBm0, with 10 ms ramps. */
export function beep(): Int16Array {
  const samples = new Int16Array((DURATION_MS * LINE_RATE) / 1000);
  const ramp = (RAMP_MS * LINE_RATE) / 1000;
  for (let i = 0; i < samples.length; i++) {
    const fromEdge = Math.min(i, samples.length - 1 - i, ramp);
    const envelope = 0.5 - 0.5 * Math.cos((Math.PI * fromEdge) / ramp);
    samples[i] = Math.round(PEAK * envelope * Math.sin((2 * Math.PI * BEEP_HZ * i) / LINE_RATE));
  }
  return samples;
}
