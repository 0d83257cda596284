/** Whether a recording is what a caller said who says the same over and over: without a gap, a jump or a wrong header. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { FORMATS, type RecordingFormat } from '../../src/recording/formats.ts';

const RATE = 8000;
/** Samples that are compared at once: a tenth of a second. */
const WINDOW = 800;
/** How far a window may lie from where the others say. */
const SLACK = 8;
/** So many windows are tried as what says where the recording is. */
const ANCHORS = 3;
/** Of a window, per sample: below `level` there is nothing to compare. */
interface Expectation {
  readonly from: number;
  readonly level: number;
  /** The least correlation of any window with what was said, and of the loudest one. */
  readonly likeness: number;
  readonly loudest: number;
  /** Of a caller who stops in between: so many samples in a row of at most this say that he has. */
  readonly hush: { readonly samples: number; readonly most: number };
}
const EXACT = { from: 0, level: 300, likeness: 0.97, loudest: 0.97, hush: { samples: 16, most: 0 } };
/**
 * Packets that a busy machine brings too late are concealed where they are missing: so much of a recording may be unlike. After a gap everything is
 * elsewhere: no more windows in a row than this, at either end.
 */
const MOST_UNLIKE = { share: 0.3, atAnEnd: 4 };
/** Lossy formats keep what is heard, not the wave, and their coders need a moment to get going. */
const LOSSY = {
  from: 2 * WINDOW,
  level: 1000,
  likeness: 0.4,
  loudest: 0.6,
  hush: { samples: 80, most: 30 },
};
const EXPECTED: Readonly<Record<RecordingFormat, Expectation>> = {
  wav: EXACT,
  flac: EXACT,
  mp3: LOSSY,
  ogg: LOSSY,
};
const FFMPEG = '/usr/bin/ffmpeg';

export interface HeardSpeech {
  readonly durationMs: number;
  /** What is wrong with it; `undefined`: nothing. */
  readonly fault: string | undefined;
  /** Windows that were compared. */
  readonly compared: number;
}

/**
 * @param speech what the caller says over and over, 8 kHz
 * @param hushes whether he says nothing now and then, while it goes on: where he stops or begins in the middle of a window, it is not compared
 */
export function hearSpeech(
  file: Buffer,
  format: RecordingFormat,
  speech: Int16Array,
  hushes = false,
): HeardSpeech {
  const headerFault = format === 'wav' ? wavFault(file) : undefined;
  const samples = format === 'wav' ? narrow(file.subarray(44)) : decode(file);
  if (samples === undefined) return { durationMs: Number.NaN, fault: headerFault, compared: 0 };
  const { fault, compared } = follow(samples, speech, EXPECTED[format], hushes);
  return { durationMs: (samples.length * 1000) / RATE, fault: headerFault ?? fault, compared };
}

/** By what a recording's Content-Type says. */
export function formatOf(contentType: string | null): RecordingFormat {
  for (const [format, facts] of Object.entries(FORMATS))
    if (facts.contentType === contentType) return format as RecordingFormat;
  throw new Error(`${contentType} is no format of ours`);
}

/** RIFF, PCM, 16 kHz, 16 bit, mono, and lengths that are those of the file. */
function wavFault(file: Buffer): string | undefined {
  const fields = [
    file.toString('latin1', 0, 4),
    file.readUInt32LE(4),
    file.toString('latin1', 8, 16),
    file.readUInt16LE(20),
    file.readUInt16LE(22),
    file.readUInt32LE(24),
    file.readUInt16LE(34),
    file.toString('latin1', 36, 40),
    file.readUInt32LE(40),
  ];
  const right = ['RIFF', file.length - 8, 'WAVEfmt ', 1, 1, 16_000, 16, 'data', file.length - 44];
  const isRight = fields.every((field, index) => field === right[index]);
  return isRight ? undefined : `the header of ${file.length} bytes says ${fields.join(' ')}`;
}

/** Every second sample of 16 kHz. */
function narrow(bytes: Buffer): Int16Array {
  return Int16Array.from({ length: bytes.length >> 2 }, (_, at) => bytes.readInt16LE(4 * at));
}

