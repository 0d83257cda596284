import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { masterKeys } from './master-keys.ts';

const OLD = new Uint8Array(32).fill(1);
const NEW = new Uint8Array(32).fill(2);
const A = 'a'.repeat(36);

test('a key is wrapped for its recording, and only that one gets it back', () => {
  const keys = masterKeys([OLD]);
  const made = keys.make(A);
  assert.ok(made);
  assert.equal(made.key.symmetricKeySize, 32);
  assert.ok(keys.unwrap(A, made.wrapped).equals(made.key));
  assert.throws(() => keys.unwrap('b'.repeat(36), made.wrapped), { code: 'keyUnusable' });
  const changed = Buffer.from(made.wrapped.wrapped, 'base64');
  for (let at = 0; at < changed.length; at++) {
    changed[at]! ^= 1;
    const wrapped = changed.toString('base64');
    assert.throws(() => keys.unwrap(A, { ...made.wrapped, wrapped }), { code: 'keyUnusable' });
    changed[at]! ^= 1;
  }
});

test('a master key that is not there is named, by an id that is not the key', () => {
  const { wrapped } = masterKeys([OLD]).make(A) ?? assert.fail();
  for (const others of [masterKeys([]), masterKeys([NEW])])
    assert.throws(() => others.unwrap(A, wrapped), {
      code: 'masterKeyMissing',
      message: new RegExp(`${A}.*${wrapped.by}.*recordings\\.encryption`),
    });
  assert.match(wrapped.by, /^[0-9a-f]{16}$/);
  assert.equal(Buffer.from(OLD).toString('hex').includes(wrapped.by), false);
});

test('the first key wraps, all unwrap, and what an old one wrapped is wrapped anew', () => {
  const { key, wrapped } = masterKeys([OLD]).make(A) ?? assert.fail();
  const both = masterKeys([NEW, OLD]);
  assert.ok(both.unwrap(A, wrapped).equals(key));
  const anew = both.rewrap(A, wrapped);
  assert.ok(anew);
  assert.equal(both.rewrap(A, anew), undefined);
  assert.ok(masterKeys([NEW]).unwrap(A, anew).equals(key));
  assert.throws(() => masterKeys([OLD]).unwrap(A, anew), { code: 'masterKeyMissing' });
});

test('without a key, or when it is only to open older ones, new recordings have none', () => {
  const { wrapped } = masterKeys([OLD]).make(A) ?? assert.fail();
  assert.equal(masterKeys([]).make(A), undefined);
  const closing = masterKeys([OLD], { encryptNew: false });
  assert.equal(closing.make(A), undefined);
  assert.ok(closing.unwrap(A, wrapped));
});

test('a key shows nothing of itself where it is logged', () => {
  const { key } = masterKeys([OLD]).make(A) ?? assert.fail();
  const secret = key.export();
  for (const shown of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify({ key })])
    for (const form of ['hex', 'base64'] as const) assert.equal(shown.includes(secret.toString(form)), false);
});
