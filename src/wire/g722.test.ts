import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { locate, readSound, toneShare } from '../../test/support/audio.ts';
import { missing } from '../../test/support/tools.ts';
import { G722Decoder, G722Encoder } from './g722.ts';

const PROMPTS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const speech = () => readFileSync(`${PROMPTS}/vm-intro.g722`);

function decode(bytes: Uint8Array, decoder = new G722Decoder()): Int16Array {
  const samples = new Int16Array(2 * bytes.length);
  decoder.decode(bytes, 0, bytes.length, samples, 0);
  return samples;
}

function encode(samples: Int16Array, encoder = new G722Encoder()): Uint8Array {
  const bytes = new Uint8Array(samples.length / 2);
  encoder.encode(samples, 0, samples.length, bytes, 0);
  return bytes;
}

/** Bytes of no meaning, the same ones each time. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

function sine(hz: number, amplitude: number, length = 16_000): Int16Array {
  return Int16Array.from({ length }, (_, i) => amplitude * Math.sin((2 * Math.PI * hz * i) / 16_000));
}

function ffmpeg(format: readonly string[], input: Uint8Array, codec: readonly string[]): Buffer {
  return execFileSync('ffmpeg', ['-v', 'error', ...format, '-i', 'pipe:0', ...codec, 'pipe:1'], {
    input,
    maxBuffer: 1 << 26,
  });
}
const RAW = ['-f', 's16le', '-ar', '16000', '-ac', '1'];
const bytesOf = (samples: Int16Array) => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);

/** What lies within 1–3 kHz. */
function middleOf(samples: Int16Array): Int16Array {
  const raw = ['-t', 'raw', '-r', '16000', '-e', 'signed', '-b', '16', '-c', '1'];
  const filtered = execFileSync('sox', [...raw, '-', ...raw, '-', 'sinc', '1000-3000'], {
    input: bytesOf(samples),
    maxBuffer: 1 << 26,
  });
  return new Int16Array(filtered.buffer.slice(filtered.byteOffset, filtered.byteOffset + filtered.length));
}

/** Ratio of signal to error, dB, the codec's delay of 22 samples taken out. */
function signalToNoise(original: Int16Array, decoded: Int16Array, delay = 22): number {
  let signal = 0;
  let error = 0;
  for (let i = 0; i + delay < decoded.length; i++) {
    signal += original[i]! ** 2;
    error += (original[i]! - decoded[i + delay]!) ** 2;
  }
  return 10 * Math.log10(signal / error);
}

test('what ffmpeg decodes of speech and of noise we decode to the same bit', {
  skip: missing('/usr/bin/ffmpeg', `${PROMPTS}/vm-intro.g722`),
}, () => {
  for (const bytes of [speech(), noise(16_000)]) {
    const theirs = ffmpeg(['-f', 'g722'], bytes, ['-f', 's16le']);
    assert.ok(bytesOf(decode(bytes)).equals(theirs));
  }
});

test('what ffmpeg encodes we encode to the same bit', {
  skip: missing('/usr/bin/ffmpeg', `${PROMPTS}/vm-intro.g722`),
}, () => {
  const loud = decode(noise(16_000));
  for (const samples of [decode(speech()), loud, sine(1000, 32_767), sine(7000, 20_000)]) {
    const theirs = ffmpeg(RAW, bytesOf(samples), ['-c:a', 'g722', '-f', 'g722']);
    assert.ok(theirs.equals(encode(samples)));
  }
});

test('a prompt in G.722 says what the same prompt says as WAV', {
  skip: missing('/usr/bin/sox', `${PROMPTS}/vm-intro.g722`, PROMPTS),
}, () => {
  for (const name of ['vm-intro', 'digits/7', 'activated']) {
    const wide = decode(readFileSync(`${PROMPTS}/${name}.g722`));
    const narrow = readSound(`${PROMPTS}/${name}.wav`, 16_000);
    // The WAV files went through a telephone's filter, which shifts phases at the edges of its band.
    const found = locate(middleOf(narrow), middleOf(wide));
    assert.ok(found.correlation > 0.95, `${name}: ${found.correlation}`);
    assert.ok(Math.abs(found.offset - 22) <= 3, `${name}: ${found.offset} samples late`);
    assert.ok(Math.abs(wide.length - narrow.length) < 3200);
  }
});

test('speech that is encoded and decoded again is the speech that it was', {
  skip: missing(`${PROMPTS}/vm-intro.g722`),
}, () => {
  const original = decode(speech());
  assert.ok(signalToNoise(original, decode(encode(original))) > 15);
});

test('tones of both bands come through', () => {
  for (const hz of [100, 400, 1000, 2500, 3400, 4500, 6000, 6800]) {
    const decoded = decode(encode(sine(hz, 8000)));
    assert.ok(toneShare(decoded.subarray(1600), hz, 16_000) > 0.97, `${hz} Hz`);
  }
});

test('silence decodes to next to nothing, and full scale does not wrap', () => {
  assert.ok(decode(encode(new Int16Array(3200))).every((sample) => Math.abs(sample) < 16));
  const square = Int16Array.from({ length: 3200 }, (_, i) => (i % 40 < 20 ? 32_767 : -32_768));
  const decoded = decode(encode(square));
  for (let i = 320 + 22; i < 3200; i++)
    if (Math.abs(square[i - 22]!) > 30_000 && (i - 22) % 20 === 10)
      assert.ok(Math.sign(decoded[i]!) === Math.sign(square[i - 22]!), `at ${i}`);
});

test('every byte decodes, in whatever state the decoder is', () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  for (const before of [new Uint8Array(0), noise(500), new Uint8Array(500), new Uint8Array(500).fill(0xff)]) {
    const decoder = new G722Decoder();
    decode(before, decoder);
    const first = decode(all, decoder);
    decoder.reset();
    assert.deepEqual(decode(all, decoder), decode(all), 'as new after a reset');
    assert.equal(first.length, 512);
  }
  for (const byte of all) {
    const decoded = decode(new Uint8Array(800).fill(byte));
    assert.ok(
      decoded.every((sample) => Number.isInteger(sample)),
      `byte ${byte}`,
    );
  }
});

test('audio that comes in pieces, cut short anywhere, is what it was in one piece', () => {
  const bytes = noise(400);
  const whole = decode(bytes);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const decoder = new G722Decoder();
    const out = new Int16Array(802).fill(7);
    decoder.decode(bytes, 0, cut, out, 1);
    assert.equal(out[0], 7);
    assert.equal(out[1 + 2 * cut], 7, 'no sample more than the bytes have');
    decoder.decode(bytes, cut, bytes.length, out, 1 + 2 * cut);
    assert.deepEqual(out.subarray(1, 801), whole);
  }
  const encoder = new G722Encoder();
  const pieces = new Uint8Array(400);
  for (const [from, to] of [
    [0, 2],
    [2, 2],
    [2, 480],
    [480, 800],
  ] as const)
    encoder.encode(whole, from, to, pieces, from / 2);
  assert.deepEqual(pieces, encode(whole));
});
