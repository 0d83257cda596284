import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { collect } from '../../test/support/recordings.ts';
import { encryptedTarget, SEGMENT } from './encrypted-file.ts';
import { readRange } from './finished-file.ts';
import { HEADER_BYTES, type RecordingKey, TAG_BYTES } from './segments.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-encrypted-file-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const KEY: RecordingKey = { recordingId: 'a', key: createSecretKey(new Uint8Array(32).fill(7)) };
const STORED = SEGMENT + TAG_BYTES;
const plain = randomBytes(3 * SEGMENT + 5);
let files = 0;

/** An encrypted file of these bytes, in pieces of `piece`. */
function written(
  bytes: Uint8Array,
  { key = KEY, piece = 10_000, salt = undefined as Uint8Array | undefined } = {},
) {
  const path = join(folder, `${++files}`);
  const file = openSync(path, 'w');
  const target = encryptedTarget(file, key, salt);
  for (let at = 0; at < bytes.length; at += piece) target.append(bytes.subarray(at, at + piece));
  target.end();
  closeSync(file);
  return path;
}

/** What is read of a file that is said to have so many bytes. */
const read = (path: string, bytes: number, start = 0, end = bytes, key = KEY) =>
  collect(readRange(path, start, end, { ...key, bytes }));

const refused = { code: 'readFailed' };

test('the format is what it was', () => {
  const salt = Uint8Array.from({ length: 32 }, (_, at) => at);
  const path = written(Buffer.from('Tonearm'), { salt });
  assert.equal(
    readFileSync(path, 'hex'),
    '544f4e4541524d01000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f7056325b47bb91428df587fff738aed42f5ff41231fc36',
  );
});

test('every range is read as it was written, at every boundary', async () => {
  for (const length of [1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, plain.length]) {
    const bytes = plain.subarray(0, length);
    const path = written(bytes);
    const segments = Math.ceil(length / SEGMENT);
    assert.equal(readFileSync(path).length, HEADER_BYTES + length + segments * TAG_BYTES);
    const edges = [0, 1, SEGMENT, 2 * SEGMENT, 3 * SEGMENT, length].flatMap((at) => [at - 1, at, at + 1]);
    const inside = [...new Set(edges)].filter((at) => at >= 0 && at <= length);
    for (const start of inside)
      for (const end of inside)
        if (start <= end)
          assert.ok(
            (await read(path, length, start, end)).equals(bytes.subarray(start, end)),
            `${start}-${end}`,
          );
  }
});

test('it does not matter in which pieces a file is written', async () => {
  for (const piece of [1000, SEGMENT, SEGMENT + 1, plain.length])
    assert.ok((await read(written(plain, { piece }), plain.length)).equals(plain));
});

test('what is patched in the beginning is never on the disk as it was', async () => {
  for (const length of [100, SEGMENT, 2 * SEGMENT + 9]) {
    const path = join(folder, `${++files}`);
    const file = openSync(path, 'w');
    const target = encryptedTarget(file, KEY);
    target.append(plain.subarray(0, length));
    assert.ok(
      readFileSync(path)
        .subarray(HEADER_BYTES, HEADER_BYTES + 100)
        .every((byte) => byte === 0),
    );
    target.patch(Buffer.from('patched'), 12);
    target.end();
    closeSync(file);
    const expected = Buffer.from(plain.subarray(0, length));
    expected.write('patched', 12);
    assert.ok((await read(path, length)).equals(expected));
  }
});

test('a change at any byte of a file is refused', async () => {
  const path = written(plain.subarray(0, 100));
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1 << (at % 8);
    writeFileSync(path, changed);
    await assert.rejects(read(path, 100), refused, `byte ${at}`);
  }
});

test('a file that was cut off is refused, at every byte, and where a segment ends', async () => {
  const path = written(plain.subarray(0, 100));
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    await assert.rejects(read(path, 100), refused, `${length} bytes`);
  }
  const longer = written(plain);
  writeFileSync(longer, readFileSync(longer).subarray(0, HEADER_BYTES + 2 * STORED));
  await assert.rejects(read(longer, plain.length), refused);
  await assert.rejects(read(longer, 2 * SEGMENT), refused, 'although its length was changed as well');
  assert.ok(
    (await read(longer, plain.length, 0, SEGMENT)).equals(plain.subarray(0, SEGMENT)),
    'what is there is read',
  );
});

test('segments that changed places, came twice, or are of another file are refused', async () => {
  const path = written(plain);
  const whole = readFileSync(path);
  const others = readFileSync(written(plain));
  const stored = (file: Buffer, number: number) =>
    file.subarray(HEADER_BYTES + number * STORED, HEADER_BYTES + (number + 1) * STORED);
  const rest = whole.subarray(HEADER_BYTES + 2 * STORED);
  const header = whole.subarray(0, HEADER_BYTES);
  for (const [first, second] of [
    [stored(whole, 1), stored(whole, 0)],
    [stored(whole, 0), stored(whole, 0)],
    [stored(whole, 0), stored(others, 1)],
    [stored(others, 0), stored(others, 1)],
  ] as const) {
    writeFileSync(path, Buffer.concat([header, first, second, rest]));
    await assert.rejects(read(path, plain.length), refused);
  }
  writeFileSync(path, whole);
  await assert.rejects(
    read(path, plain.length, 0, 10, { ...KEY, recordingId: 'b' }),
    refused,
    'of another recording',
  );
  const otherKey = createSecretKey(new Uint8Array(32).fill(8));
  await assert.rejects(read(path, plain.length, 0, 10, { ...KEY, key: otherKey }), refused);
});