/** `undefined` where there is nothing to decode it with. */
function decode(file: Buffer): Int16Array | undefined {
  if (!existsSync(FFMPEG)) return undefined;
  const asRaw = ['-f', 's16le', '-ac', '1', '-ar', '16000', '-'];
  const raw = execFileSync(FFMPEG, ['-v', 'error', '-i', '-', ...asRaw], { input: file, maxBuffer: 1 << 28 });
  return narrow(raw);
}

/** The loudest window says where in the speech the recording is; every other one must lie where it then must. */
function follow(samples: Int16Array, speech: Int16Array, expected: Expectation, hushes: boolean) {
  const starts: number[] = [];
  for (let at = expected.from; at + WINDOW <= samples.length; at += WINDOW / 2)
    if (level(samples, at) > expected.level && !(hushes && hasHush(samples, at, expected.hush)))
      starts.push(at);
  const loudest = starts.toSorted((a, b) => level(samples, b) - level(samples, a)).slice(0, ANCHORS);
  let fault: string | undefined;
  // A vowel is like itself some periods on, the more so after a lossy coder: one window may be mistaken for another.
  for (const anchor of loudest) {
    const offset = placeOf(samples, anchor, speech) - anchor;
    const likenesses = starts.map((at) => {
      const lag = at + offset;
      return bestLag(samples, at, speech, lag - SLACK, lag + SLACK).likeness;
    });
    const found = faultOf(likenesses, starts, likenesses[starts.indexOf(anchor)]!, samples.length, expected);
    if (found === undefined) return { fault: undefined, compared: starts.length };
    fault ??= found;
  }
  return { fault, compared: starts.length };
}

/** What is wrong with windows that are so much like what was said. */
function faultOf(
  likenesses: readonly number[],
  starts: readonly number[],
  loudest: number,
  length: number,
  expected: Expectation,
): string | undefined {
  if (loudest < expected.loudest) return `not what was said: ${loudest.toFixed(2)}`;
  const faults = likenesses.map((likeness, index) =>
    likeness < expected.likeness
      ? `a gap or a jump at ${starts[index]! / RATE} s of ${length / RATE}: ${likeness.toFixed(2)}`
      : undefined,
  );
  const unlike = faults.filter((one) => one !== undefined);
  const isLike = (one: string | undefined) => one === undefined;
  const atAnEnd = Math.max(faults.findIndex(isLike), faults.length - 1 - faults.findLastIndex(isLike));
  const isConcealed = unlike.length <= MOST_UNLIKE.share * starts.length && atAnEnd <= MOST_UNLIKE.atAnEnd;
  return isConcealed || unlike.length <= 1 ? undefined : unlike.join('; ');
}

/** Where in the speech a window is, anywhere: first by every fourth sample. */
function placeOf(samples: Int16Array, at: number, speech: Int16Array): number {
  const near = bestLag(samples, at, speech, 0, speech.length - 1, 4).lag;
  return bestLag(samples, at, speech, near - SLACK, near + SLACK).lag;
}

function level(samples: Int16Array, at: number): number {
  let sum = 0;
  for (let i = at; i < at + WINDOW; i++) sum += Math.abs(samples[i]!);
  return sum / WINDOW;
}

function hasHush(samples: Int16Array, from: number, { samples: least, most }: Expectation['hush']): boolean {
  let run = 0;
  for (let at = from; at < from + WINDOW && run < least; at++)
    run = Math.abs(samples[at]!) <= most ? run + 1 : 0;
  return run >= least;
}

function bestLag(samples: Int16Array, at: number, speech: Int16Array, from: number, to: number, stride = 1) {
  let best = { lag: 0, likeness: -1 };
  for (let lag = from; lag <= to; lag++) {
    const likeness = correlate(samples, at, speech, lag, stride);
    if (likeness > best.likeness) best = { lag, likeness };
  }
  return best;
}

/** Of the window at `at` with the speech from `lag` on, round and round: −1 … 1. */
function correlate(samples: Int16Array, at: number, speech: Int16Array, lag: number, stride: number): number {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  const { length } = speech;
  let index = ((lag % length) + length) % length;
  for (let i = at; i < at + WINDOW; i += stride) {
    const a = samples[i]!;
    const b = speech[index]!;
    ab += a * b;
    aa += a * a;
    bb += b * b;
    index += stride;
    if (index >= length) index -= length;
  }
  return ab / Math.sqrt(aa * bb || 1);
}
