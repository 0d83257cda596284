/** How well callers are heard: our end-pointer beside Asterisk's way and WebRTC's detector, over real speech in noise, through codec and loss. */
import { assemble, type Condition, transmit, utteranceOf } from './hearing/calls.ts';
import { DETECTORS, loadDetectors } from './hearing/detectors.ts';
import { type BargeIns, judgeBargeIns } from './hearing/echo.ts';
import { imaginedKeys, missedKeys } from './hearing/keys.ts';
import { falseOnsets, judge, newScore, percentile, type Score } from './hearing/scores.ts';
import { FRAME, missingPackages, NOISES, RATE, readSpeech, seeded } from './hearing/sounds.ts';

const LEVELS = [-20, -30, -40];
const SNRS = [20, 10, 5];
const LOSSES = [0, 0.02, 0.1];
const CODECS = ['PCMU', 'PCMA'] as const;
/** Seconds of silence that end a recording, and the longest pause of its callers. */
const LIMITS = [
  { maxSilence: 1, longestPause: 0.8 },
  { maxSilence: 2, longestPause: 1.7 },
];
const NOISE_SECONDS = 60;

/** A line of the table: conditions that are told together. */
interface Group {
  readonly name: string;
  readonly scores: Map<string, Score>;
}

/** Prints the tables and one JSON line. `quick`: an eighth of the calls. */
export async function hearing(options: { readonly quick?: boolean }): Promise<void> {
  const packages = missingPackages();
  if (packages.length > 0) {
    console.error(`This needs Debian's recordings: apt-get install ${packages.join(' ')}`);
    process.exitCode = 1;
    return;
  }
  await loadDetectors();
  const random = seeded(4);
  const speech = readSpeech(random);
  const conditions = [...conditionsOf()];
  const groups = judgeCalls(speech, conditions, options.quick ? 1 : 8);
  printEndings(groups);
  const noise = judgeNoise(speech);
  printNoise(noise);
  const bargeIn = judgeEcho(speech, options.quick ? 2 : 16);
  const keys = { ...missedKeys(options.quick ? 200 : 2000, seeded(5)), ...imaginedKeys(speech) };
  console.log(
    `\nKeys in the audio: ${keys.missed} of ${keys.pressed} missed; ${keys.imagined} imagined in ${keys.hours.toFixed(2)} hours of speech.`,
  );
  console.log(
    JSON.stringify({
      bench: 'hearing',
      node: process.version,
      groups: summaries(groups),
      noise,
      bargeIn,
      keys,
    }),
  );
}

/** One after the other: every noise with every ratio, and level, codec and loss by turns. */
function* conditionsOf(): Generator<Condition & { readonly name: string }> {
  let turn = 0;
  const others = () => ({
    level: LEVELS[turn % 3]!,
    codec: CODECS[turn % 2]!,
    loss: LOSSES[Math.floor(turn++ / 3) % 3]!,
  });
  for (const level of LEVELS)
    for (const loss of LOSSES)
      for (const codec of CODECS)
        yield { name: `clean ${level} dBov`, noise: undefined, snr: 99, level, codec, loss };
  for (const snr of SNRS)
    for (const noise of Object.keys(NOISES))
      for (let again = 0; again < 3; again++) yield { name: `${snr} dB SNR`, noise, snr, ...others() };
}

/** `calls`: of each condition and limit. */
function judgeCalls(
  speech: readonly Float64Array[],
  conditions: readonly (Condition & { readonly name: string })[],
  calls: number,
): Group[] {
  const utterances = speech.map(utteranceOf).filter((one) => one !== undefined);
  const groups = new Map<string, Group>();
  const groupOf = (name: string) => {
    const scores = new Map(Object.keys(DETECTORS).map((detector) => [detector, newScore()]));
    const group = groups.get(name) ?? { name, scores };
    groups.set(name, group);
    return group;
  };
  for (const { maxSilence, longestPause } of LIMITS) {
    let next = 0;
    const pools = new Map(
      LEVELS.map((level) => [level, assemble(utterances, level, longestPause, seeded(level))]),
    );
    for (const [index, condition] of conditions.entries()) {
      const pool = pools.get(condition.level)!;
      for (let number = 0; number < calls; number++) {
        const call = pool[next++ % pool.length]!;
        const line = transmit(call, condition, seeded(1000 * index + number + 1), speech);
        const names = [condition.name, ...(condition.noise ? [`  ${condition.noise}`] : []), 'all'];
        for (const [name, open] of Object.entries(DETECTORS)) {
          const detector = open();
          const judged = newScore();
          judge(detector, call, line, maxSilence * RATE, judged);
          for (const group of names) add(groupOf(group).scores.get(name)!, judged);
        }
      }
    }
  }
  return [...groups.values()];
}

