import assert from 'node:assert/strict';
import { createSecretKey, webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { NONE, newSegments, segmentsOf } from './segments.ts';

const bytes = (from: number, length: number) => Buffer.from(Array.from({ length }, (_, at) => from + at));
const KEY = createSecretKey(bytes(0, 32));
const SALT = bytes(32, 32);
const FIRST = { number: 0, after: NONE, last: false };

test('the format is what it was', () => {
  const { header, segments } = newSegments(KEY, 'file a', SALT);
  assert.equal(header.toString('hex'), `544f4e4541524d01${SALT.toString('hex')}`);
  assert.equal(
    segments.encrypt(Buffer.from('Tonearm'), FIRST).toString('hex'),
    '200aa57e911fc1770ce6ea62ded5c10ff71e0c241b7716',
  );
  assert.equal(
    segments.encrypt(Buffer.from('Tonearm'), { number: 258, after: 257, last: true }).toString('hex'),
    '735b0a49f6a9e25697f032a4ec39d1020c3ba05ff4e757',
  );
});

test('it is the documented one, as another implementation has it', async () => {
  const { header, segments } = newSegments(KEY, 'file ä', SALT);
  const plain = bytes(7, 100);
  const encrypted = segments.encrypt(plain, { number: 0x01020304, after: 0x01020303, last: true });
  const { subtle } = webcrypto;
  const derivation = {
    name: 'HKDF',
    hash: 'SHA-256',
    salt: header.subarray(8),
    info: Buffer.from('tonearm recording 1'),
  };
  const key = await subtle.deriveKey(
    derivation,
    await subtle.importKey('raw', bytes(0, 32), 'HKDF', false, ['deriveKey']),
    { name: 'AES-GCM', length: 256 },
    false,
    ['decrypt'],
  );
  const additionalData = Buffer.concat([Buffer.from('file ä'), Buffer.from('010203040102030301', 'hex')]);
  const iv = Buffer.from('000000000000000001020304', 'hex');
  const decrypted = await subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, key, encrypted);
  assert.ok(plain.equals(Buffer.from(decrypted)));
});

test('the same audio is never the same twice', () => {
  const once = newSegments(KEY, 'file a');
  const again = newSegments(KEY, 'file a');
  assert.notDeepEqual(once.header, again.header);
  assert.notDeepEqual(once.segments.encrypt(bytes(0, 9), FIRST), again.segments.encrypt(bytes(0, 9), FIRST));
});

test('a segment is taken at its own place only', () => {
  const { header, segments } = newSegments(KEY, 'file a');
  const encrypted = segments.encrypt(bytes(0, 50), FIRST);
  assert.ok(bytes(0, 50).equals(segments.decrypt(encrypted, FIRST)));
  for (const place of [{ number: 1 }, { after: 0 }, { last: true }])
    assert.throws(
      () => segments.decrypt(encrypted, { ...FIRST, ...place }),
      /was changed, or stood elsewhere/,
    );
  assert.throws(() => segmentsOf(header, KEY, 'file b').decrypt(encrypted, FIRST), /was changed/);
  const otherKey = createSecretKey(bytes(1, 32));
  assert.throws(() => segmentsOf(header, otherKey, 'file a').decrypt(encrypted, FIRST), /was changed/);
  for (let length = 0; length < encrypted.length; length++)
    assert.throws(() => segments.decrypt(encrypted.subarray(0, length), FIRST), /was changed|is cut off/);
});

test('what does not begin as it should, or is of a later version, is refused', () => {
  const { header } = newSegments(KEY, 'file a');
  for (const at of [0, 6, 7]) {
    const other = Buffer.from(header);
    other[at]! ^= 3;
    assert.throws(() => segmentsOf(other, KEY, 'file a'), /does not begin as/);
  }
  assert.throws(() => segmentsOf(header.subarray(1), KEY, 'file a'), /does not begin as/);
});
