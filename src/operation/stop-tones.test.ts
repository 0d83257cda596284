import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Key } from '../media/line.ts';
import { StopTones } from './stop-tones.ts';

const tones = (...spelled: string[]) => spelled.map((tone) => [...tone] as Key[]);

/** What each key, pressed 100 samples after the one before, completes. */
function pressAll(stopTones: StopTones, keys: string): (string | undefined)[] {
  return [...keys].map((key, index) => stopTones.press(key as Key, index * 100)?.keys);
}

test('a single key ends at once', () => {
  assert.deepEqual(new StopTones(tones('#', '*'), 1000).press('*', 50), { keys: '*', onset: 50 });
});

test('a key twice is a stop tone of two keys, once is not', () => {
  assert.deepEqual(pressAll(new StopTones(tones('11'), 1000), '11'), [undefined, '11']);
});

test('another key in between starts anew', () => {
  assert.deepEqual(pressAll(new StopTones(tones('11'), 1000), '1211'), [
    undefined,
    undefined,
    undefined,
    '11',
  ]);
});

test('sequences that overlap are found: 1# after 1 1, 12 1 3 in 1 2 1 2 1 3', () => {
  assert.deepEqual(pressAll(new StopTones(tones('1#'), 1000), '11#'), [undefined, undefined, '1#']);
  assert.deepEqual(pressAll(new StopTones(tones('1213'), 1000), '121213').at(-1), '1213');
});

test('a stop tone that is the beginning of another counts once the caller has not gone on', () => {
  const waiting = new StopTones(tones('1', '12'), 1000);
  assert.equal(waiting.press('1', 50), undefined);
  assert.deepEqual(waiting.complete, { keys: '1', onset: 50 });
  assert.equal(waiting.heldFrom, 50);
  assert.equal(waiting.pass(1050, false, 0), undefined);
  assert.deepEqual(waiting.pass(1051, false, 0), { keys: '1', onset: 50 });
  assert.deepEqual([waiting.idle, waiting.complete, waiting.heldFrom], [true, undefined, Infinity]);
});

test('… or went on to something else', () => {
  const other = new StopTones(tones('1', '123', '4'), 1000);
  assert.deepEqual(pressAll(other, '124'), [undefined, undefined, '1']);
  const late = new StopTones(tones('1', '12'), 1000);
  late.press('1', 0);
  assert.deepEqual(late.press('2', 1001), { keys: '1', onset: 0 });
});

test('a longer stop tone takes the place of the shorter one that it goes on from', () => {
  assert.deepEqual(pressAll(new StopTones(tones('1', '12'), 1000), '12'), [undefined, '12']);
  assert.deepEqual(pressAll(new StopTones(tones('1', '12', '123'), 1000), '123'), [
    undefined,
    undefined,
    '123',
  ]);
});

test('one that only ends with what begins another does not wait for it', () => {
  assert.deepEqual(pressAll(new StopTones(tones('12', '23'), 1000), '12'), [undefined, '12']);
});

test('of two that are complete at once the longer counts', () => {
  const stopTones = new StopTones(tones('1#', '21#'), 1000);
  stopTones.press('2', 0);
  stopTones.press('1', 100);
  assert.deepEqual(stopTones.press('#', 200), { keys: '21#', onset: 0 });
});

test('keys may be as far apart as the inter-key limit, and no further', () => {
  for (const [gap, found] of [
    [1000, '11'],
    [1001, undefined],
  ] as const) {
    const stopTones = new StopTones(tones('11'), 1000);
    stopTones.press('1', 40);
    assert.equal(stopTones.press('1', 40 + gap)?.keys, found, `${gap} samples apart`);
  }
});

test('what may still be cut off is held from the first key until the limit has passed', () => {
  const stopTones = new StopTones(tones('11'), 1000);
  assert.equal(stopTones.heldFrom, Infinity);
  stopTones.press('1', 500);
  assert.equal(stopTones.heldFrom, 500);
  stopTones.pass(1500, false, 0);
  assert.equal(stopTones.heldFrom, 500);
  stopTones.pass(1501, false, 0);
  assert.equal(stopTones.heldFrom, Infinity);
});

