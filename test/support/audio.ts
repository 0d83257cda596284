import { execFileSync } from 'node:child_process';

/** Any sound file as 16 bit samples at `rate`, by sox: not by the code under test. */
export function readSound(file: string, rate = 8000): Int16Array {
  const raw = execFileSync(
    'sox',
    [file, '-t', 'raw', '-r', String(rate), '-e', 'signed', '-b', '16', '-c', '1', '-'],
    {
      maxBuffer: 1 << 28,
    },
  );
  return new Int16Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + (raw.length & ~1)));
}

/** Where `needle` lies best in `hay`, and how well it fits there: normalised cross-correlation, −1 … 1. */
export function locate(
  needle: Int16Array,
  hay: Int16Array,
): { readonly offset: number; readonly correlation: number } {
  const step = 80;
  const coarseNeedle = envelope(needle, step);
  const coarseHay = envelope(hay, step);
  let coarse = { offset: 0, correlation: -1 };
  for (let lag = -coarseNeedle.length + 50; lag < coarseHay.length - 50; lag++) {
    const correlation = correlate(coarseNeedle, coarseHay, lag, true);
    if (correlation > coarse.correlation) coarse = { offset: lag, correlation };
  }
  let best = { offset: 0, correlation: -1 };
  for (let lag = (coarse.offset - 2) * step; lag <= (coarse.offset + 2) * step; lag++) {
    const correlation = correlate(needle, hay, lag, false);
    if (correlation > best.correlation) best = { offset: lag, correlation };
  }
  return best;
}

/**
 * How well `needle` is heard in `hay` by who stretches and cuts time a little, as jitter buffers do: the correlations of its half seconds, each
 * looked for where it should be; pauses left out.
 */
export function locatePieces(needle: Int16Array, hay: Int16Array, rate: number): readonly number[] {
  const { offset } = locate(needle, hay);
  const [length, slack] = [rate / 2, rate / 4];
  const loud = rms(needle) / 2;
  return Array.from({ length: Math.floor(needle.length / length) }, (_, piece) => piece * length).flatMap(
    (at) => {
      const wanted = needle.subarray(at, at + length);
      const from = Math.max(0, offset + at - slack);
      return rms(wanted) < loud
        ? []
        : locate(wanted, hay.subarray(from, from + length + 2 * slack)).correlation;
    },
  );
}

function envelope(samples: Int16Array, step: number): Float64Array {
  const result = new Float64Array(Math.ceil(samples.length / step));
  for (let i = 0; i < samples.length; i++) result[Math.floor(i / step)]! += Math.abs(samples[i]!);
  return result;
}

/** Correlation of the overlap of `a` with `b` shifted by `lag`; with `centred`, around their means. */
function correlate(a: ArrayLike<number>, b: ArrayLike<number>, lag: number, centred: boolean): number {
  const from = Math.max(0, -lag);
  const to = Math.min(a.length, b.length - lag);
  if (to - from < a.length / 2) return -1;
  let meanA = 0;
  let meanB = 0;
  if (centred) {
    for (let i = from; i < to; i++) {
      meanA += a[i]!;
      meanB += b[i + lag]!;
    }
    meanA /= to - from;
    meanB /= to - from;
  }
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = from; i < to; i++) {
    const x = a[i]! - meanA;
    const y = b[i + lag]! - meanB;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? -1 : ab / Math.sqrt(aa * bb);
}

/** Share of the energy of `samples` that lies at `frequency`, 0 … 1 (Goertzel). */
export function toneShare(samples: Int16Array, frequency: number, rate = 8000): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequency) / rate);
  let s1 = 0;
  let s2 = 0;
  let energy = 0;
  for (const sample of samples) {
    const s0 = sample + coefficient * s1 - s2;
    s2 = s1;
    s1 = s0;
    energy += sample * sample;
  }
  if (energy === 0) return 0;
  return (2 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2)) / (samples.length * energy);
}

/** Root mean square of samples. */
export function rms(samples: Int16Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / Math.max(1, samples.length));
}

/** How long each tone of `chimes` lasts. */
const CHIME_MS = 100;

/** Tones one after the other: a beginning that is known again however time is stretched. */
export function chimes(frequencies: readonly number[], rate: number): Int16Array {
  const each = (CHIME_MS * rate) / 1000;
  return Int16Array.from({ length: frequencies.length * each }, (_, at) => {
    const frequency = frequencies[Math.floor(at / each)] ?? 0;
    return 10_000 * Math.sin((2 * Math.PI * frequency * at) / rate);
  });
}

/** Where each of these tones is first heard after the one before, for 20 ms at least, in ms; `undefined`: it is not. */
export function chimesHeard(
  samples: Int16Array,
  frequencies: readonly number[],
  rate: number,
): readonly (number | undefined)[] {
  const [length, step] = [rate / 50, rate / 200];
  let at = 0;
  return frequencies.map((frequency) => {
    for (let from = at; from + length <= samples.length; from += step) {
      const part = samples.subarray(from, from + length);
      if (rms(part) < 500 || toneShare(part, frequency, rate) < 0.9) continue;
      at = from;
      return Math.round((1000 * from) / rate);
    }
    return undefined;
  });
}
