import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import fc from 'fast-check';
import { judge, rangeOf } from './preconditions.ts';

const file = { etag: '"abc"', lastModified: new Date('2026-01-01T00:00:00.700Z') };
const made = 'Thu, 01 Jan 2026 00:00:00 GMT';
const before = 'Wed, 31 Dec 2025 23:59:59 GMT';

for (const [headers, get, remove] of [
  [{}, 'go', 'go'],
  [{ 'if-match': '"abc"' }, 'go', 'go'],
  [{ 'if-match': '"x", "abc"' }, 'go', 'go'],
  [{ 'if-match': '*' }, 'go', 'go'],
  [{ 'if-match': '"x"' }, 'failed', 'failed'],
  [{ 'if-match': 'W/"abc"' }, 'failed', 'failed'],
  [{ 'if-match': 'nonsense' }, 'failed', 'failed'],
  [{ 'if-none-match': '"abc"' }, 'notModified', 'failed'],
  [{ 'if-none-match': 'W/"abc"' }, 'notModified', 'failed'],
  [{ 'if-none-match': '"x", W/"y" , "abc"' }, 'notModified', 'failed'],
  [{ 'if-none-match': '*' }, 'notModified', 'failed'],
  [{ 'if-none-match': '"x"' }, 'go', 'go'],
  [{ 'if-modified-since': made }, 'notModified', 'go'],
  [{ 'if-modified-since': before }, 'go', 'go'],
  [{ 'if-modified-since': 'yesterday' }, 'go', 'go'],
  [{ 'if-unmodified-since': made }, 'go', 'go'],
  [{ 'if-unmodified-since': before }, 'failed', 'failed'],
  [{ 'if-unmodified-since': '7' }, 'go', 'go'],
  // A tag goes before a date (RFC 9110 §13.2.2).
  [{ 'if-none-match': '"x"', 'if-modified-since': made }, 'go', 'go'],
  [{ 'if-match': '"abc"', 'if-unmodified-since': before }, 'go', 'go'],
  [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 'failed', 'failed'],
] as const) {
  test(`with ${JSON.stringify(headers)} a GET is ${get} and a DELETE is ${remove}`, () => {
    assert.equal(judge('GET', headers, file), get);
    assert.equal(judge('HEAD', headers, file), get);
    assert.equal(judge('DELETE', headers, file), remove);
  });
}

const part = (start: number, end: number) => ({ kind: 'part', start, end });
const whole = { kind: 'whole' };
const unsatisfiable = { kind: 'unsatisfiable' };

for (const [range, expected] of [
  [undefined, whole],
  ['bytes=0-0', part(0, 1)],
  ['bytes=0-99', part(0, 100)],
  ['bytes=0-100', part(0, 100)],
  ['bytes=99-', part(99, 100)],
  ['bytes=10-', part(10, 100)],
  ['BYTES=10-19', part(10, 20)],
  ['bytes= 10-19 ', part(10, 20)],
  ['bytes=-1', part(99, 100)],
  ['bytes=-100', part(0, 100)],
  ['bytes=-99999999999999999999999999', part(0, 100)],
  ['bytes=5-99999999999999999999999999', part(5, 100)],
  ['bytes=100-', unsatisfiable],
  ['bytes=100-200', unsatisfiable],
  ['bytes=99999999999999999999999999-', unsatisfiable],
  ['bytes=-0', unsatisfiable],
  ['bytes=0-9,20-29', whole],
  ['bytes=20-10', whole],
  ['bytes=-', whole],
  ['bytes=', whole],
  ['bytes=a-b', whole],
  ['bytes=1.5-2', whole],
  ['bytes 0-9', whole],
  ['seconds=0-9', whole],
  ['', whole],
] as const) {
  test(`of 100 bytes, ${range ?? 'no range'} is ${JSON.stringify(expected)}`, () => {
    const headers: IncomingHttpHeaders = range === undefined ? {} : { range };
    assert.deepEqual(rangeOf(headers, 100, file), expected);
  });
}

for (const [ifRange, fits] of [
  ['"abc"', true],
  [made, true],
  ['W/"abc"', false],
  ['"x"', false],
  [before, false],
  ['*', false],
  ['', false],
] as const) {
  test(`a range with If-Range ${ifRange} is ${fits ? 'honoured' : 'answered with the whole file'}`, () => {
    const headers = { range: 'bytes=0-9', 'if-range': ifRange };
    assert.deepEqual(rangeOf(headers, 100, file), fits ? part(0, 10) : whole);
  });
}

test('whatever is asked for lies within the file', () => {
  const spec = fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,3}-\d{0,3}$/));
  fc.assert(
    fc.property(spec, fc.integer({ min: 44, max: 300 }), (range, bytes) => {
      const answer = rangeOf({ range }, bytes, file);
      if (answer.kind === 'part')
        assert.ok(0 <= answer.start && answer.start < answer.end && answer.end <= bytes);
    }),
  );
});