function add(sum: Score, one: Score): void {
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

/** False onsets a minute in noise alone, at the level that it has 10 dB below speech of −30 dBov. */
function judgeNoise(speech: readonly Float64Array[]): Record<string, Record<string, number>> {
  const samples = new Float64Array(NOISE_SECONDS * RATE - ((NOISE_SECONDS * RATE) % FRAME));
  return Object.fromEntries(
    Object.keys(NOISES).map((noise) => {
      const condition: Condition = { noise, level: -30, snr: 10, codec: 'PCMU', loss: 0 };
      const line = transmit({ samples, spoken: [] }, condition, seeded(77), speech);
      const counts = Object.entries(DETECTORS).map(([name, open]) => [name, falseOnsets(open(), line)]);
      return [noise, Object.fromEntries(counts)];
    }),
  );
}

/** Prints what comes of prompts that the phone returns, with and without knowledge of the echo. */
function judgeEcho(speech: readonly Float64Array[], times: number): Record<'without' | 'with', BargeIns[]> {
  const utterances = speech.map(utteranceOf).filter((one) => one !== undefined);
  const judged = {
    without: judgeBargeIns(utterances, times, seeded(9), false),
    with: judgeBargeIns(utterances, times, seeded(9), true),
  };
  console.log(
    '\nPrompts of 10 s at −22 dBov that the phone returns: broken into by themselves; and callers unnoticed / noticed after ms (median).\n',
  );
  const first = judged.with[0]!.callers.map(({ level }) => `${level} dBov`);
  row(['echo', 'known of it', 'by itself', ...first]);
  for (const [at, known] of judged.with.entries())
    for (const [name, { echo, falsely, prompts, callers }] of [
      ['no', judged.without[at]!],
      ['yes', known],
    ] as const) {
      const told = callers.map(({ missed, of, ms }) => `${percent(missed / of)} / ${ms}`);
      row([echo < -90 ? 'none' : `${echo} dB`, name, percent(falsely / prompts), ...told]);
    }
  return judged;
}

const summaryOf = (score: Score) => ({
  calls: score.calls,
  falseEndings: score.falseEndings / score.calls,
  missedEndings: score.missedEndings / score.calls,
  missedOnsets: score.missedOnsets / Math.max(1, score.onsets),
  onsetMs: [percentile(score.onsetErrors, 0.5), percentile(score.onsetErrors, 0.95)],
  endMs: [percentile(score.endErrors, 0.5), percentile(score.endErrors, 0.95)],
  microsecondsPerFrame: score.nanoseconds / score.frames / 1000,
});

function summaries(groups: readonly Group[]) {
  return groups.map(({ name, scores }) => ({
    name: name.trim(),
    ...Object.fromEntries([...scores].map(([detector, score]) => [detector, summaryOf(score)])),
  }));
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function printEndings(groups: readonly Group[]): void {
  console.log(
    'Recordings that end after 1 s or 2 s of silence. Onset and end: median / 95th percentile of the error.\n',
  );
  row(['', 'detector', 'calls', 'cut off', 'not ended', 'unheard', 'onset ms', 'end ms', 'µs/frame']);
  for (const { name, scores } of groups) {
    for (const [at, [detector, score]] of [...scores].entries()) {
      const { calls, falseEndings, missedEndings, missedOnsets, onsetMs, endMs, microsecondsPerFrame } =
        summaryOf(score);
      const pair = (values: readonly number[]) => values.map((value) => value.toFixed(0)).join(' / ');
      row([
        at === 0 ? name : '',
        detector,
        String(calls),
        percent(falseEndings),
        percent(missedEndings),
        percent(missedOnsets),
        pair(onsetMs),
        pair(endMs),
        microsecondsPerFrame.toFixed(2),
      ]);
    }
  }
}

function printNoise(noise: Record<string, Record<string, number>>): void {
  console.log('\nSpeech found in a minute of noise alone, 10 dB below speech of −30 dBov.\n');
  row(['', ...Object.keys(DETECTORS)]);
  for (const [name, counts] of Object.entries(noise)) row([name, ...Object.values(counts).map(String)]);
}

function row(cells: readonly string[]): void {
  console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(16) : cell.padStart(12))).join(''));
}
