import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Downsampler } from './downsample.ts';
import { upsampled } from './upsample.ts';

const tone = (hertz: number, rate: number, length: number) =>
  Int16Array.from({ length }, (_, i) => Math.round(12_000 * Math.sin((2 * Math.PI * hertz * i) / rate)));

function halve(samples: Int16Array, pieces: readonly number[] = [320]): Int16Array {
  const downsampler = new Downsampler();
  const out = new Int16Array(samples.length / 2);
  for (let at = 0, n = 0; at < samples.length; n++) {
    const to = Math.min(samples.length, at + pieces[n % pieces.length]!);
    downsampler.push(samples, at, to, out, at / 2);
    at = to;
  }
  return out;
}

const power = (samples: Int16Array) => samples.reduce((sum, one) => sum + one * one, 0) / samples.length;

test('what lies in the band comes through, 15 samples later', () => {
  for (const hertz of [100, 1000, 3000, 3300]) {
    const out = halve(tone(hertz, 16_000, 8000)).subarray(100);
    assert.ok(Math.abs(10 * Math.log10(power(out) / power(tone(hertz, 8000, 4000)))) < 0.05, `${hertz} Hz`);
  }
  const narrow = tone(700, 8000, 2000);
  const out = halve(upsampled(narrow));
  for (let at = 100; at < 1900; at++) assert.ok(Math.abs(out[at + 15]! - narrow[at]!) <= 2, `${at}`);
});

test('what lies above it does not', () => {
  for (const hertz of [4700, 5500, 7900]) {
    const out = halve(tone(hertz, 16_000, 8000)).subarray(100);
    assert.ok(10 * Math.log10(power(out) / power(tone(hertz, 16_000, 8000))) < -60, `${hertz} Hz`);
  }
});

test('however the stream is cut into pieces, the same comes out; the loudest does not fold over', () => {
  const samples = Int16Array.from({ length: 9600 }, (_, i) => (i % 64 < 32 ? 32_767 : -32_768));
  const whole = halve(samples, [9600]);
  assert.deepEqual(halve(samples, [2, 160, 318, 640, 1000]), whole);
  assert.ok(whole.subarray(40).every((one, i) => Math.abs(one) > 20_000 || (i % 32) % 16 < 16));
});
