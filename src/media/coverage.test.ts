import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Coverage } from './coverage.ts';

test('whatever is added in whatever order, reach and next tell the same as a note of every sample', () => {
  const stretch = fc.record({ start: fc.nat(120), length: fc.integer({ min: 1, max: 12 }) });
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 25 }), (stretches) => {
      const coverage = new Coverage();
      const noted = new Set<number>();
      for (const { start, length } of stretches) {
        assert.equal(coverage.add(start, start + length), true);
        for (let sample = start; sample < start + length; sample++) noted.add(sample);
        for (let position = 0; position < 140; position++) {
          let reach = position;
          while (noted.has(reach)) reach++;
          assert.equal(coverage.reach(position), reach);
          const starts = [...noted].filter((sample) => sample > position && !noted.has(sample - 1));
          assert.equal(coverage.next(position), Math.min(...starts));
        }
        assert.equal(coverage.furthest, Math.max(...noted) + 1);
      }
    }),
    { numRuns: 200 },
  );
});

test('what was forgotten makes room, and what lies beyond is kept', () => {
  const coverage = new Coverage();
  for (let index = 0; index < 1000; index++) {
    assert.equal(coverage.add(index * 10, index * 10 + 5), true);
    assert.equal(coverage.reach(index * 10), index * 10 + 5);
    coverage.forget(index * 10 - 50);
  }
});

test('crumbs without end are refused, and what was there stays', () => {
  const coverage = new Coverage();
  const taken = Array.from({ length: 100 }, (_, index) => coverage.add(index * 10, index * 10 + 1));
  assert.deepEqual([taken.indexOf(false) > 20, taken.lastIndexOf(true) < 40], [true, true]);
  assert.equal(coverage.reach(0), 1);
  assert.equal(coverage.add(1, 10), true);
  assert.equal(coverage.reach(0), 11);
});
