import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSound, rms } from '../../test/support/audio.ts';
import { missing } from '../../test/support/tools.ts';
import { Concealment } from './concealment.ts';

const PROMPT = '/usr/share/asterisk/sounds/en_US_f_Allison';

function sine(hz: number, rate: number, length: number): Int16Array {
  return Int16Array.from({ length }, (_, i) => 8000 * Math.sin((2 * Math.PI * hz * i) / rate));
}

/** Every tenth 20 ms are lost; what is heard then, without and with concealment. */
function lose(samples: Int16Array, rate: number): { zeros: Int16Array; concealed: Int16Array } {
  const packet = rate / 50;
  const concealment = new Concealment(rate);
  const past = new Int16Array(Math.ceil(concealment.reach / packet) * packet);
  const concealed = samples.slice();
  const zeros = samples.slice();
  for (let at = 0, n = 0; at + packet <= samples.length; at += packet, n++) {
    if (n % 10 === 7) {
      zeros.fill(0, at, at + packet);
      concealment.conceal(past, at % past.length, concealed, at, packet);
    } else concealment.join(concealed, at, packet);
    past.set(concealed.subarray(at, at + packet), at % past.length);
  }
  return { zeros, concealed };
}

function correlation(a: Int16Array, b: Int16Array): number {
  let ab = 0;
  for (let i = 0; i < a.length; i++) ab += a[i]! * b[i]!;
  return ab / (rms(a) * rms(b) * a.length);
}

/** The largest step from one sample to the next. */
function steepest(samples: Int16Array): number {
  let most = 0;
  for (let i = 1; i < samples.length; i++) most = Math.max(most, Math.abs(samples[i]! - samples[i - 1]!));
  return most;
}

for (const rate of [8000, 16_000]) {
  test(`speech with every tenth packet lost is more like itself than with holes, at ${rate} Hz`, {
    skip: missing('/usr/bin/sox', PROMPT),
  }, () => {
    for (const [name, share] of [
      ['demo-instruct', 0.85],
      ['demo-congrats', 0.97],
      ['vm-intro', 1],
    ] as const) {
      const original = readSound(`${PROMPT}/${name}.wav`, rate).subarray(0, 20 * rate);
      const { zeros, concealed } = lose(original, rate);
      const error = (heard: Int16Array) => rms(original.map((sample, i) => sample - heard[i]!));
      assert.ok(correlation(original, concealed) > correlation(original, zeros), name);
      assert.ok(error(concealed) < share * error(zeros), `${name}: ${error(concealed) / error(zeros)}`);
      // A hole has an edge wherever it is loud; what is made up has none that speech itself has not.
      assert.ok(steepest(concealed) <= 1.1 * steepest(original), name);
    }
  });

  test(`a steady tone goes on through 10 ms without a click, at ${rate} Hz`, () => {
    for (const hz of [100, 150, 200, 440]) {
      const tone = sine(hz, rate, rate);
      const lost = rate / 100;
      const concealment = new Concealment(rate);
      const heard = tone.slice();
      const at = rate / 2;
      concealment.conceal(tone.slice(0, at), at, heard, at, lost);
      concealment.join(heard, at + lost, lost);
      assert.ok(steepest(heard) < 1.5 * steepest(tone), `${hz} Hz`);
      assert.ok(correlation(heard.subarray(at, at + lost), tone.subarray(at, at + lost)) > 0.8, `${hz} Hz`);
    }
  });

  test(`what is made up fades from 10 ms on and is silence from 60 ms on, at ${rate} Hz`, () => {
    const past = sine(200, rate, rate);
    const out = new Int16Array(rate / 5);
    const concealment = new Concealment(rate);
    const ms = rate / 1000;
    // In uneven pieces: the fade is that of the whole loss.
    for (let at = 0; at < out.length; at += 7 * ms)
      concealment.conceal(past, past.length, out, at, Math.min(7 * ms, out.length - at));
    const level = (from: number) => rms(out.subarray(from * ms, (from + 5) * ms)) / rms(past);
    assert.ok(level(5) > 0.9);
    assert.ok(Math.abs(level(30) - 0.55) < 0.1, `${level(30)}`);
    assert.ok(level(50) < 0.25);
    assert.ok(out.subarray(60 * ms).every((sample) => sample === 0));
  });
}

test('the past may be a ring that begins anywhere, and is read only once', () => {
  const straight = sine(130, 8000, 400);
  const ring = new Int16Array(400);
  for (let i = 0; i < 400; i++) ring[(i + 123) % 400] = straight[i]!;
  const of = (past: Int16Array, end: number) => {
    const concealment = new Concealment(8000);
    const out = new Int16Array(160);
    concealment.conceal(past, end, out, 0, 80);
    concealment.conceal(new Int16Array(400), 0, out, 80, 80);
    return out;
  };
  assert.deepEqual(of(ring, 123), of(straight, 400));
});

test('audio that nothing was lost before is left as it is', () => {
  const concealment = new Concealment(8000);
  const samples = sine(300, 8000, 160);
  const before = samples.slice();
  concealment.join(samples, 0, 160);
  assert.deepEqual(samples, before);
  concealment.conceal(before, 160, new Int16Array(80), 0, 80);
  concealment.reset();
  concealment.join(samples, 0, 160);
  assert.deepEqual(samples, before);
});

test('after a long silence the voice comes in smoothly, and silence is concealed by silence', () => {
  const concealment = new Concealment(8000);
  const out = new Int16Array(8000);
  concealment.conceal(sine(200, 8000, 400), 400, out, 0, 8000);
  const samples = new Int16Array(160).fill(8000);
  concealment.join(samples, 0, 160);
  assert.ok(samples[0]! < 300 && steepest(samples) < 300);
  assert.equal(samples[159], 8000);
  concealment.conceal(new Int16Array(400), 400, out, 0, 800);
  assert.ok(out.subarray(0, 800).every((sample) => sample === 0));
});
