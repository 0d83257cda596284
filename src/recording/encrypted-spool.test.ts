import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { babble } from '../../test/support/recordings.ts';
import { EncryptedTake, EncryptedTakeReader } from './encrypted-spool.ts';
import { bytesOf } from './file-bytes.ts';
import { HEADER_BYTES, type RecordingKey } from './segments.ts';
import type { TakeShape } from './take.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-encrypted-spool-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const KEY: RecordingKey = { recordingId: 'a', key: createSecretKey(new Uint8Array(32).fill(7)) };
const SHAPE: TakeShape = { rate: 8000, channels: 1 };
let files = 0;

function newTake(t: { after(fn: () => void): void }, shape = SHAPE) {
  const path = join(folder, `${++files}`);
  const file = openSync(path, 'w+');
  t.after(() => closeSync(file));
  return { path, take: new EncryptedTake(file, KEY, shape) };
}

async function reading<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  await using file = await open(path, 'r');
  return await use(file);
}

const measured = (path: string, key = KEY, shape = SHAPE) =>
  reading(path, (file) => new EncryptedTakeReader(file, key, shape).measure());

async function samplesOf(path: string, at: number, length: number): Promise<Int16Array> {
  return reading(path, async (file) => {
    const samples = new Int16Array(length);
    await new EncryptedTakeReader(file, KEY, SHAPE).read(samples, at);
    return samples;
  });
}

/** Segments of these lengths, of babble. */
function filled(t: Parameters<typeof newTake>[0], lengths: readonly number[]) {
  const { path, take } = newTake(t);
  const samples = babble(lengths.reduce((a, b) => a + b));
  const ends: { readonly samples: number; readonly bytes: number }[] = [];
  let at = 0;
  for (const length of lengths) {
    take.write(samples.subarray(at, at + length), at);
    at += length;
    ends.push({ samples: at, bytes: readFileSync(path).length });
  }
  return { path, take, samples, ends };
}

test('a take is read as it was written, from anywhere on', async (t) => {
  const { path, samples } = filled(t, [100, 1, 4000, 800, 30_000, 7]);
  assert.deepEqual(await measured(path), { bytes: samples.byteLength });
  const all = samples.length;
  for (const [at, length] of [
    [0, all],
    [99, 2],
    [100, 1],
    [101, 4000],
    [4100, 3],
    [all - 1, 1],
    [all, 0],
  ] as const)
    assert.deepEqual(await samplesOf(path, at, length), samples.slice(at, at + length));
  await assert.rejects(samplesOf(path, all - 1, 2), /ends before sample/);
  assert.equal(readFileSync(path).includes(bytesOf(samples.subarray(0, 16))), false);
});

test('a reader reads along, goes back, and skips', async (t) => {
  const { path, take } = newTake(t);
  const samples = babble(3000);
  await reading(path, async (file) => {
    const reader = new EncryptedTakeReader(file, KEY, SHAPE);
    const read = async (at: number, length: number) => {
      const found = new Int16Array(length);
      await reader.read(found, at);
      assert.deepEqual(found, samples.slice(at, at + length));
    };
    take.write(samples.subarray(0, 1000), 0);
    await read(0, 600);
    await assert.rejects(read(600, 500), /ends before sample/);
    take.write(samples.subarray(1000, 2000), 1000);
    await read(600, 500);
    take.write(samples.subarray(2000), 2000);
    await read(2500, 500);
    await read(10, 2900);
  });
});

test('of a take that ends anywhere, all whole segments are kept', async (t) => {
  const { path, ends } = filled(t, [10, 20, 30]);
  const whole = readFileSync(path);
  for (let length = whole.length; length >= 0; length--) {
    truncateSync(path, length);
    const kept = ends.findLast(({ bytes }) => bytes <= length)?.samples ?? 0;
    assert.deepEqual(await measured(path), { bytes: 2 * kept }, `${length} bytes`);
  }
});

