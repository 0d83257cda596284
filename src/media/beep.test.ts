import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rms, toneShare } from '../../test/support/audio.ts';
import { beep } from './beep.ts';

test('the beep is 300 ms of 1,000 Hz at −10 dBm0', () => {
  const samples = beep();
  assert.equal(samples.length, 2400);
  const steady = samples.subarray(80, 2320);
  assert.ok(toneShare(steady, 1000) > 0.999);
  // 0 dBm0 is 3.17 dB below µ-law's loudest sine, whose RMS in 16 bit is 32,636 / √2.
  const dBm0 = 20 * Math.log10(rms(steady) / (32_636 / Math.SQRT2)) + 3.17;
  assert.ok(Math.abs(dBm0 + 10) < 0.05, `${dBm0} dBm0`);
});

test('it rises and falls without a click', () => {
  const samples = beep();
  assert.ok(Math.abs(samples[0]!) < 10 && Math.abs(samples.at(-1)!) < 10);
  for (const quiet of [samples.subarray(0, 16), samples.subarray(-16)]) assert.ok(rms(quiet) < 1000);
});
