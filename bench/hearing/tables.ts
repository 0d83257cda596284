/** The tables of the bench, and the same figures for machines. */
import { percentile, type Score } from './scores.ts';

/** By detector. */
export type Scores = ReadonlyMap<string, Score>;

/** Conditions that are told together, by what they are told of and by name. */
export type Groups = ReadonlyMap<string, ReadonlyMap<string, Scores>>;

const summaryOf = (score: Score) => ({
  calls: score.calls,
  falseEndings: score.falseEndings / score.calls,
  missedEndings: score.missedEndings / score.calls,
  missedOnsets: score.missedOnsets / Math.max(1, score.onsets),
  onsetMs: [percentile(score.onsetErrors, 0.5), percentile(score.onsetErrors, 0.95)],
  endMs: [percentile(score.endErrors, 0.5), percentile(score.endErrors, 0.95)],
  microsecondsPerFrame: score.nanoseconds / score.frames / 1000,
});

/** What the table says, and all of it. */
export function summaries(groups: Groups) {
  return [...groups].flatMap(([by, named]) =>
    [...named].map(([name, scores]) => ({
      by,
      name,
      ...Object.fromEntries([...scores].map(([detector, score]) => [detector, summaryOf(score)])),
    })),
  );
}

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export function printEndings(groups: Groups): void {
  console.log(
    'Recordings that end after 1 s or 2 s of silence. Onset and end: median / 95th percentile of the error.',
  );
  for (const [by, named] of groups) {
    console.log();
    row([by, 'detector', 'calls', 'cut off', 'not ended', 'unheard', 'onset ms', 'end ms', 'µs/frame']);
    for (const [name, scores] of named)
      for (const [at, [detector, score]] of [...scores].entries())
        row([at === 0 ? name : '', detector, ...cellsOf(score)]);
  }
}

function cellsOf(score: Score): string[] {
  const { calls, falseEndings, missedEndings, missedOnsets, onsetMs, endMs, microsecondsPerFrame } =
    summaryOf(score);
  const pair = (values: readonly number[]) =>
    values.map((value) => (Number.isNaN(value) ? '–' : value.toFixed(0))).join(' / ');
  return [
    String(calls),
    percent(falseEndings),
    percent(missedEndings),
    percent(missedOnsets),
    pair(onsetMs),
    pair(endMs),
    microsecondsPerFrame.toFixed(2),
  ];
}

/** The first cell is the widest. */
export function row(cells: readonly string[]): void {
  console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(16) : cell.padStart(14))).join(''));
}
