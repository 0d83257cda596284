/** What is heard in the bench: real speech out of Debian packages, and noise made here. All of it the same in each run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resample } from '../../src/media/resample.ts';
import { parseWav } from '../../src/wire/wav.ts';

export const RATE = 8000;
export const FRAME = 160;

/** Whose speech: prompts of three languages by women who speak for a living, and men and women who read, in rooms. */
export const VOICES = ['en', 'fr', 'es', 'readers'] as const;
export type Voice = (typeof VOICES)[number];

/** Debian's packages, and where their recordings lie. */
const RECORDINGS: Readonly<Record<Voice | 'music', readonly [name: string, path: string]>> = {
  en: ['asterisk-core-sounds-en-wav', '/usr/share/asterisk/sounds/en_US_f_Allison'],
  fr: ['asterisk-core-sounds-fr-wav', '/usr/share/asterisk/sounds/fr_CA_f_June'],
  es: ['asterisk-core-sounds-es-wav', '/usr/share/asterisk/sounds/es_MX_f_Allison'],
  readers: ['pocketsphinx-testdata', '/usr/share/pocketsphinx/test/data'],
  music: ['asterisk-moh-opsound-wav', '/usr/share/asterisk/moh/macroform-cold_day.wav'],
};
/** Recordings without a header, as pocketsphinx's are, have so many samples a second. */
const RAW_RATE = 16_000;

/** Packages that are to be installed first. */
export function missingPackages(): string[] {
  return Object.values(RECORDINGS)
    .filter(([, path]) => !existsSync(path))
    .map(([name]) => name);
}

/** Numbers from 0 to 1, the same for the same seed. */
export type Random = () => number;

export function seeded(seed: number): Random {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Every recording of these voices at 8 kHz, in a random order. */
export function readSpeech(voices: readonly Voice[], random: Random): Float64Array[] {
  const files = voices
    .flatMap((voice) => {
      const [, path] = RECORDINGS[voice];
      return (
        readdirSync(path, { recursive: true })
          .map((name) => join(path, String(name)))
          // Silence and tones are no speech.
          .filter((name) => /\.(wav|raw)$/.test(name) && !/silence|beep|tone|ascending|descending/.test(name))
      );
    })
    .sort();
  return shuffled(files, random).map(readSound);
}

function readSound(path: string): Float64Array {
  const bytes = readFileSync(path);
  if (path.endsWith('.raw')) return at8kHz(bytes, RAW_RATE);
  const parsed = parseWav(bytes);
  if (!parsed.ok || parsed.audio.encoding !== 'pcm16' || parsed.audio.channels !== 1)
    throw new Error(`${path} is no WAV file of one channel in 16 bit PCM`);
  return at8kHz(parsed.audio.data, parsed.audio.rate);
}

function at8kHz(bytes: Uint8Array, rate: number): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames = bytes.byteLength >> 1;
  const sample = (at: number) => view.getInt16(at * 2, true);
  if (rate === RATE) return Float64Array.from({ length: frames }, (_, at) => sample(at));
  const read = (from: number, to: number) =>
    Float32Array.from({ length: to - from }, (_, at) => sample(from + at) / 32768);
  return Float64Array.from(resample({ rate, frames, read }));
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}

/** dBov: 0 is a full-scale square wave. */
export function levelOf(samples: ArrayLike<number>, from = 0, to = samples.length): number {
  let power = 0;
  for (let at = from; at < to; at++) power += samples[at]! * samples[at]!;
  return 10 * Math.log10(power / Math.max(1, to - from) / 32768 ** 2 + 1e-12);
}

const white = (length: number, random: Random) =>
  Float64Array.from({ length }, () => random() + random() + random() + random() - 2);

function filtered(samples: Float64Array, keep: number): Float64Array {
  let state = 0;
  return samples.map((sample) => (state = keep * state + (1 - keep) * sample));
}

/** By name; each as long as asked. Levels are settled when it is mixed. */
export const NOISES: Readonly<
  Record<string, (length: number, random: Random, speech: readonly Float64Array[]) => Float64Array>
> = {
  hiss: (length, random) => white(length, random),
  hum: (length, random) => {
    const phases = Array.from({ length: 8 }, () => random() * 6.28);
    return white(length, random).map(
      (hiss, at) =>
        0.02 * hiss +
        phases.reduce(
          (sum, phase, n) => sum + Math.sin((2 * Math.PI * 50 * (n + 1) * at) / RATE + phase) / (n + 1),
          0,
        ),
    );
  },
  car: (length, random) => {
    const low = filtered(filtered(white(length, random), 0.96), 0.9);
    const tyres = filtered(white(length, random), 0.6);
    return low.map(
      (sample, at) => sample + 0.03 * tyres[at]! + 0.004 * Math.sin((2 * Math.PI * 87 * at) / RATE),
    );
  },
  street: (length, random) => {
    const base = filtered(white(length, random), 0.8);
    const passing = filtered(white(length, random), 0.5);
    const period = (5 + 3 * random()) * RATE;
    return base.map(
      (sample, at) => sample + passing[at]! * 1.5 * Math.max(0, Math.sin((2 * Math.PI * at) / period)) ** 6,
    );
  },
  office: (length, random, speech) => {
    const babble = new Float64Array(length);
    for (let voice = 0; voice < 6; voice++) {
      for (let at = Math.floor(-random() * 8 * RATE); at < length; ) {
        const said = speech[Math.floor(random() * speech.length)]!;
        const gain = 1000 / (1 + Math.abs(said.reduce((sum, sample) => Math.max(sum, Math.abs(sample)), 0)));
        for (let i = Math.max(0, -at); i < said.length && at + i < length; i++)
          babble[at + i]! += gain * said[i]!;
        at += said.length;
      }
    }
    const hiss = white(length, random);
    return babble.map((sample, at) => sample + 20 * hiss[at]!);
  },
  clicks: (length, random) => {
    const noise = white(length, random).map((sample) => 0.05 * sample);
    for (let at = 0; at < length; at += Math.floor((0.2 + random() * 1.3) * RATE)) {
      const long = Math.floor((0.002 + random() * 0.02) * RATE);
      for (let i = 0; i < long && at + i < length; i++)
        noise[at + i] = 8 * (random() - 0.5) * Math.exp((-4 * i) / long);
    }
    return noise;
  },
  comfort: (length, random) => {
    // What a phone makes itself while the other is silent: level and colour change each 100–500 ms.
    const noise = new Float64Array(length);
    for (let at = 0; at < length; ) {
      const until = Math.min(length, at + Math.floor((0.1 + 0.4 * random()) * RATE));
      const keep = 0.2 + 0.6 * random();
      const gain = (0.8 + 0.4 * random()) / (1 - keep) ** 0.5;
      for (let state = 0; at < until; at++)
        noise[at] = gain * (state = keep * state + (1 - keep) * (random() - 0.5));
    }
    return noise;
  },
  music: (length) => {
    const song = readSound(RECORDINGS.music[1]);
    return Float64Array.from({ length }, (_, at) => song[(at + 20 * RATE) % song.length]!);
  },
};
