/** What is heard in the bench: real speech out of Debian packages, noise made here, and what a line does to both. All of it the same in each run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseWav } from '../../src/wire/wav.ts';

export const RATE = 8000;
export const FRAME = 160;

const SOUNDS = '/usr/share/asterisk/sounds';
/** Debian's speech, 8 kHz: the package, its folder. */
const VOICES = [
  ['asterisk-core-sounds-en-wav', 'en_US_f_Allison'],
  ['asterisk-core-sounds-fr-wav', 'fr_CA_f_June'],
  ['asterisk-core-sounds-es-wav', 'es_MX_f_Allison'],
] as const;
const MUSIC = '/usr/share/asterisk/moh/macroform-cold_day.wav';
const MUSIC_PACKAGE = 'asterisk-moh-opsound-wav';

/** Packages that are to be installed first. */
export function missingPackages(): string[] {
  const voices: string[] = VOICES.filter(([, folder]) => !existsSync(join(SOUNDS, folder))).map(
    ([name]) => name,
  );
  return existsSync(MUSIC) ? voices : [...voices, MUSIC_PACKAGE];
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

/** Every recording of speech, in a random order; those of one word are joined by nobody. */
export function readSpeech(random: Random): Float64Array[] {
  const files = VOICES.flatMap(([, folder]) => {
    const path = join(SOUNDS, folder);
    return (
      readdirSync(path, { recursive: true })
        .map((name) => join(path, String(name)))
        // Silence and tones are no speech.
        .filter((name) => name.endsWith('.wav') && !/silence|beep|tone|ascending|descending/.test(name))
    );
  }).sort();
  return shuffled(files, random).map(readWav);
}

function readWav(path: string): Float64Array {
  const parsed = parseWav(readFileSync(path));
  if (
    !parsed.ok ||
    parsed.audio.encoding !== 'pcm16' ||
    parsed.audio.rate !== RATE ||
    parsed.audio.channels !== 1
  )
    throw new Error(`${path} is no PCM WAV file of 8 kHz`);
  const { data } = parsed.audio;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Float64Array.from({ length: data.byteLength >> 1 }, (_, at) => view.getInt16(at * 2, true));
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
    const song = readWav(MUSIC);
    return Float64Array.from({ length }, (_, at) => song[(at + 20 * RATE) % song.length]!);
  },
};