test('keys that begin no stop tone hold nothing', () => {
  const stopTones = new StopTones(tones('11'), 1000);
  stopTones.press('2', 500);
  assert.equal(stopTones.heldFrom, Infinity);
  stopTones.press('1', 600);
  stopTones.press('2', 700);
  assert.equal(stopTones.heldFrom, Infinity);
});

test('once the caller speaks between the keys, only the last key is cut off', () => {
  const stopTones = new StopTones(tones('123'), 8000);
  stopTones.press('1', 0);
  stopTones.pass(160, true, 160);
  assert.equal(stopTones.heldFrom, Infinity, 'what was said is kept in any case');
  stopTones.press('2', 4000);
  assert.deepEqual(stopTones.press('3', 5000), { keys: '123', onset: 5000 });
});

test('the tail of what was said before the first key is not speech between keys', () => {
  const stopTones = new StopTones(tones('11'), 8000);
  stopTones.press('1', 1000);
  stopTones.pass(1000 + 2400, true, 0);
  assert.equal(stopTones.heldFrom, 1000);
  stopTones.pass(1000 + 2560, true, 0);
  assert.equal(stopTones.heldFrom, Infinity, 'speech that goes on for longer than that is');
});

test('speech before the first key of the shorter of two leaves that one to be cut as a whole', () => {
  const stopTones = new StopTones(tones('123', '2#'), 8000);
  stopTones.press('1', 0);
  stopTones.pass(160, true, 160);
  stopTones.press('2', 4000);
  assert.equal(stopTones.heldFrom, 4000);
  assert.deepEqual(stopTones.press('#', 5000), { keys: '2#', onset: 4000 });
});

test('no stop tones: no key ends anything', () => {
  assert.deepEqual(pressAll(new StopTones([], 1000), '123#'), Array(4).fill(undefined));
});

const keyArb = fc.constantFrom<Key>('1', '2', '#');
const tonesArb = fc.array(fc.array(keyArb, { minLength: 1, maxLength: 4 }), { maxLength: 4 });

/** By trying everything: the first stop tone that the keys end with, and then each longer one that they go on to. */
function longestMatch(wanted: readonly string[], keys: string): string | undefined {
  let found: { readonly tone: string; readonly start: number } | undefined;
  for (let end = 1; end <= keys.length; end++) {
    const before = found;
    const endings = wanted.filter(
      (tone) =>
        keys.slice(0, end).endsWith(tone) && (before === undefined || end - tone.length <= before.start),
    );
    const [longest] = endings.sort((a, b) => b.length - a.length);
    if (longest !== undefined) found = { tone: longest, start: end - longest.length };
    if (found === undefined) continue;
    const starts = Array.from({ length: found.start + 1 }, (_, start) => keys.slice(start, end));
    const goesOn = starts.some((run) =>
      wanted.some((tone) => tone.length > run.length && tone.startsWith(run)),
    );
    if (!goesOn) break;
  }
  return found?.tone;
}

test('what counts is the first stop tone that the keys end with, or the longest that they go on to from there', () => {
  fc.assert(
    fc.property(tonesArb, fc.array(keyArb, { maxLength: 20 }), (wanted, keys) => {
      const stopTones = new StopTones(wanted, 1000);
      let found: string | undefined;
      for (const [index, key] of keys.entries()) {
        found = stopTones.press(key, index * 100)?.keys;
        if (found !== undefined) break;
      }
      found ??= stopTones.pass(10_000, false, 0)?.keys;
      const spelled = wanted.map((tone) => tone.join(''));
      assert.equal(found, longestMatch(spelled, keys.join('')));
    }),
    { numRuns: 1000 },
  );
});

test('what is cut off was held, at every moment since it was pressed', () => {
  fc.assert(
    fc.property(
      tonesArb,
      fc.array(fc.record({ key: keyArb, gap: fc.nat(1500), speech: fc.boolean() }), { maxLength: 20 }),
      (wanted, presses) => {
        const stopTones = new StopTones(wanted, 1000);
        let position = 0;
        let safe = 0;
        for (const { key, gap, speech } of presses) {
          position += gap;
          stopTones.pass(position, speech, position);
          safe = Math.max(safe, Math.min(position, stopTones.heldFrom));
          const found = stopTones.press(key, position);
          if (found !== undefined) {
            assert.ok(found.onset >= safe);
            return;
          }
        }
      },
    ),
  );
});
