/** Callers who break into a prompt, or do not, while their phone returns it. */
import { Echo } from '../../src/media/echo.ts';
import { Played } from '../../src/media/played.ts';
import { SpeechDetector } from '../../src/media/speech.ts';
import { decodeG711, encodeG711 } from '../../src/wire/g711.ts';
import type { Utterance } from './calls.ts';
import { FRAME, RATE, type Random } from './sounds.ts';

const PROMPT_LEVEL = -22;
const ECHOES = [-10, -20, -30, -99];
const DELAYS_MS = [30, 170, 450];
const CALLERS = [-20, -30, -40];
/** Of the prompt; a caller who breaks in does so somewhere in between. */
const SECONDS = 10;
const BREAK_FROM = 0.5;
const BREAK_TO = 7;

export interface BargeIns {
  /** dB, relative to the prompt; -99 is none at all. */
  readonly echo: number;
  /** How many that nobody spoke over were broken into, of how many. */
  readonly falsely: number;
  readonly prompts: number;
  /** By level of the caller in dBov: how many were not noticed of how many, and after how long the others were (median, ms). */
  readonly callers: readonly {
    readonly level: number;
    readonly missed: number;
    readonly of: number;
    readonly ms: number;
  }[];
}

/** `times`: prompts of each kind. `aware` false: as if there were no knowledge of the echo. */
export function judgeBargeIns(
  utterances: readonly Utterance[],
  times: number,
  random: Random,
  aware: boolean,
): BargeIns[] {
  const some = () => utterances[Math.floor(random() * utterances.length)]!;
  return ECHOES.map((echo) => {
    let falsely = 0;
    let prompts = 0;
    const callers = CALLERS.map((level) => ({ level, missed: 0, times: [] as number[] }));
    for (let time = 0; time < times; time++) {
      for (const delay of DELAYS_MS) {
        const prompt = promptOf(some);
        prompts++;
        if (brokenAt(prompt, returned(prompt, echo, delay, random), aware) !== undefined) falsely++;
        for (const caller of callers) {
          const heard = returned(prompt, echo, delay, random);
          const begin = Math.floor((BREAK_FROM + random() * (BREAK_TO - BREAK_FROM)) * RATE);
          mix(heard, some(), caller.level, begin);
          const at = brokenAt(prompt, heard, aware);
          // What broke in before they spoke was the echo: counted above.
          if (at === undefined || at > begin + 1.5 * RATE) caller.missed++;
          else if (at >= begin) caller.times.push(((at - begin) * 1000) / RATE);
        }
      }
    }
    const told = callers.map(({ level, missed, times: taken }) => {
      const sorted = taken.sort((a, b) => a - b);
      return { level, missed, of: prompts, ms: Math.round(sorted[sorted.length >> 1] ?? Number.NaN) };
    });
    return { echo, falsely, prompts, callers: told };
  });
}

function promptOf(some: () => Utterance): Int16Array {
  const samples = new Float64Array(SECONDS * RATE);
  for (let at = 0; at < samples.length; ) {
    const said = some();
    mix(samples, said, PROMPT_LEVEL, at);
    at += said.samples.length + 0.15 * RATE;
  }
  return Int16Array.from(samples, clipped);
}

const clipped = (sample: number) => Math.max(-32768, Math.min(32767, Math.round(sample)));

function mix(into: Float64Array, { samples, level: own }: Utterance, level: number, at: number) {
  const gain = 10 ** ((level - own) / 20);
  for (let i = 0; i < samples.length && Math.floor(at) + i < into.length; i++)
    into[Math.floor(at) + i]! += gain * samples[i]!;
}

/** What a phone in a quiet room sends while the prompt plays: direct and by way of a wall. */
function returned(prompt: Int16Array, echo: number, delayMs: number, random: Random): Float64Array {
  const heard = Float64Array.from(prompt, () => 8 * (random() - 0.5));
  const gain = 10 ** (echo / 20);
  const delay = Math.floor((delayMs * RATE) / 1000 + random() * FRAME);
  for (let at = delay; at < heard.length; at++) {
    heard[at]! += gain * prompt[at - delay]!;
    if (at >= delay + 240) heard[at]! += 0.3 * gain * prompt[at - delay - 240]!;
  }
  return heard;
}

/** Position of the frame at which speech is told. */
function brokenAt(prompt: Int16Array, heard: Float64Array, aware: boolean): number | undefined {
  const samples = Int16Array.from(heard, clipped);
  const bytes = new Uint8Array(samples.length);
  encodeG711('PCMU', samples, 0, samples.length, bytes, 0);
  decodeG711('PCMU', bytes, 0, bytes.length, samples, 0);
  const detector = new SpeechDetector();
  const played = new Played();
  const echo = aware ? new Echo(played) : undefined;
  // The call has been quiet before.
  const quiet = new Int16Array(FRAME).fill(0);
  for (let frame = 0; frame < 50; frame++) detector.hear(quiet, 0, frame * FRAME, echo);
  const start = 50 * FRAME;
  played.begin({ narrow: prompt, wide: undefined }, start);
  for (let at = 0; at + FRAME <= samples.length; at += FRAME) {
    detector.hear(samples, at, start + at, echo);
    if (detector.speech) return at;
  }
  return undefined;
}
