import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration, offset, size, spaced } from './words.ts';

test('a duration reads as a clock does', () => {
  assert.deepEqual([0, 999, 83_000, 3_723_000].map(duration), ['0:00', '0:00', '1:23', '1:02:03']);
  assert.equal(duration(-5), '0:00');
});

test('an offset has milliseconds and its sign', () => {
  assert.deepEqual([0, 1234, -20].map(offset), ['+0.000 s', '+1.234 s', '−0.020 s']);
});

test('a size has the unit that keeps it short', () => {
  assert.deepEqual([0, 999, 1000, 999_600, 1_234_567, 250e6, 3e12].map(size), [
    '0 B',
    '999 B',
    '1.0 kB',
    '1.0 MB',
    '1.2 MB',
    '250 MB',
    '3.0 TB',
  ]);
});

test('a name of the API becomes words', () => {
  assert.equal(spaced('maxRecordDurationReached'), 'max record duration reached');
});
