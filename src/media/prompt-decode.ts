/** From a WAV file's bytes to what a line plays. */
import { setImmediate as breathe } from 'node:timers/promises';
import { parseWav, readMono } from '../wire/wav.ts';
import { LINE_RATE } from './line.ts';
import { type AudioSource, resampledLength, resampleSteps } from './resample.ts';

/** What became of it: samples on SharedArrayBuffers at 8 kHz and, when `wide` was asked for, at 16 kHz. */
export type Decoded =
  | { readonly ok: true; readonly samples: Int16Array; readonly wide?: Int16Array }
  | { readonly ok: false; readonly reason: string };

/** Decodes a few milliseconds at a time: SIP and HTTP are served by the same thread. */
export async function decodePrompt(bytes: Uint8Array, wide: boolean): Promise<Decoded> {
  const parsed = parseWav(bytes);
  if (!parsed.ok) return parsed;
  const { audio } = parsed;
  const { rate, frames } = audio;
  const source: AudioSource = { rate, frames, read: (from, to) => readMono(audio, from, to) };
  const samples = await bringTo(LINE_RATE, source);
  if (!wide) return { ok: true, samples };
  const finer = new Int16Array(new SharedArrayBuffer(4 * samples.length));
  // A whole sample at 8 kHz may be rounded up to: the two are as long as each other.
  finer.set((await bringTo(2 * LINE_RATE, source)).subarray(0, finer.length));
  return { ok: true, samples, wide: finer };
}

async function bringTo(rate: number, source: AudioSource): Promise<Int16Array> {
  const samples = new Int16Array(new SharedArrayBuffer(2 * resampledLength(source, rate)));
  for (const _ of resampleSteps(source, samples, rate)) await breathe();
  return samples;
}
