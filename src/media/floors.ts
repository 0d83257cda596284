/**
 * What speech stands out over: the floor of the noise in each band, as far as one can hear it. Kept in a line's memory, from index `at` on; nothing
 * is allocated per frame.
 *
 * The floor of a band is the least that its level, smoothed, has been in 1.6 s (minimum statistics, after R. Martin): even who speaks without a
 * pause is silent between two syllables. But nearly silent only; so while the caller speaks the floor rises slowly, unless all that is heard has come
 * so near to the caller's level that it must be noise.
 */
import { BANDS } from './bands.ts';

const SMOOTHING = 0.7;
/** The least of noise is below its mean by about so much. */
const BIAS_DB = 1;
const MINIMA = 4;
const FRAMES_OF_MINIMUM = 20;
/** While the caller speaks: dB a frame. */
const RISES_DB = 0.1;
/** What never falls so far below the caller is no voice. */
const STEADY_DB = 15;
const LOWEST_FLOOR = -80;
/** Of a line of which so few frames were heard one knows no floor; it is taken to be no higher than this. */
const NEW_FRAMES = 25;
const HIGHEST_NEW_FLOOR = -50;

// The floors come first; then of each band the smoothed level, the least of the present stretch and of those before it.
const SMOOTHED = BANDS;
const LEAST = SMOOTHED + BANDS;
const HEARD = LEAST + BANDS * MINIMA;
export const FLOOR_NUMBERS = HEARD + 1;

/** Filled and read at once: one for all. */
const LOWEST = new Float64Array(BANDS);

/** Of a line that has heard nothing yet. */
export function newFloors(n: Float64Array, at: number): void {
  n.fill(HIGHEST_NEW_FLOOR, at, at + SMOOTHED);
  n.fill(Number.POSITIVE_INFINITY, at + LEAST, at + HEARD);
}

/** Takes in the levels of a frame's bands, dBov. `caller`: the level of who speaks in it; −Infinity: nobody does. */
export function followFloors(n: Float64Array, at: number, levels: Float64Array, caller: number): void {
  const heard = n[at + HEARD]!;
  n[at + HEARD] = heard + 1;
  let highest = LOWEST_FLOOR;
  for (let band = 0; band < BANDS; band++) {
    LOWEST[band] = lowest(n, at, band, levels[band]!, heard);
    if (LOWEST[band]! > highest) highest = LOWEST[band]!;
  }
  const held = highest < caller - STEADY_DB;
  for (let band = at; band < at + BANDS; band++) {
    let floor = Math.max(LOWEST_FLOOR, LOWEST[band - at]! + BIAS_DB);
    if (heard < NEW_FRAMES && floor > HIGHEST_NEW_FLOOR) floor = HIGHEST_NEW_FLOOR;
    n[band] = held ? Math.min(floor, n[band]! + RISES_DB) : floor;
  }
}

/** Of all bands together, dBov. */
export function floorOf(n: Float64Array, at: number): number {
  let power = 0;
  for (let band = at; band < at + BANDS; band++) power += 10 ** (n[band]! / 10);
  return 10 * Math.log10(power);
}

/** The least that the band's level has been. */
function lowest(n: Float64Array, at: number, band: number, level: number, heard: number): number {
  const smoothedAt = at + SMOOTHED + band;
  const least = at + LEAST + band * MINIMA;
  const smoothed = heard === 0 ? level : SMOOTHING * n[smoothedAt]! + (1 - SMOOTHING) * level;
  n[smoothedAt] = smoothed;
  if (heard % FRAMES_OF_MINIMUM === 0) {
    n.copyWithin(least + 1, least, least + MINIMA - 1);
    n[least] = smoothed;
  } else if (smoothed < n[least]!) n[least] = smoothed;
  return Math.min(n[least]!, n[least + 1]!, n[least + 2]!, n[least + 3]!);
}
