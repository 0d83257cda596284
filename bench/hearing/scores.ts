/** What a detector made of calls of which is known where the caller speaks. */
import type { Call, Stretch } from './calls.ts';
import type { Detector } from './detectors.ts';
import type { Line } from './line.ts';
import { FRAME, RATE } from './sounds.ts';

export interface Score {
  calls: number;
  /** The recording ended before the caller's last word had: cut off. */
  falseEndings: number;
  /** It had not ended a second after it should have. */
  missedEndings: number;
  /** Samples: where it says that speech began, and where it ended the recording, against the truth. */
  readonly onsetErrors: number[];
  readonly endErrors: number[];
  /** Words that follow a second of silence and that it never noticed. */
  missedOnsets: number;
  onsets: number;
  nanoseconds: number;
  frames: number;
}

export function newScore(): Score {
  return {
    calls: 0,
    falseEndings: 0,
    missedEndings: 0,
    onsetErrors: [],
    endErrors: [],
    missedOnsets: 0,
    onsets: 0,
    nanoseconds: 0,
    frames: 0,
  };
}

export function addScore(sum: Score, one: Score): void {
  sum.calls += one.calls;
  sum.falseEndings += one.falseEndings;
  sum.missedEndings += one.missedEndings;
  sum.missedOnsets += one.missedOnsets;
  sum.onsets += one.onsets;
  sum.nanoseconds += one.nanoseconds;
  sum.frames += one.frames;
  sum.onsetErrors.push(...one.onsetErrors);
  sum.endErrors.push(...one.endErrors);
}

/** So much later than it should have ended it has not ended. */
const LATE = RATE;

/** A record with this limit of silence, over one call. */
export function judge(detector: Detector, call: Call, line: Line, maxSilence: number, score: Score): void {
  const frames = line.lost.length;
  const stretches: { onset: number; to: number }[] = [];
  let speaking = false;
  let spoken = false;
  let silence = 0;
  let ended = Number.POSITIVE_INFINITY;
  const began = process.hrtime.bigint();
  for (let frame = 0; frame < frames; frame++) {
    const position = frame * FRAME;
    if (line.lost[frame] === 1) detector.miss(position);
    else detector.hear(line.samples, position, position);
    const { speech } = detector;
    if (speech) {
      if (!speaking) stretches.push({ onset: detector.onset, to: 0 });
      stretches.at(-1)!.to = position + FRAME - detector.tail;
      silence = 0;
      spoken = true;
    } else silence += FRAME;
    speaking = speech;
    if (
      spoken &&
      !speech &&
      !detector.undecided &&
      silence + detector.tail >= maxSilence &&
      ended === Infinity
    )
      ended = position + FRAME;
  }
  score.nanoseconds += Number(process.hrtime.bigint() - began);
  score.frames += frames;
  score.calls++;
  judgeEnding(call.spoken, ended, maxSilence, score);
  judgeOnsets(call.spoken, stretches, score);
}

function judgeEnding(spoken: readonly Stretch[], ended: number, maxSilence: number, score: Score) {
  const lastWord = spoken.at(-1)!.to;
  if (ended < lastWord) score.falseEndings++;
  else if (ended > lastWord + maxSilence + LATE) score.missedEndings++;
  else score.endErrors.push(ended - lastWord - maxSilence);
}

/** Of words that follow a second without any. */
function judgeOnsets(
  spoken: readonly Stretch[],
  heard: readonly { onset: number; to: number }[],
  score: Score,
) {
  for (const [at, { from, to }] of spoken.entries()) {
    if (at > 0 && from - spoken[at - 1]!.to < RATE) continue;
    score.onsets++;
    const found = heard.find((one) => one.to > from && one.onset < to);
    if (found === undefined) score.missedOnsets++;
    else score.onsetErrors.push(found.onset - from);
  }
}

/** Stretches of speech that it finds in noise alone. */
export function falseOnsets(detector: Detector, line: Line): number {
  let count = 0;
  let speaking = false;
  for (let frame = 0; frame < line.lost.length; frame++) {
    detector.hear(line.samples, frame * FRAME, frame * FRAME);
    if (detector.speech && !speaking) count++;
    speaking = detector.speech;
  }
  return count;
}

/** The value below which so much of them lies, in milliseconds. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return (
    ((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN) * 1000) / RATE
  );
}
