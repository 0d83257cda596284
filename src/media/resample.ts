/**
 * Any sample rate to the line's 8 kHz, or another: a polyphase windowed-sinc filter.
 *
 * Done once for each prompt, so clarity of sound comes before speed: flat to 85 % of the narrower band (3.4 kHz), more than
 * 60 dB down from its edge (4 kHz) on, so that nothing folds back. Linear phase, with the delay taken out.
 */
import { kaiserWindow } from '../wire/kaiser-window.ts';
import { LINE_RATE } from './line.ts';

/** Mono audio that is read in pieces, so that a long file need not be there twice. */
export interface AudioSource {
  /** Samples a second, a whole number. */
  readonly rate: number;
  /** How many samples there are. */
  readonly frames: number;
  /** Samples [from, to), both within 0 … `frames`, at −1 … 1. */
  read(from: number, to: number): Float32Array;
}

/** Depth of the stop band, in decibels, that the filter is designed for. */
const STOP_BAND_DB = 72;
const KAISER_BETA = 0.1102 * (STOP_BAND_DB - 8.7);
/** The transition band, as a share of the narrower of the two bands. */
const TRANSITION = 0.15;
/**
 * Rows of the filter bank at most. Every rate that is in use needs fewer; for an odd one (44,099 Hz would need 8,000)
 * the nearest row is taken, whose error is more than 75 dB down.
 */
const MAX_PHASES = 1024;
/** Multiplications in one step of `resampleSteps`: a few milliseconds. */
const STEP_WORK = 2_000_000;

/** How many samples at `rate` a source becomes: as long as it was, rounded up to a whole sample. */
export function resampledLength(source: Pick<AudioSource, 'rate' | 'frames'>, rate = LINE_RATE): number {
  return Math.ceil((source.frames * rate) / source.rate);
}

/**
 * Fills `output`, `resampledLength(source)` long, piece by piece. Each step takes some milliseconds of CPU, so a caller
 * on a thread that others need can pause between them.
 */
export function* resampleSteps(
  source: AudioSource,
  output: Int16Array,
  rate = LINE_RATE,
): Generator<void, void> {
  if (source.rate === rate) {
    yield* copySteps(source, output);
    return;
  }
  const filter = designFilter(source.rate, rate);
  const step = Math.max(1, Math.floor(STEP_WORK / filter.taps));
  for (let from = 0; from < output.length; from += step) {
    filterInto(filter, source, output, from, Math.min(output.length, from + step));
    yield;
  }
}

/** `resampleSteps` in one go. */
export function resample(source: AudioSource): Int16Array {
  const output = new Int16Array(resampledLength(source));
  for (const _ of resampleSteps(source, output));
  return output;
}

function* copySteps(source: AudioSource, output: Int16Array): Generator<void, void> {
  for (let from = 0; from < output.length; from += STEP_WORK) {
    const piece = source.read(from, Math.min(output.length, from + STEP_WORK));
    for (let i = 0; i < piece.length; i++) output[from + i] = toInteger(piece[i]!);
    yield;
  }
}

interface Filter {
  /** Input samples from one output sample to the next: `up` / `down` is the ratio of the rates, in lowest terms. */
  readonly up: number;
  readonly down: number;
  readonly phases: number;
  /** Taps of one row, an even number. */
  readonly taps: number;
  /** `phases` + 1 rows: row p is for an output sample that lies p / `phases` of the way from one input sample to the next. */
  readonly bank: Float32Array;
}

function designFilter(rate: number, wanted: number): Filter {
  const divisor = greatestCommonDivisor(wanted, rate);
  const up = wanted / divisor;
  const down = rate / divisor;
  const phases = Math.min(up, MAX_PHASES);
  const band = Math.min(rate, wanted) / rate; // the narrower band, 1 = the input's Nyquist frequency
  const length = (STOP_BAND_DB - 7.95) / (14.36 * (TRANSITION / 2) * band); // Kaiser's estimate, in input samples
  const reach = Math.ceil(length / 2);
  const cutOff = band * (1 - TRANSITION / 2);
  const taps = 2 * reach;
  const bank = new Float32Array((phases + 1) * taps);
  for (let phase = 0; phase <= phases; phase++) {
    const row = bank.subarray(phase * taps, (phase + 1) * taps);
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const distance = phase / phases + reach - 1 - tap;
      row[tap] = sinc(cutOff * distance) * kaiserWindow(distance / reach, KAISER_BETA);
      sum += row[tap]!;
    }
    for (let tap = 0; tap < taps; tap++) row[tap]! /= sum;
  }
  return { up, down, phases, taps, bank };
}

/** Computes output samples [from, to); beyond both ends of the source there is silence. */
function filterInto(
  { up, down, phases, taps, bank }: Filter,
  source: AudioSource,
  output: Int16Array,
  from: number,
  to: number,
): void {
  const reach = taps / 2;
  const first = Math.floor((from * down) / up) - reach + 1;
  const last = Math.floor(((to - 1) * down) / up) + reach;
  const window = new Float32Array(last + 1 - first);
  const readFrom = Math.min(Math.max(0, first), source.frames);
  window.set(source.read(readFrom, Math.max(readFrom, Math.min(source.frames, last + 1))), readFrom - first);
  for (let n = from; n < to; n++) {
    const whole = Math.floor((n * down) / up);
    const part = (n * down - whole * up) / up;
    const row = Math.round(part * phases) * taps;
    const start = whole - reach + 1 - first;
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) sum += bank[row + tap]! * window[start + tap]!;
    output[n] = toInteger(sum);
  }
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** −1 … 1 to 16 bit, saturated. */
function toInteger(value: number): number {
  return Math.max(-32_768, Math.min(32_767, Math.round(value * 32_768)));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
