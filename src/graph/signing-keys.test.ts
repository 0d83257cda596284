import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { openSigningKeys, type SigningKeys } from './signing-keys.ts';

const DAY = 86_400_000;
const kidsOf = (keys: SigningKeys) => keys.jwks.keys.map(({ kid }) => kid);

/** Lets the real work of making a key come to its end: it is done on threads, beside any clock. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

async function stage(lifetimeMs = 10 * DAY) {
  const clock = new VirtualClock();
  const store = new MemoryStore(() => clock.now());
  return { clock, store, keys: await openSigningKeys({ store, clock, lifetimeMs }) };
}

test('a key is published a day before it signs, and signs when the old one has had its time', async () => {
  const { clock, keys } = await stage();
  const first = keys.current.kid;
  await clock.advance(9 * DAY - 3_600_000);
  assert.deepEqual(kidsOf(keys), [first]);
  await clock.advance(3_600_000);
  await until(() => kidsOf(keys).length === 2);
  assert.equal(keys.current.kid, first, 'verifiers have not fetched the new one yet');
  await clock.advance(DAY);
  assert.equal(keys.current.kid, kidsOf(keys)[1]);
  keys.close();
  assert.equal(clock.timers, 0);
});

test('a key is published until all that it signed has expired, and is then forgotten', async () => {
  const { clock, store, keys } = await stage();
  const first = keys.current;
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', kid: first.kid })
    .sign(first.privateKey);
  await clock.advance(9 * DAY);
  await until(() => kidsOf(keys).length === 2);
  await clock.advance(3 * DAY - 3_600_000);
  await jwtVerify(token, keys.verify);
  await clock.advance(3_600_000);
  await until(() => kidsOf(keys).length === 1);
  await assert.rejects(jwtVerify(token, keys.verify));
  assert.equal(await store.get(`key/signing/${first.kid}`), undefined);
  assert.equal(keys.current.kid, kidsOf(keys)[0]);
  keys.close();
});

test('what was published stays published over a restart', async () => {
  const { clock, store, keys } = await stage();
  await clock.advance(9 * DAY);
  await until(() => kidsOf(keys).length === 2);
  const again = await openSigningKeys({ store, clock, lifetimeMs: 10 * DAY });
  assert.deepEqual(kidsOf(again), kidsOf(keys));
  assert.equal(again.current.kid, keys.current.kid);
});

test('the one key of an earlier version goes on signing', async () => {
  const clock = new VirtualClock();
  const store = new MemoryStore(() => clock.now());
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  await store.put('key/signing', { ...(await exportJWK(privateKey)), kid: 'old' });
  const keys = await openSigningKeys({ store, clock });
  assert.deepEqual([keys.current.kid, kidsOf(keys)], ['old', ['old']]);
  assert.equal(await store.get('key/signing'), undefined);
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', kid: 'old' })
    .sign(keys.current.privateKey);
  await jwtVerify(token, createLocalJWKSet(keys.jwks));
});
