/** Runs a target over inputs made from a seed, until time or cases are used up or an input shows a defect. */
import { reasonOf } from '../../src/errors.ts';
import { seeded, seedOfCase } from './random.ts';
import type { Target } from './target.ts';

export interface FuzzLimits {
  readonly seed: number;
  /** Both hold; default: no limit. */
  readonly seconds?: number;
  readonly cases?: number;
  /** So many whatever the time: the first may take long to set up. Default 0. */
  readonly atLeast?: number;
  /** The number of the first case; default 0. */
  readonly from?: number;
}

export interface Finding {
  readonly target: string;
  readonly seed: number;
  /** The number of its case: the seed and it make the input again. */
  readonly number: number;
  readonly input: Buffer;
  /** The shortest found that shows the same. */
  readonly shrunk: Buffer;
  readonly error: Error;
}

export interface FuzzResult {
  readonly target: string;
  readonly cases: number;
  readonly slowestMs: number;
  readonly finding: Finding | undefined;
}

const PATIENCE_MS = 50;
/** Garbage is collected at any time: an input is slow when it is so each time. */
const TRIES = 3;
const SHRINK_MS = 5000;

/** Stops at the first finding. The target is closed by the caller. */
export async function fuzz(target: Target, limits: FuzzLimits): Promise<FuzzResult> {
  const { seed, from = 0, atLeast = 0 } = limits;
  const { seconds = Number.POSITIVE_INFINITY, cases = Number.POSITIVE_INFINITY } = limits;
  const until = performance.now() + seconds * 1000;
  let slowestMs = 0;
  let number = from;
  const isEnough = () => number >= from + atLeast && performance.now() >= until;
  for (; number < from + cases && !isEnough(); number++) {
    const input = target.make(seeded(seedOfCase(seed, target.name, number)));
    const began = performance.now();
    const error = await defectOf(target, input);
    slowestMs = Math.max(slowestMs, performance.now() - began);
    if (error === undefined) continue;
    const finding = {
      target: target.name,
      seed,
      number,
      input,
      error,
      shrunk: await shrink(target, input, error),
    };
    return { target: target.name, cases: number + 1 - from, slowestMs, finding };
  }
  return { target: target.name, cases: number - from, slowestMs, finding: undefined };
}

/** What the input shows; `undefined`: nothing. */
export async function defectOf(target: Target, input: Buffer): Promise<Error | undefined> {
  const patienceMs = target.patienceMs ?? PATIENCE_MS;
  let fastest = Number.POSITIVE_INFINITY;
  try {
    for (let tried = 0; tried < TRIES && fastest > patienceMs; tried++) {
      const began = process.threadCpuUsage();
      await target.check(input);
      const { user, system } = process.threadCpuUsage(began);
      fastest = Math.min(fastest, (user + system) / 1000);
    }
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(reasonOf(thrown));
  }
  return fastest > patienceMs ? new Error(`slow: ${fastest.toFixed(0)} ms of this thread’s time`) : undefined;
}

/** Leaves out pieces, large ones first, as long as what is left shows an error of the same kind. */
async function shrink(target: Target, input: Buffer, error: Error): Promise<Buffer> {
  const until = performance.now() + SHRINK_MS;
  const kind = (one: Error | undefined) => one && `${one.name} ${one.message.slice(0, 12)}`;
  let best = input;
  for (let size = Math.ceil(input.length / 2); size >= 1 && performance.now() < until; size >>= 1) {
    for (let at = 0; at < best.length && performance.now() < until; ) {
      const less = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (kind(await defectOf(target, less)) === kind(error)) best = less;
      else at += size;
    }
  }
  return best;
}

/** As it can be put in a test: text with escapes, or hexadecimal when it is none. */
export function shown(input: Buffer): string {
  const text = input.toString('latin1');
  return /[^\t\r\n -~]/.test(text) ? `hex ${input.toString('hex')}` : JSON.stringify(text);
}
