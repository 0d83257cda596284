import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTone } from './pure-tone.ts';

const wave = (...parts: readonly (readonly [hertz: number, peak: number])[]) =>
  Int16Array.from({ length: 160 }, (_, at) =>
    Math.round(
      parts.reduce((sum, [hertz, peak]) => sum + peak * Math.sin((2 * Math.PI * hertz * at) / 8000), 0),
    ),
  );

test('a sine of any frequency of the telephone band is a tone, loud or quiet', () => {
  for (let hertz = 300; hertz <= 3400; hertz += 50)
    for (const peak of [500, 30_000]) assert.ok(isTone(wave([hertz, peak])), `${hertz} Hz, ${peak}`);
});

test('a tone with a little noise is one still', () => {
  const samples = wave([1000, 8000]);
  for (let at = 0; at < samples.length; at++) samples[at]! += ((at * 7919) % 601) - 300;
  assert.ok(isTone(samples));
});

test('a key, a vowel, a step and silence are none', () => {
  assert.ok(!isTone(wave([697, 8000], [1209, 8000])));
  assert.ok(!isTone(wave([120, 6000], [240, 8000], [360, 5000], [700, 3000])));
  assert.ok(!isTone(new Int16Array(160).fill(4000, 80)));
  assert.ok(!isTone(new Int16Array(160)));
});
