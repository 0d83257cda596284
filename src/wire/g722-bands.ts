/**
 * The two ADPCM coders of G.722, one a band of 8 kHz (ITU-T G.722 §3.3–§3.6, §4; names in capitals are those of its blocks and tables
 * in §6.2). What is decoded steers the step sizes and the predictor on both sides, so coder and decoder stay alike. Level 0.
 */
import { G722Predictor } from './g722-predictor.ts';

/** ILB: from a step size's logarithm to the step size, 2048 × 2^(i/32). */
const POWERS = Int32Array.from({ length: 32 }, (_, i) => Math.round(2048 * 2 ** (i / 32)));

/** Q6: where one level of the low band ends and the next begins. */
const DECISIONS = Int32Array.of(
  ...[0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650],
  ...[714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919],
);
/** Magnitudes of the low band's 30 levels in six bits, the smallest first. */
const SIX_BIT_LEVELS = [
  ...[136, 432, 728, 1040, 1360, 1688, 2032, 2400, 2776, 3168, 3576, 4008, 4464, 4944, 5456],
  ...[6000, 6576, 7192, 7856, 8576, 9360, 10_232, 11_192, 12_280, 13_512, 14_984, 16_704, 19_008, 21_904],
  24_808,
];
/** The same in four bits, which are what both sides adapt by, so that the two lowest bits may be lost on the way. */
const FOUR_BIT_LEVELS = [0, 1200, 2584, 4240, 6288, 8968, 12_896, 20_456];

/** ILN, ILP: the code for a level 1–30, by sign. */
function codeOf(level: number, negative: boolean): number {
  if (!negative) return 62 - level;
  return level < 3 ? 64 - level : 34 - level;
}

/** WL: what a four-bit level adds to the logarithm of the step size. */
const LOW_STEPS = [-60, -30, 58, 172, 334, 538, 1198, 3042];

/** QM6, QM4, WL by code. Codes that a coder never sends are taken for the smallest level. */
const SIX_BITS = new Int32Array(64).fill(-136);
const FOUR_BITS = new Int32Array(16);
const LOW_STEP = new Int32Array(16).fill(LOW_STEPS[0]!);
for (let level = 1; level <= 30; level++) {
  SIX_BITS[codeOf(level, true)] = -SIX_BIT_LEVELS[level - 1]!;
  SIX_BITS[codeOf(level, false)] = SIX_BIT_LEVELS[level - 1]!;
}
for (let level = 1; level < 8; level++) {
  FOUR_BITS[8 - level] = -FOUR_BIT_LEVELS[level]!;
  FOUR_BITS[15 - level] = FOUR_BIT_LEVELS[level]!;
  LOW_STEP[8 - level] = LOW_STEPS[level]!;
  LOW_STEP[15 - level] = LOW_STEPS[level]!;
}

/** QM2, WH by code: large and small, negative, then positive. */
const TWO_BITS = Int32Array.of(-7408, -1616, 7408, 1616);
const HIGH_STEP = Int32Array.of(798, -214, 798, -214);
/** Where the high band's small level ends. */
const HIGH_DECISION = 564;

/** NBL and NBH stay within these (LOGSCL, LOGSCH). */
const MOST_LOW = 18_432;
const MOST_HIGH = 22_528;

/** 0–4 kHz: six bits a sample. */
export class LowBand {
  readonly #predictor = new G722Predictor();
  /** NBL, DETL: the logarithm of the step size, and the step size. */
  #log = 0;
  #step = 32;

  /** What six bits stand for, 15 bits signed. */
  decode(code: number): number {
    const value = this.#predictor.estimate + ((this.#step * SIX_BITS[code]!) >> 15);
    this.#adapt(code);
    return value > 16_383 ? 16_383 : value < -16_384 ? -16_384 : value;
  }

  /** Six bits for a sample of 15 bits (QUANTL). */
  encode(sample: number): number {
    const error = saturate(sample - this.#predictor.estimate);
    const magnitude = error < 0 ? ~error : error;
    let level = 1;
    for (let above = DECISIONS.length; level < above; ) {
      const middle = (level + above) >> 1;
      if (magnitude < (DECISIONS[middle]! * this.#step) >> 12) above = middle;
      else level = middle + 1;
    }
    const code = codeOf(level, error < 0);
    this.#adapt(code);
    return code;
  }

  reset(): void {
    this.#predictor.reset();
    this.#log = 0;
    this.#step = 32;
  }

  #adapt(code: number): void {
    const four = code >> 2;
    const difference = (this.#step * FOUR_BITS[four]!) >> 15;
    this.#log = within(0, ((this.#log * 127) >> 7) + LOW_STEP[four]!, MOST_LOW);
    this.#step = stepOf(this.#log, 8);
    this.#predictor.adapt(difference);
  }
}

/** 4–8 kHz: two bits a sample. */
export class HighBand {
  readonly #predictor = new G722Predictor();
  /** NBH, DETH. */
  #log = 0;
  #step = 8;

  /** What two bits stand for, 15 bits signed. */
  decode(code: number): number {
    const value = this.#predictor.estimate + this.#adapt(code);
    return value > 16_383 ? 16_383 : value < -16_384 ? -16_384 : value;
  }

  /** Two bits for a sample of 15 bits (QUANTH). */
  encode(sample: number): number {
    const error = saturate(sample - this.#predictor.estimate);
    const magnitude = error < 0 ? ~error : error;
    const small = magnitude < (HIGH_DECISION * this.#step) >> 12;
    const code = (error < 0 ? 0 : 2) + (small ? 1 : 0);
    this.#adapt(code);
    return code;
  }

  reset(): void {
    this.#predictor.reset();
    this.#log = 0;
    this.#step = 8;
  }

  /** Gives the difference that the code stands for. */
  #adapt(code: number): number {
    const difference = (this.#step * TWO_BITS[code]!) >> 15;
    this.#log = within(0, ((this.#log * 127) >> 7) + HIGH_STEP[code]!, MOST_HIGH);
    this.#step = stepOf(this.#log, 10);
    this.#predictor.adapt(difference);
    return difference;
  }
}

/** SCALEL, SCALEH: a step size from its logarithm; `octaves` is what makes the largest logarithm the largest step. */
function stepOf(log: number, octaves: number): number {
  const power = POWERS[(log >> 6) & 31]!;
  const shift = octaves - (log >> 11);
  return (shift < 0 ? power << -shift : power >> shift) << 2;
}

function within(least: number, value: number, most: number): number {
  return value < least ? least : value > most ? most : value;
}

function saturate(value: number): number {
  return within(-32_768, value, 32_767);
}
