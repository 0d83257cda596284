import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Upsampler } from './upsample.ts';

/** A second of a tone at 8 kHz. */
function tone(frequency: number, amplitude = 20_000): Int16Array {
  return Int16Array.from({ length: 8000 }, (_, i) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * frequency * i) / 8000)),
  );
}

/** Upsamples in pieces of the given lengths, over and over, and joins what comes. */
function upsample(samples: Int16Array, pieces: readonly number[] = [samples.length]): Int16Array {
  const upsampler = new Upsampler();
  const output: number[] = [];
  for (let at = 0, piece = 0; at < samples.length; piece++) {
    const length = pieces[piece % pieces.length]!;
    output.push(...upsampler.push(samples.subarray(at, at + length)));
    at += length;
  }
  output.push(...upsampler.flush());
  return Int16Array.from(output);
}

/** Decibels of the component at `frequency` against a sine of `amplitude`, away from both ends, through a Hann window. */
function level(samples: Int16Array, frequency: number, amplitude: number): number {
  const middle = samples.subarray(1000, samples.length - 1000);
  let re = 0;
  let im = 0;
  let weight = 0;
  middle.forEach((sample, i) => {
    const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / middle.length);
    const angle = (2 * Math.PI * frequency * i) / 16_000;
    re += hann * sample * Math.cos(angle);
    im += hann * sample * Math.sin(angle);
    weight += hann;
  });
  return 20 * Math.log10((2 * Math.hypot(re, im)) / weight / amplitude);
}

test('the telephone band passes flat and its images are more than 60 dB down', () => {
  for (const frequency of [50, 300, 1000, 1700, 2500, 3000, 3400]) {
    const output = upsample(tone(frequency));
    const passed = level(output, frequency, 20_000);
    assert.ok(Math.abs(passed) < 0.1, `${frequency} Hz at ${passed} dB`);
    const image = level(output, 8000 - frequency, 20_000);
    assert.ok(image < -60, `the image of ${frequency} Hz at ${image} dB`);
  }
});

test('every input sample stands unchanged at twice its position: no delay, and exactly twice the length', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -32_768, max: 32_767 }), { maxLength: 100 }), (values) => {
      const output = upsample(Int16Array.from(values));
      assert.equal(output.length, 2 * values.length);
      assert.deepEqual(
        [...output].filter((_, i) => i % 2 === 0),
        values,
      );
    }),
  );
});

test('an impulse comes out symmetric around itself', () => {
  const impulse = new Int16Array(101);
  impulse[50] = 10_000;
  const output = upsample(impulse);
  for (let i = 1; i < 60; i++) assert.equal(output[100 - i], output[100 + i], `${i} samples off the middle`);
});

test('the output does not depend on how the input was cut up', () => {
  const whole = tone(440);
  const expected = upsample(whole);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }), (pieces) => {
      assert.deepEqual(upsample(whole, pieces), expected);
    }),
    { numRuns: 30 },
  );
});

test('an empty push changes nothing, and an empty stream stays empty', () => {
  const upsampler = new Upsampler();
  assert.equal(upsampler.push(new Int16Array(0)).length, 0);
  assert.equal(upsampler.flush().length, 0);
});

test('after a flush the object is as new', () => {
  const upsampler = new Upsampler();
  upsampler.push(tone(1000));
  upsampler.flush();
  const again = [...upsampler.push(tone(440)), ...upsampler.flush()];
  assert.deepEqual(Int16Array.from(again), upsample(tone(440)));
});

test('full scale saturates instead of wrapping round', () => {
  const square = Int16Array.from({ length: 200 }, (_, i) =>
    Math.floor(i / 10) % 2 === 0 ? 32_767 : -32_768,
  );
  const output = upsample(square);
  for (let i = 40; i < 360; i += 2) {
    if (square[i / 2] !== square[i / 2 + 1]) continue;
    assert.ok(output[i + 1]! * square[i / 2]! > 0, `sample ${i + 1} is ${output[i + 1]}`);
  }
  assert.ok(output.includes(32_767) && output.includes(-32_768));
});

test('a constant stays exactly what it is', () => {
  const output = upsample(new Int16Array(200).fill(12_345));
  assert.ok(output.subarray(64, 336).every((sample) => sample === 12_345));
});
