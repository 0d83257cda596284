/** How well callers are heard: our end-pointer beside Asterisk's way and WebRTC's detector, over real speech in noise, through codec and loss. */
import { CODEC_NAMES } from '../src/media/codecs.ts';
import { loadOpus } from '../src/media/opus-codec.ts';
import { assemble, type Condition, transmit, type Utterance, utteranceOf } from './hearing/calls.ts';
import { DETECTORS, loadDetectors } from './hearing/detectors.ts';
import { type BargeIns, judgeBargeIns } from './hearing/echo.ts';
import { imaginedKeys, missedKeys } from './hearing/keys.ts';
import { addScore, falseOnsets, judge, newScore, type Score } from './hearing/scores.ts';
import { FRAME, missingPackages, NOISES, RATE, readSpeech, seeded, type Voice } from './hearing/sounds.ts';
import { type Groups, percent, printEndings, row, summaries } from './hearing/tables.ts';

const LEVELS = [-20, -30, -40];
const SNRS = [20, 10, 5];
const LOSSES = [0, 0.02, 0.1];
/** Seconds of silence that end a recording, and the longest pause of its callers. */
const LIMITS = [
  { maxSilence: 1, longestPause: 0.8 },
  { maxSilence: 2, longestPause: 1.7 },
];
const NOISE_SECONDS = 60;

/** Prints the tables and one JSON line. `quick`: an eighth of the calls. `voices`: whose speech it is. */
export async function hearing(options: {
  readonly quick?: boolean;
  readonly voices: readonly Voice[];
}): Promise<void> {
  const packages = missingPackages();
  if (packages.length > 0) {
    console.error(`This needs Debian's recordings: apt-get install ${packages.join(' ')}`);
    process.exitCode = 1;
    return;
  }
  await Promise.all([loadDetectors(), loadOpus()]);
  const speech = readSpeech(options.voices, seeded(4));
  const utterances = speech.map(utteranceOf).filter((one) => one !== undefined);
  const groups = await judgeCalls(speech, utterances, options.quick ? 1 : 8);
  printEndings(groups);
  const noise = await judgeNoise(speech);
  printNoise(noise);
  const bargeIn = judgeEcho(utterances, options.quick ? 2 : 16);
  const keys = { ...missedKeys(options.quick ? 200 : 2000, seeded(5)), ...imaginedKeys(speech) };
  console.log(
    `\nKeys in the audio: ${percent(keys.missed / keys.pressed)} of ${keys.pressed} missed; ${(keys.imagined / keys.hours).toFixed(2)} imagined an hour, in ${keys.hours.toFixed(2)} hours of speech.`,
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

/** Clean lines of every kind; and every noise with every ratio through every codec, level and loss by turns. */
function* conditionsOf(): Generator<Condition> {
  for (const level of LEVELS)
    for (const loss of LOSSES)
      for (const codec of CODEC_NAMES) yield { noise: undefined, snr: 99, level, codec, loss };
  let turn = 0;
  for (const snr of SNRS)
    for (const noise of Object.keys(NOISES))
      for (const codec of CODEC_NAMES)
        yield { noise, snr, level: LEVELS[turn % 3]!, codec, loss: LOSSES[Math.floor(turn++ / 3) % 3]! };
}

/** What it is told under, in the order of the tables. */
const placesOf = ({ noise, snr, level, codec, loss }: Condition): (readonly [by: string, name: string])[] => [
  ['', 'all'],
  noise === undefined ? ['clean', `${level} dBov`] : ['in noise', `${snr} dB SNR`],
  ...(noise === undefined ? [] : [['noise', noise] as const]),
  ['codec', codec],
  ['loss', percent(loss)],
];

/** `calls`: of each condition and limit. */
async function judgeCalls(
  speech: readonly Float64Array[],
  utterances: readonly Utterance[],
  calls: number,
): Promise<Groups> {
  const groups = new Map<string, Map<string, Map<string, Score>>>();
  for (const by of ['', 'clean', 'in noise', 'noise', 'codec', 'loss']) groups.set(by, new Map());
  const scoresOf = (by: string, name: string) => {
    const named = groups.get(by)!;
    const scores = named.get(name) ?? new Map(Object.keys(DETECTORS).map((one) => [one, newScore()]));
    named.set(name, scores);
    return scores;
  };
  for (const { maxSilence, longestPause } of LIMITS) {
    let next = 0;
    const pools = new Map(
      LEVELS.map((level) => [level, assemble(utterances, level, longestPause, seeded(level))]),
    );
    for (const [index, condition] of [...conditionsOf()].entries()) {
      const pool = pools.get(condition.level)!;
      for (let number = 0; number < calls; number++) {
        const call = pool[next++ % pool.length]!;
        const line = await transmit(call, condition, seeded(1000 * index + number + 1), speech);
        for (const [name, open] of Object.entries(DETECTORS)) {
          const judged = newScore();
          judge(open(), call, line, maxSilence * RATE, judged);
          for (const place of placesOf(condition)) addScore(scoresOf(...place).get(name)!, judged);
        }
      }
    }
  }
  return groups;
}

/** False onsets a minute in noise alone, at the level that it has 10 dB below speech of −30 dBov. */
async function judgeNoise(speech: readonly Float64Array[]): Promise<Record<string, Record<string, number>>> {
  const samples = new Float64Array(NOISE_SECONDS * RATE - ((NOISE_SECONDS * RATE) % FRAME));
  const judged: Record<string, Record<string, number>> = {};
  for (const noise of Object.keys(NOISES)) {
    const condition: Condition = { noise, level: -30, snr: 10, codec: 'PCMU', loss: 0 };
    const line = await transmit({ samples, spoken: [] }, condition, seeded(77), speech);
    const counts = Object.entries(DETECTORS).map(([name, open]) => [name, falseOnsets(open(), line)]);
    judged[noise] = Object.fromEntries(counts);
  }
  return judged;
}

/** Prints what comes of prompts that the phone returns, with and without knowledge of the echo. */
function judgeEcho(utterances: readonly Utterance[], times: number): Record<'without' | 'with', BargeIns[]> {
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
      const told = callers.map(
        ({ missed, of, ms }) => `${percent(missed / of)} / ${Number.isNaN(ms) ? '–' : ms}`,
      );
      row([echo < -90 ? 'none' : `${echo} dB`, name, percent(falsely / prompts), ...told]);
    }
  return judged;
}

function printNoise(noise: Record<string, Record<string, number>>): void {
  console.log('\nSpeech found in a minute of noise alone, 10 dB below speech of −30 dBov.\n');
  row(['', ...Object.keys(DETECTORS)]);
  for (const [name, counts] of Object.entries(noise)) row([name, ...Object.values(counts).map(String)]);
}
