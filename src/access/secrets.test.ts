import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { createSecretChecker, hashSecret, isSecretHash } from './secrets.ts';

test('a hash tells nothing of the secret but that it is right', async () => {
  const hash = await hashSecret('open sesame');
  assert.ok(isSecretHash(hash));
  assert.ok(!hash.includes('sesame'));
  assert.notEqual(await hashSecret('open sesame'), hash, 'each has its own salt');
  const [, N, r, p, salt = '', key] = hash.split('$');
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const expected = scryptSync('open sesame', Buffer.from(salt, 'base64url'), 32, cost);
  assert.equal(key, expected.toString('base64url'));
});

test('what is no hash, or would take for ever, is told as such', () => {
  const salted = `${'a'.repeat(22)}$${'b'.repeat(43)}`;
  for (const text of [
    '',
    'dev-secret',
    `bcrypt$16384$8$1$${salted}`,
    `scrypt$16383$8$1$${salted}`,
    `scrypt$9999999$8$1$${salted}`,
    `scrypt$1048576$64$1$${salted}`,
    `scrypt$16384$0$1$${salted}`,
    'scrypt$16384$8$1$short$short',
  ]) {
    assert.equal(isSecretHash(text), false, text);
  }
  assert.ok(isSecretHash(`scrypt$16384$8$1$${salted}`));
});

test('plain and hashed secrets are right until they are taken away or their time is over', async () => {
  const clock = new VirtualClock();
  const { check } = createSecretChecker(clock);
  const old = { hash: await hashSecret('old'), until: clock.now() + 3_600_000 };
  const credentials = { id: 'bot', secret: 'plain', hashes: [{ hash: await hashSecret('new') }, old] };
  for (const secret of ['plain', 'new', 'old', 'old'])
    assert.equal(await check(credentials, secret), true, secret);
  assert.equal(await check(credentials, 'other'), false);
  assert.equal(await check({ ...credentials, id: 'another', hashes: [] }, 'new'), false);
  await clock.advance(3_600_000);
  assert.equal(await check(credentials, 'old'), false);
  assert.equal(
    await check({ id: 'bot', secret: 'plain' }, 'new'),
    false,
    'taken away, though it was right before',
  );
});

test('nobody, and one without a secret, gets in with anything', async () => {
  const { check } = createSecretChecker(new VirtualClock());
  for (const secret of ['', 'undefined', 'plain']) {
    assert.equal(await check(undefined, secret), false);
    assert.equal(await check({ id: 'bot' }, secret), false);
  }
});

test('more at once than can be checked are turned away, and the others are right', async () => {
  const { check } = createSecretChecker(new VirtualClock());
  const credentials = { id: 'bot', hashes: [{ hash: await hashSecret('right') }] };
  await check(credentials, 'warm');
  assert.equal(await check(credentials, 'right'), true);
  const guesses = Array.from({ length: 200 }, (_, index) => check(credentials, `wrong ${index}`));
  assert.equal(await check(credentials, 'right'), true, 'who was right before gets in meanwhile');
  const results = await Promise.all(guesses);
  assert.ok(results.includes('busy'));
  assert.ok(results.includes(false));
  assert.ok(!results.includes(true));
  assert.equal(await check(credentials, 'right'), true);
});
