/** Share of the energy that the tone must account for. */
const SHARE = 0.95;

/**
 * Whether samples are one tone, of whatever frequency. In a sine the neighbours of each sample add up to the sample times 2 cos(ω): that number is
 * fitted by least squares, and what a sine of that frequency leaves of the samples is what tells a tone from a vowel.
 */
export function isTone(samples: Int16Array): boolean {
  let products = 0;
  let energy = 0;
  for (let at = 1; at < samples.length - 1; at++) {
    products += samples[at]! * (samples[at - 1]! + samples[at + 1]!);
    energy += samples[at]! * samples[at]!;
  }
  if (energy === 0) return false;
  const omega = Math.acos(Math.max(-1, Math.min(1, products / energy / 2)));
  let [cosine, sine] = [0, 0];
  for (let at = 1; at < samples.length - 1; at++) {
    cosine += samples[at]! * Math.cos(omega * at);
    sine += samples[at]! * Math.sin(omega * at);
  }
  return (2 * (cosine * cosine + sine * sine)) / (samples.length - 2) > SHARE * energy;
}
