/**
 * How often a property is tried. `npm test` tries a fixed choice of cases; TONEARM_RACES, a number, tries so many of each that differ with every
 * run, and TONEARM_RACES_SEED repeats those of a run that failed, whose seed it told.
 */
import type { Parameters } from 'fast-check';

const { TONEARM_RACES: wanted, TONEARM_RACES_SEED: seed } = process.env;

/** Of fast-check, with `usual` cases in `npm test`. */
export function runs<T>(usual: number): Parameters<T> {
  return {
    numRuns: wanted === undefined ? usual : Number(wanted),
    ...(seed !== undefined ? { seed: Number(seed) } : wanted === undefined && { seed: 1 }),
  };
}
