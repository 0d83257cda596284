import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchForBargeIn } from './barge-in.ts';
import type { Frame, Key, PlayEnd } from './line.ts';

/** One letter a frame: `.` nothing, `s` speech, a key as itself. */
function first(
  script: string,
  options: { speech?: boolean; keys?: boolean; speaking?: boolean; keysUntil?: number },
) {
  const watch = watchForBargeIn(
    { speech: options.speech ?? true, keys: options.keys ?? true },
    options.speaking ?? false,
    () => options.keysUntil ?? 0,
  );
  for (const [index, letter] of [...script].entries()) {
    const tone = letter === '.' || letter === 's' ? undefined : (letter as Key);
    const frame: Omit<Frame, 'samples' | 'at'> = {
      position: index * 160,
      speech: letter === 's',
      undecided: false,
      speechOnset: 40,
      tone,
      toneOnset: index * 160 + 7,
      concealed: false,
      noMedia: 0,
    };
    const end: PlayEnd | undefined = watch(frame);
    if (end !== undefined) return { frame: index, end };
  }
  return undefined;
}

test('speech breaks in with the frame in which it is decided, and tells its onset', () => {
  assert.deepEqual(first('....sss', {}), { frame: 4, end: { by: 'speech', onset: 40 } });
});

test('a key breaks in, and what follows it begins after its frame', () => {
  assert.deepEqual(first('..#..', {}), { frame: 2, end: { by: 'key', key: '#', onset: 327, after: 480 } });
});

test('what is not asked for does not break in', () => {
  assert.equal(first('..ss', { speech: false }), undefined);
  assert.equal(first('..1.', { keys: false }), undefined);
});

test('speech that was going on breaks in only if it goes on for half a second; what starts after a pause does at once', () => {
  assert.equal(first('s'.repeat(24), { speaking: true }), undefined);
  assert.equal(first('s'.repeat(40), { speaking: true })?.frame, 24);
  assert.equal(first('sss..s', { speaking: true })?.frame, 5);
});

test('speech that was going on is told from its onset, or from the end of a key that lies in it', () => {
  const onsetOf = (keysUntil: number) => {
    const end = first('s'.repeat(40), { speaking: true, keysUntil })?.end;
    return end?.by === 'speech' ? end.onset : undefined;
  };
  assert.equal(onsetOf(0), 40);
  assert.equal(onsetOf(720), 720);
});
