import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AudioSource, resample, resampledLength, resampleSteps } from './resample.ts';

const AMPLITUDE = 0.6;

function toneAt(rate: number, frequency: number, seconds = 1): AudioSource {
  const samples = Float32Array.from(
    { length: Math.round(rate * seconds) },
    (_, i) => AMPLITUDE * Math.sin((2 * Math.PI * frequency * i) / rate),
  );
  return sourceOf(samples, rate);
}

function sourceOf(samples: Float32Array, rate: number): AudioSource {
  return {
    rate,
    frames: samples.length,
    read(from, to) {
      assert.ok(from >= 0 && from <= to && to <= samples.length, `read ${from} … ${to} of ${samples.length}`);
      return samples.slice(from, to);
    },
  };
}

/** The sine at `frequency` in 8 kHz samples, away from both ends, through a Hann window: level and phase. */
function component(
  samples: Int16Array,
  frequency: number,
): { readonly level: number; readonly phase: number } {
  const edge = 400;
  let re = 0;
  let im = 0;
  let weight = 0;
  for (let i = edge; i < samples.length - edge; i++) {
    const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * (i - edge)) / (samples.length - 2 * edge));
    const angle = (2 * Math.PI * frequency * i) / 8000;
    re += hann * samples[i]! * Math.sin(angle);
    im += hann * samples[i]! * Math.cos(angle);
    weight += hann;
  }
  const amplitude = (2 * Math.hypot(re, im)) / weight / 32_768;
  return { level: 20 * Math.log10(amplitude / AMPLITUDE), phase: Math.atan2(im, re) };
}

function rms(samples: Int16Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

const RATES = [6000, 8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];

test('the telephone band passes flat and in phase from every usual rate', () => {
  for (const rate of RATES) {
    for (const frequency of [60, 440, 1000, 2500, 3400]) {
      if (frequency > 0.85 * (rate / 2)) continue;
      const { level, phase } = component(resample(toneAt(rate, frequency)), frequency);
      assert.ok(Math.abs(level) < 0.1, `${frequency} Hz from ${rate} Hz comes out at ${level} dB`);
      assert.ok(Math.abs(phase) < 0.01, `${frequency} Hz from ${rate} Hz comes out ${phase} rad late`);
    }
  }
});

test('what lies above 4 kHz is more than 60 dB down wherever it would fold to', () => {
  for (const rate of RATES.filter((rate) => rate > 10_000)) {
    for (const frequency of [4000, 4300, 5000, 7400, 9000, 0.49 * rate]) {
      if (frequency > rate / 2) continue;
      const output = resample(toneAt(rate, frequency)).subarray(400, 7600);
      const level = 20 * Math.log10(rms(output) / ((AMPLITUDE * 32_768) / Math.SQRT2));
      assert.ok(level < -60, `${frequency} Hz from ${rate} Hz is left at ${level} dB`);
    }
  }
});

test('from a lower rate no image comes in above its band', () => {
  const { level } = component(resample(toneAt(6000, 2500)), 3500);
  assert.ok(level < -60, `${level} dB`);
});

test('a rate that shares nothing with 8 kHz is as clean', () => {
  const output = resample(toneAt(44_099, 3000));
  assert.ok(Math.abs(component(output, 3000).level) < 0.1);
  const rest = output.map(
    (sample, i) => sample - AMPLITUDE * 32_768 * Math.sin((2 * Math.PI * 3000 * i) / 8000),
  );
  const noise = 20 * Math.log10(rms(rest.subarray(400, 7600)) / ((AMPLITUDE * 32_768) / Math.SQRT2));
  assert.ok(noise < -60, `noise at ${noise} dB`);
});

test('8 kHz passes to the bit', () => {
  const samples = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768);
  const source = sourceOf(
    Float32Array.from(samples, (sample) => sample / 32_768),
    8000,
  );
  assert.deepEqual(resample(source), samples);
});

test('the length is the source’s, rounded up to a whole sample', () => {
  for (const rate of RATES) {
    for (const frames of [0, 1, 2, 5, 999, rate]) {
      const source = sourceOf(new Float32Array(frames), rate);
      assert.equal(resample(source).length, Math.ceil((frames * 8000) / rate));
      assert.equal(resampledLength(source), Math.ceil((frames * 8000) / rate));
    }
  }
});

test('a long source is read in pieces, without a seam', () => {
  const source = toneAt(48_000, 1000, 10);
  let longest = 0;
  const watched: AudioSource = {
    ...source,
    read(from, to) {
      longest = Math.max(longest, to - from);
      return source.read(from, to);
    },
  };
  const output = new Int16Array(resampledLength(watched));
  const steps = [...resampleSteps(watched, output)].length;
  assert.ok(steps > 3, `${steps} steps`);
  assert.ok(longest < source.frames / 3, `${longest} of ${source.frames} samples at once`);
  const wrong = output.findIndex((sample, i) => {
    const expected = AMPLITUDE * 32_768 * Math.sin((2 * Math.PI * 1000 * i) / 8000);
    return i > 400 && i < output.length - 400 && Math.abs(sample - expected) > 20;
  });
  assert.equal(wrong, -1);
});

test('what is louder than full scale saturates instead of wrapping round', () => {
  const output = resample(sourceOf(new Float32Array(16_000).fill(1.5), 16_000));
  assert.ok(output.subarray(400, 7600).every((sample) => sample === 32_767));
});