test('a change at any byte is noticed: what comes before is kept, and never anything else', async (t) => {
  const { path, samples, ends } = filled(t, [10, 20, 30]);
  const whole = readFileSync(path);
  const first = ends[0]?.bytes ?? 0;
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1 << (at % 8);
    writeFileSync(path, changed);
    if (at < first) {
      const found = await measured(path).catch(() => ({ bytes: 0 }));
      assert.equal(found.bytes, 0, `byte ${at}`);
      continue;
    }
    const kept = ends.findLast(({ bytes }) => bytes <= at)?.samples ?? 0;
    assert.equal((await measured(path)).bytes, 2 * kept, `byte ${at}`);
    assert.deepEqual(await samplesOf(path, 0, kept), samples.slice(0, kept));
  }
});

test('segments that changed places, came twice or were taken out are noticed', async (t) => {
  const { path } = filled(t, [10, 10, 10, 10]);
  const whole = readFileSync(path);
  const size = (whole.length - HEADER_BYTES) / 4;
  const [a, b, c, d] = [0, 1, 2, 3].map((n) =>
    whole.subarray(HEADER_BYTES + n * size, HEADER_BYTES + (n + 1) * size),
  ) as [Buffer, Buffer, Buffer, Buffer];
  const of = async (...segments: Buffer[]) => {
    writeFileSync(path, Buffer.concat([whole.subarray(0, HEADER_BYTES), ...segments]));
    return (await measured(path)).bytes / 20;
  };
  assert.equal(await of(a, b, c, d), 4);
  assert.equal(await of(a, c, b, d), 1);
  assert.equal(await of(a, b, b, c), 2);
  assert.equal(await of(a, b, d), 2);
  await assert.rejects(of(b, c, d), /segment 1 was changed/);
});

test('a segment that is written again takes the place of the other, under a number of its own', async (t) => {
  const { path, take } = newTake(t);
  const samples = babble(300);
  take.write(samples.subarray(0, 100), 0);
  take.write(babble(150, 2), 100);
  const stale = readFileSync(path);
  take.write(samples.subarray(100, 200), 100);
  assert.deepEqual(await measured(path), { bytes: 400 });
  take.write(samples.subarray(200), 200);
  assert.deepEqual(await samplesOf(path, 0, 300), samples);
  const now = readFileSync(path);
  assert.ok(now.length < stale.length + 300);
  const at = HEADER_BYTES + 8 + 200 + 16;
  assert.notEqual(stale.readUInt32BE(at + 4), now.readUInt32BE(at + 4), 'no number twice');
  assert.throws(() => take.write(samples.subarray(0, 10), 0), /was to be written at 300/);
  assert.throws(() => take.write(samples.subarray(0, 10), 301), /was to be written at 300/);
});

test('what was written beyond the end of a take goes when it ends', async (t) => {
  const { path, take, ends } = filled(t, [10, 20, 30]);
  take.end(30);
  assert.equal(readFileSync(path).length, ends[1]?.bytes);
  take.end(30);
  assert.deepEqual(await measured(path), { bytes: 60 });
});

test('a take can be cut anywhere, so that nothing of what follows is in it', async (t) => {
  for (const length of [0, 5, 10, 11, 30, 59, 60]) {
    const { path, take, samples } = filled(t, [10, 20, 30]);
    take.cut(length);
    assert.deepEqual(await measured(path), { bytes: 2 * length }, `${length} samples`);
    assert.deepEqual(await samplesOf(path, 0, length), samples.slice(0, length));
  }
});

test('another recording, key, rate or number of channels does not open it', async (t) => {
  const { path } = filled(t, [10, 20]);
  const otherKey = createSecretKey(new Uint8Array(32).fill(8));
  await assert.rejects(measured(path, { ...KEY, recordingId: 'b' }), /segment 0 was changed/);
  await assert.rejects(measured(path, { ...KEY, key: otherKey }), /segment 0 was changed/);
  await assert.rejects(measured(path, KEY, { rate: 16_000, channels: 1 }), /segment 0 was changed/);
  await assert.rejects(measured(path, KEY, { rate: 8000, channels: 2 }), /segment 0 was changed/);
});

test('both channels of a wide take lie in it', async (t) => {
  const shape: TakeShape = { rate: 16_000, channels: 2 };
  const { path, take } = newTake(t, shape);
  take.write(babble(400), 0);
  take.write(babble(800), 100);
  assert.deepEqual(await measured(path, KEY, shape), { bytes: 2400 });
});
