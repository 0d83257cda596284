import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beep } from '../media/beep.ts';
import { emptyFrame } from '../media/history.ts';
import { FRAME_SAMPLES, type Key } from '../media/line.ts';
import { type Awaited, Ear } from './ear.ts';

const silence = (ms: number) => new Int16Array(ms * 8);
/** Like speech: no pure tone, and loud. */
const noise = (ms: number) => Int16Array.from({ length: ms * 8 }, (_, at) => ((at * 7919) % 8009) - 4000);

/** Hears the pieces one after the other. */
function listen(ear: Ear, ...pieces: readonly Int16Array[]): void {
  const samples = Int16Array.from(pieces.flatMap((piece) => [...piece]));
  for (let at = 0; at + FRAME_SAMPLES <= samples.length; at += FRAME_SAMPLES)
    ear.hear({ ...emptyFrame(), samples, at, position: at });
}

test('sounds are told with their places, pauses of speech being part of it', () => {
  const ear = new Ear();
  listen(ear, silence(200), noise(400), silence(300), noise(100), silence(1000), noise(200));
  assert.deepEqual(
    ear.sounds.map(({ what, fromMs, toMs }) => [what, fromMs, toMs]),
    [
      ['sound', 200, 1000],
      ['sound', 2000, 2200],
    ],
  );
});

test('a beep is told from what comes before and after it, with a pause between or without', () => {
  for (const pause of [0, 100]) {
    const ear = new Ear();
    listen(ear, noise(600), silence(pause), beep(), silence(pause), noise(400));
    assert.deepEqual(
      ear.sounds.map(({ what }) => what),
      ['sound', 'beep', 'sound'],
    );
    const [, heard, after] = ear.sounds;
    assert.ok(Math.abs((heard?.fromMs ?? 0) - (600 + pause)) <= 40, `${pause}: ${heard?.fromMs}`);
    assert.ok(Math.abs((heard?.toMs ?? 0) - (900 + pause)) <= 40, `${pause}: ${heard?.toMs}`);
    assert.ok(Math.abs((after?.fromMs ?? 0) - (900 + 2 * pause)) <= 40, `${pause}: ${after?.fromMs}`);
  }
});

for (const [what, before, then] of [
  ['beep', [noise(100), beep()], [silence(20)]],
  ['beep', [noise(100), beep()], [noise(60)]],
  ['sound', [silence(100)], [noise(20)]],
  ['silence', [noise(100), silence(980)], [silence(20)]],
] as const)
  test(`${what} is waited for until it is there, and no longer`, async () => {
    const ear = new Ear();
    let done = false;
    const waited = ear.waitFor(what as Awaited, new AbortController().signal).then((heard) => (done = heard));
    listen(ear, ...before);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(done, false);
    listen(ear, ...then);
    assert.equal(await waited, true);
  });

test('silence before anything was heard is not what is waited for; an abort ends the wait', async () => {
  const ear = new Ear();
  const giveUp = new AbortController();
  const waited = ear.waitFor('silence', giveUp.signal);
  listen(ear, silence(3000));
  giveUp.abort();
  assert.equal(await waited, false);
  assert.equal(await ear.waitFor('sound', giveUp.signal), false);
});

test('keys are told with their places, and all that was heard is the recording', () => {
  const ear = new Ear();
  const samples = noise(40);
  ear.hear({ ...emptyFrame(), samples, at: 0, position: 800 });
  ear.hear({ ...emptyFrame(), samples, at: 160, position: 960, tone: '5' as Key, toneOnset: 1000 });
  assert.deepEqual(ear.keys, [{ key: '5', atMs: 25 }]);
  assert.deepEqual(ear.recording(), { samples, rate: 8000 });
});

test('of a wide-band call the recording is what the line keeps at 16 kHz', () => {
  const wide = Int16Array.from({ length: 1280 }, (_, at) => at);
  const ear = new Ear({ samples: wide, at: 0, size: 640 });
  for (const position of [480, 640, 800])
    ear.hear({ ...emptyFrame(), samples: silence(20), at: 0, position });
  assert.deepEqual(ear.recording(), {
    samples: Int16Array.from([...wide.subarray(960), ...wide.subarray(0, 640)]),
    rate: 16_000,
  });
});
