import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSound } from '../../test/support/audio.ts';
import { KEYS, peak, tone } from '../../test/support/dual-tone.ts';
import { missing } from '../../test/support/tools.ts';
import { decodeG711, encodeG711 } from '../wire/g711.ts';
import { DtmfDetector, KEY_DELAY } from './dtmf.ts';
import { FRAME_SAMPLES, type Key } from './line.ts';

const samples = (ms: number) => Math.round(ms * 8);
const quiet = (ms: number) => new Int16Array(samples(ms));

function noise(ms: number, dBm0: number, seed = 1): Int16Array {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  // A sum of four is nearly Gaussian; its power is that of a sine of that level.
  const scale = peak(dBm0) / Math.SQRT2 / Math.sqrt(4 / 12);
  return Int16Array.from({ length: samples(ms) }, () => scale * (random() + random() + random() + random()));
}

function joined(...pieces: readonly Int16Array[]): Int16Array {
  const whole = new Int16Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
const mixed = (a: Int16Array, b: Int16Array) => a.map((sample, index) => sample + (b[index] ?? 0));

/** Over G.711, in frames; what was told, with how long after its true beginning in `starts`. */
function hear(audio: Int16Array): { readonly key: Key; readonly onset: number; readonly told: number }[] {
  const bytes = new Uint8Array(audio.length);
  const heard = new Int16Array(audio.length);
  encodeG711('PCMU', audio, 0, audio.length, bytes, 0);
  decodeG711('PCMU', bytes, 0, bytes.length, heard, 0);
  const detector = new DtmfDetector();
  const told = [];
  for (let at = 0; at + FRAME_SAMPLES <= heard.length; at += FRAME_SAMPLES) {
    const key = detector.hear(heard, at, at);
    if (key !== undefined) told.push({ key, onset: detector.onset, told: at + FRAME_SAMPLES });
  }
  return told;
}
const keysIn = (audio: Int16Array) =>
  hear(audio)
    .map(({ key }) => key)
    .join('');
/** The same audio, begun a little later: whatever block a tone begins in must not matter. */
const shifts = Array.from({ length: 16 }, (_, index) => quiet(40 + index * 1.25));

test('every key is heard once, and when it began', () => {
  for (const key of KEYS) {
    for (const before of shifts) {
      const told = hear(joined(before, tone(key), quiet(100)));
      assert.deepEqual(
        told.map((one) => one.key),
        [key],
      );
      const [{ onset, told: at } = { onset: 0, told: 0 }] = told;
      const early = before.length - onset;
      assert.ok(early >= -16 && early <= 48, `${key} is told to begin ${early} samples too early`);
      assert.ok(at - onset <= KEY_DELAY, `${key} was told ${at - onset} samples after its onset`);
    }
  }
});

test('Q.24: 40 ms of tone and 40 ms of pause are heard, each; 23 ms of tone never are', () => {
  for (const before of shifts) {
    const fast = KEYS.flatMap((key) => [tone(key, { ms: 40 }), quiet(40)]);
    assert.equal(keysIn(joined(before, ...fast, quiet(100))), KEYS.join(''));
    const again = Array.from({ length: 5 }, () => [tone('7', { ms: 40 }), quiet(40)]).flat();
    assert.equal(keysIn(joined(before, ...again, quiet(100))), '77777');
    for (const key of KEYS) assert.equal(keysIn(joined(before, tone(key, { ms: 23 }), quiet(100))), '');
  }
});

test('Q.24: an interruption of 10 ms is no second press; however long it is held, a press is one', () => {
  for (const before of shifts) {
    const half = tone('9', { ms: 60 });
    assert.equal(keysIn(joined(before, half, quiet(10), half, quiet(100))), '9');
    assert.equal(keysIn(joined(before, tone('9', { ms: 5000 }), quiet(100))), '9');
  }
});

test('Q.24: levels from 0 to −25 dBm0 are heard, and those below −45 are not', () => {
  for (const key of KEYS) {
    for (const level of [-3, -10, -20, -25])
      assert.equal(keysIn(joined(quiet(40), tone(key, { level }), quiet(100))), key);
    for (const level of [-45, -55])
      assert.equal(keysIn(joined(quiet(40), tone(key, { level }), quiet(100))), '');
  }
});

test('Q.24: the high group may be 4 dB stronger, or 8 dB weaker; not 10', () => {
  for (const key of KEYS) {
    for (const twist of [4, 0, -4, -8])
      assert.equal(keysIn(joined(quiet(40), tone(key, { twist }), quiet(100))), key, `${key} ${twist}`);
    for (const twist of [10, -14])
      assert.equal(keysIn(joined(quiet(40), tone(key, { twist }), quiet(100))), '', `${key} ${twist}`);
  }
});

test('Q.24: frequencies off by 1.5 % are heard, off by 3.5 % not', () => {
  for (const key of KEYS) {
    for (const before of shifts.slice(0, 8)) {
      for (const detune of [0.985, 1.015])
        assert.equal(
          keysIn(joined(before, tone(key, { detune, ms: 50 }), quiet(100))),
          key,
          `${key} ${detune}`,
        );
      for (const detune of [0.965, 1.035])
        assert.equal(keysIn(joined(before, tone(key, { detune }), quiet(100))), '', `${key} ${detune}`);
    }
  }
});

test('keys are heard through noise of 15 dB', () => {
  let missed = 0;
  for (let seed = 1; seed <= 20; seed++) {
    for (const key of KEYS) {
      const audio = joined(quiet(40), tone(key, { level: -15, ms: 70 }), quiet(100));
      if (keysIn(mixed(audio, noise(300, -15 + 3 - 15, seed))) !== key) missed++;
    }
  }
  assert.ok(missed <= 1, `${missed} of 320 were missed`);
});

test('a tone alone, three tones, a dial tone and noise are no keys', () => {
  const sine = (hertz: number, level = -10) =>
    Int16Array.from(
      { length: 4000 },
      (_, index) => peak(level) * Math.sin((2 * Math.PI * hertz * index) / 8000),
    );
  for (const hertz of [697, 770, 941, 1209, 1477, 1633]) assert.equal(keysIn(sine(hertz)), '', `${hertz}`);
  assert.equal(keysIn(mixed(mixed(sine(697), sine(770)), sine(1209))), '');
  assert.equal(keysIn(mixed(mixed(sine(697), sine(1209)), sine(1477))), '');
  assert.equal(keysIn(mixed(sine(350), sine(440))), '');
  assert.equal(keysIn(mixed(sine(480), sine(620))), '');
  for (let seed = 1; seed < 10; seed++) assert.equal(keysIn(noise(2000, -10, seed)), '');
});

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';

test('talk-off: speech is no key', { skip: missing('/usr/bin/sox', SOUNDS) }, () => {
  const files = readdirSync(SOUNDS).filter((name) => name.endsWith('.wav'));
  assert.ok(existsSync(join(SOUNDS, 'vm-intro.wav')) && files.length > 100);
  let seconds = 0;
  const imagined: string[] = [];
  for (const file of files.slice(0, 150)) {
    const speech = readSound(join(SOUNDS, file));
    seconds += speech.length / 8000;
    for (const { key, onset } of hear(speech)) imagined.push(`${key} in ${file} at ${onset / 8} ms`);
  }
  assert.ok(seconds > 200, `${seconds} s of speech`);
  assert.deepEqual(imagined, []);
});
