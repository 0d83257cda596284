/** Calls of which is known where the caller speaks: real speech, taken apart at its pauses and put together again with pauses of known length. */
import type { Codec } from '../../src/media/codecs.ts';
import { carry, type Line } from './line.ts';
import { FRAME, levelOf, NOISES, RATE, type Random } from './sounds.ts';

/** Samples, the second exclusive. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

export interface Utterance {
  readonly samples: Float64Array;
  /** Where it is spoken, as the clean recording shows. */
  readonly spoken: readonly Stretch[];
  /** Level while it is spoken, dBov (as ITU-T P.56 means it: without the pauses). */
  readonly level: number;
}

/** Speech is what lies within so much of the level of the loud frames … */
const WITHIN_DB = 30;
/** … and pauses shorter than this, which are closures within words, belong to it. */
const JOINED = 0.2 * RATE;

/** One utterance of each recording: from its first word to its last. `undefined` where there is too little. */
export function utteranceOf(samples: Float64Array): Utterance | undefined {
  const frames = Math.floor(samples.length / FRAME);
  const levels = Array.from({ length: frames }, (_, frame) =>
    levelOf(samples, frame * FRAME, (frame + 1) * FRAME),
  );
  const loudest = [...levels].sort((a, b) => b - a)[Math.floor(frames * 0.05)] ?? -127;
  const spoken: { from: number; to: number }[] = [];
  for (const [frame, level] of levels.entries()) {
    if (level < loudest - WITHIN_DB || level < -60) continue;
    const from = frame * FRAME;
    const last = spoken.at(-1);
    if (last !== undefined && from - last.to < JOINED) last.to = from + FRAME;
    else spoken.push({ from, to: from + FRAME });
  }
  const [first, last] = [spoken[0], spoken.at(-1)];
  if (first === undefined || last === undefined || last.to - first.from < 0.4 * RATE) return undefined;
  const begin = first.from;
  const own = samples.slice(begin, last.to);
  const stretches = spoken.map(({ from, to }) => ({ from: from - begin, to: to - begin }));
  const parts = stretches.flatMap(({ from, to }) => [...own.subarray(from, to)]);
  return { samples: own, spoken: stretches, level: levelOf(parts) };
}

/** A call before anything is done to it. */
export interface Call {
  readonly samples: Float64Array;
  readonly spoken: readonly Stretch[];
}

/** Calls of about a minute; no pause before the last word is longer than `longestPause` seconds, and after it there are seven seconds. */
export function assemble(
  utterances: readonly Utterance[],
  level: number,
  longestPause: number,
  random: Random,
): Call[] {
  const calls: Call[] = [];
  const pending = utterances.filter(({ spoken }) =>
    spoken.every(({ from }, at) => at === 0 || from - spoken[at - 1]!.to <= longestPause * RATE),
  );
  for (let next = 0; next < pending.length; ) {
    const parts: { at: number; utterance: Utterance }[] = [];
    let at = Math.floor((0.6 + random()) * RATE);
    while (at < 45 * RATE && next < pending.length) {
      const utterance = pending[next++]!;
      parts.push({ at, utterance });
      at += utterance.samples.length + Math.floor((0.3 + random() * (longestPause - 0.3)) * RATE);
    }
    const end = parts.at(-1)!;
    const samples = new Float64Array(
      Math.ceil((end.at + end.utterance.samples.length + 7 * RATE) / FRAME) * FRAME,
    );
    const spoken: { from: number; to: number }[] = [];
    for (const part of parts) {
      const gain = 10 ** ((level - part.utterance.level) / 20);
      for (const [i, sample] of part.utterance.samples.entries()) samples[part.at + i] = gain * sample;
      for (const { from, to } of part.utterance.spoken)
        spoken.push({ from: from + part.at, to: to + part.at });
    }
    calls.push({ samples, spoken });
  }
  return calls;
}

export interface Condition {
  readonly level: number;
  /** `undefined`: clean. */
  readonly noise: string | undefined;
  readonly snr: number;
  readonly codec: Codec;
  /** Share of packets. */
  readonly loss: number;
}

/** Mixes noise in, at so many dB below the speech, and sends it through the codec and the network. */
export function transmit(
  call: Call,
  condition: Condition,
  random: Random,
  speech: readonly Float64Array[],
): Promise<Line> {
  const { samples } = call;
  const mixed = Float64Array.from(samples);
  if (condition.noise !== undefined) {
    const noise = NOISES[condition.noise]!(samples.length, random, speech);
    const gain = 10 ** ((condition.level - condition.snr - levelOf(noise)) / 20);
    for (let at = 0; at < mixed.length; at++) mixed[at]! += gain * noise[at]!;
  } else for (let at = 0; at < mixed.length; at++) mixed[at]! += 8 * (random() - 0.5);
  const linear = Int16Array.from(mixed, (sample) => Math.max(-32768, Math.min(32767, Math.round(sample))));
  return carry(linear, condition.codec, condition.loss, random);
}
