import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BANDS } from './bands.ts';
import { Echo } from './echo.ts';
import { FRAME_SAMPLES } from './line.ts';
import { Played } from './played.ts';
import { SpeechDetector } from './speech.ts';

const SECOND = 8000;

/** Whether it explains a frame with so much in each band. */
const explains = (echo: Echo, level: number, floor: number, position: number) =>
  echo.explains(level, new Float64Array(BANDS).fill(level), floor, position);

/** Syllables of random length and pitch: as much of a voice as levels can tell. */
function babble(seconds: number, peak: number, seed: number): Int16Array {
  let state = seed;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const samples = new Int16Array(seconds * SECOND);
  for (let at = 0; at < samples.length; ) {
    const length = Math.floor((0.08 + 0.2 * random()) * SECOND);
    const pitch = SECOND / (90 + 90 * random());
    const loud = peak * (0.2 + 0.8 * random());
    for (let i = 0; i < length && at < samples.length; i++, at++)
      samples[at] = loud * Math.sin((Math.PI * i) / length) * (1 - (2 * (i % pitch)) / pitch);
    at += Math.floor(0.12 * random() * SECOND);
  }
  return samples;
}

/** Position at which speech is first told of in what comes back of `prompt` and in what `caller` says from `from` on. */
function speechIn(
  prompt: Int16Array,
  path: { readonly dB: number; readonly ms: number },
  caller?: { readonly said: Int16Array; readonly from: number },
) {
  const detector = new SpeechDetector();
  const played = new Played();
  const echo = new Echo(played);
  const heard = new Int16Array(FRAME_SAMPLES);
  const gain = 10 ** (path.dB / 20);
  for (let position = 0; position < SECOND; position += FRAME_SAMPLES)
    detector.hear(heard, 0, position, echo);
  played.begin({ narrow: prompt, wide: undefined }, SECOND);
  let found: number | undefined;
  for (let at = 0; at < prompt.length + SECOND && found === undefined; at += FRAME_SAMPLES) {
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      const returned = gain * (prompt[at + i - path.ms * 8] ?? 0);
      heard[i] = returned + (caller?.said[at + i - caller.from] ?? 0);
    }
    detector.hear(heard, 0, SECOND + at, echo);
    if (detector.speech) found = at;
  }
  return { found, path: echo.path };
}

test('a prompt that the phone returns at −20 dB is not the caller, however late it comes', () => {
  for (const ms of [0, 25, 130, 400, 600])
    for (const seed of [1, 2, 3]) {
      const { found, path } = speechIn(babble(10, 8000, seed), { dB: -20, ms });
      assert.equal(found, undefined, `${ms} ms`);
      assert.ok(path !== undefined && Math.abs(path.delay - ms / 20) <= 2, `${ms} ms: ${path?.delay} frames`);
      assert.ok(Math.abs(path.loss - 20) < 6, `${path.loss} dB`);
    }
});

test('nor is one that a loud speakerphone returns at −10 dB', () => {
  for (const ms of [0, 130, 400]) {
    const { found } = speechIn(babble(10, 8000, 1), { dB: -10, ms });
    assert.equal(found, undefined, `${ms} ms`);
  }
});

test('where no echo comes back, a caller 20 dB below the prompt is heard within 300 ms', () => {
  for (const seed of [1, 2, 3]) {
    const from = 4 * SECOND;
    const { found } = speechIn(
      babble(10, 8000, seed),
      { dB: -90, ms: 0 },
      { said: babble(3, 800, seed + 50), from },
    );
    assert.ok(
      found !== undefined && found >= from - FRAME_SAMPLES && found < from + 0.3 * SECOND,
      `${found}`,
    );
  }
});

test('a caller who speaks over it is heard within 600 ms', () => {
  for (const dB of [-20, -30, -90])
    for (const seed of [1, 2, 3]) {
      const from = 4 * SECOND;
      const caller = { said: babble(3, 5000, seed + 50), from };
      const { found } = speechIn(babble(10, 8000, seed), { dB, ms: 130 }, caller);
      assert.ok(
        found !== undefined && found >= from - FRAME_SAMPLES && found < from + 0.6 * SECOND,
        `${dB} dB: ${found}`,
      );
    }
});

test('a prompt that was stopped comes back no longer, and what is heard then is the caller', () => {
  const played = new Played();
  const echo = new Echo(played);
  const prompt = babble(4, 8000, 4);
  played.begin({ narrow: prompt, wide: undefined }, 0);
  for (let at = 0; at < SECOND; at += FRAME_SAMPLES) explains(echo, -80, -70, at);
  played.cut(SECOND);
  let explained = 0;
  for (let at = SECOND; at < 3 * SECOND; at += FRAME_SAMPLES)
    if (explains(echo, -60, -70, at)) explained = at;
  assert.ok(explained < 1.7 * SECOND, `${explained}`);
});

test('without anything that was played nothing is an echo', () => {
  const echo = new Echo(new Played());
  for (let at = 0; at < SECOND; at += FRAME_SAMPLES) assert.equal(explains(echo, -30, -60, at), false);
});
