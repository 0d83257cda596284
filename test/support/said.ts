/** What a caller of a test says: noise that differs at every sample, so that a sample out of place shows. */
import assert from 'node:assert/strict';
import { decodeG711 } from '../../src/wire/g711.ts';

const SECOND = 8000;

/** As G.711 µ-law. */
export const SOURCE: Uint8Array = Uint8Array.from(
  { length: 70 * SECOND },
  (_, index) => (Math.imul(index + 1, 2654435761) >>> 13) & 0xff,
);
/** As a decoder has it. */
export const SAID = new Int16Array(SOURCE.length);
decodeG711('PCMU', SOURCE, 0, SOURCE.length, SAID, 0);

/** `heard[from…to)` is what was said from `source` on. */
export function assertSaid(heard: Int16Array, from: number, to: number, source = from): void {
  assertSame(heard, SAID, from, to, source);
}

/** `heard[from…to)` is what `said` has from `source` on. Telling all differences of so much would take minutes. */
export function assertSame(
  heard: Int16Array,
  said: Int16Array,
  from: number,
  to: number,
  source = from,
): void {
  for (let position = from; position < to; position++) {
    if (heard[position] === said[source + position - from]) continue;
    assert.fail(`sample ${position} is ${heard[position]}, said was ${said[source + position - from]}`);
  }
}

export function assertSilent(heard: Int16Array, from: number, to: number): void {
  for (let position = from; position < to; position++) assert.equal(heard[position], 0, `sample ${position}`);
}
