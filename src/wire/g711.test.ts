import assert from 'node:assert/strict';
import { test } from 'node:test';
import alawmulaw from 'alawmulaw';
import { decodeG711, encodeG711, type G711, SILENCE } from './g711.ts';

const { alaw, mulaw } = alawmulaw;
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const ALL_SAMPLES = Int16Array.from({ length: 65536 }, (_, index) => index - 32768);

function decode(law: G711, bytes: Uint8Array): Int16Array {
  const samples = new Int16Array(bytes.length);
  decodeG711(law, bytes, 0, bytes.length, samples, 0);
  return samples;
}

function encode(law: G711, samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length);
  encodeG711(law, samples, 0, samples.length, bytes, 0);
  return bytes;
}

test('every byte of both laws decodes as an independent implementation decodes it', () => {
  assert.deepEqual(decode('PCMU', ALL_BYTES), mulaw.decode(ALL_BYTES));
  assert.deepEqual(decode('PCMA', ALL_BYTES), alaw.decode(ALL_BYTES));
});

test('every sample encodes to µ-law as an independent implementation encodes it', () => {
  assert.deepEqual(encode('PCMU', ALL_SAMPLES), mulaw.encode(ALL_SAMPLES));
});

test('every sample encodes to A-law as an independent implementation encodes it, but for the decision levels below zero', () => {
  const ours = encode('PCMA', ALL_SAMPLES);
  const theirs = alaw.encode(ALL_SAMPLES);
  // It negates where G.711 complements: on a decision level itself the two pick neighbouring, equally near values.
  for (const [index, sample] of ALL_SAMPLES.entries()) {
    if (ours[index] === theirs[index]) continue;
    assert.ok(sample < 0 && -sample % 16 === 0, `sample ${sample}`);
  }
});

test('the values of the tables in G.711 come out: the extremes and the smallest steps', () => {
  assert.deepEqual(
    [...decode('PCMU', Uint8Array.of(0x00, 0x80, 0x7f, 0xff, 0xfe))],
    [-32124, 32124, 0, 0, 8],
  );
  assert.deepEqual(
    [...decode('PCMA', Uint8Array.of(0x2a, 0xaa, 0x55, 0xd5, 0xd4))],
    [-32256, 32256, -8, 8, 24],
  );
});

test('what was decoded encodes to the same byte again', () => {
  for (const law of ['PCMU', 'PCMA'] as const) {
    const again = encode(law, decode(law, ALL_BYTES));
    // µ-law has two zeros; the negative one comes back as the positive.
    for (const byte of ALL_BYTES) assert.equal(again[byte], law === 'PCMU' && byte === 0x7f ? 0xff : byte);
  }
});

test('the error of a round trip stays within the step of its segment', () => {
  for (const law of ['PCMU', 'PCMA'] as const) {
    const heard = decode(law, encode(law, ALL_SAMPLES));
    for (const [index, sample] of ALL_SAMPLES.entries()) {
      const allowed = Math.max(16, Math.abs(sample) / 31 + 8, Math.abs(sample) - 32124);
      assert.ok(Math.abs(heard[index]! - sample) <= allowed, `${law} ${sample} → ${heard[index]}`);
    }
  }
});

test('the silence bytes are silence', () => {
  assert.equal(decode('PCMU', Uint8Array.of(SILENCE.PCMU))[0], 0);
  assert.equal(decode('PCMA', Uint8Array.of(SILENCE.PCMA))[0], 8);
  assert.equal(encode('PCMU', Int16Array.of(0))[0], SILENCE.PCMU);
  assert.equal(encode('PCMA', Int16Array.of(0))[0], SILENCE.PCMA);
});

test('a part is decoded and encoded to its place, and nothing around it is touched', () => {
  const samples = new Int16Array(6).fill(7);
  decodeG711('PCMU', Uint8Array.of(1, 0x80, 0, 1), 1, 3, samples, 2);
  assert.deepEqual([...samples], [7, 7, 32124, -32124, 7, 7]);
  const bytes = new Uint8Array(4).fill(9);
  encodeG711('PCMU', samples, 2, 4, bytes, 1);
  assert.deepEqual([...bytes], [9, 0x80, 0, 9]);
});
