import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waveform } from './waveform.ts';

test('a swell rises bar by bar to the full block', () => {
  const swell = Int16Array.from({ length: 800 }, (_, i) => (i % 2 ? -i : i) * 40);
  assert.equal(waveform(swell, 8), '▁▂▃▄▅▆▇█');
});

test('silence is a flat line, nothing is nothing, and fewer samples than columns still draw', () => {
  assert.equal(waveform(new Int16Array(100), 4), '▁▁▁▁');
  assert.equal(waveform(new Int16Array(0), 4), '');
  assert.equal(waveform(Int16Array.of(-32768, 0), 4), '██▁▁');
});
