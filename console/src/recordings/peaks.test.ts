import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPeaks } from './peaks.ts';

/** A second of 16 kHz: a quarter silent, a quarter at half of full scale, the rest silent. */
function wav(channels: number): Uint8Array {
  const samples = Int16Array.from({ length: 16_000 * channels }, (_, index) => {
    const at = Math.floor(index / channels);
    return at >= 4000 && at < 8000 ? (at % 2 ? -16_384 : 16_383) : 0;
  });
  const head = new DataView(new ArrayBuffer(56));
  const text = (at: number, word: string) => {
    for (const [index, letter] of [...word].entries()) head.setUint8(at + index, letter.charCodeAt(0));
  };
  text(0, 'RIFF');
  text(8, 'WAVE');
  text(12, 'LIST');
  head.setUint32(16, 4, true);
  text(24, 'fmt ');
  head.setUint32(28, 16, true);
  head.setUint16(32, 1, true);
  head.setUint16(34, channels, true);
  head.setUint32(36, 16_000, true);
  head.setUint16(46, 16, true);
  text(48, 'data');
  // As long as nobody knows how long.
  head.setUint32(52, 0xffff_ffff, true);
  return new Uint8Array([...new Uint8Array(head.buffer), ...new Uint8Array(samples.buffer)]);
}

for (const [channels, piece] of [
  [1, 100_000],
  [1, 7],
  [2, 333],
] as const)
  test(`the peaks of a WAV file with ${channels} channels are those of its samples, in pieces of ${piece} bytes`, () => {
    const peaks = createPeaks();
    const bytes = wav(channels);
    for (let at = 0; at < bytes.length; at += piece) peaks.add(bytes.subarray(at, at + piece));
    assert.equal(peaks.durationMs(), 1000);
    assert.deepEqual(
      peaks.values.map((value) => value.toFixed(2)),
      Array.from({ length: 50 }, (_, index) => (index >= 12 && index < 25 ? '0.50' : '0.00')),
    );
  });

test('what is no WAV file has no peaks', () => {
  const peaks = createPeaks();
  peaks.add(new TextEncoder().encode('OggS and whatever follows it, for long enough'));
  assert.equal(peaks.durationMs(), 0);
});
