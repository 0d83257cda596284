import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import { SignJWT } from 'jose';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { accessTokens } from './access-token.ts';

const key = new Uint8Array(32).fill(7);
const mine = '11111111-1111-4111-8111-111111111111';
const other = '22222222-2222-4222-8222-222222222222';

test('a token opens the recording it was issued for, and is known as that of another', async () => {
  const clock = new VirtualClock();
  const tokens = accessTokens(key, clock);
  const token = await tokens.issue(mine, clock.now() + 60_000);
  assert.equal(await tokens.check(mine, token), 'ok');
  assert.equal(await tokens.check(other, token), 'otherRecording');
});

test('a token is good until its expiry and not after', async () => {
  const clock = new VirtualClock();
  const tokens = accessTokens(key, clock);
  const token = await tokens.issue(mine, clock.now() + 60_000);
  await clock.advance(59_999);
  assert.equal(await tokens.check(mine, token), 'ok');
  await clock.advance(1);
  assert.equal(await tokens.check(mine, token), 'invalid');
  assert.equal(await tokens.check(other, token), 'invalid', 'an expired token of another is just invalid');
});

test('tokens of another key, changed ones and plain nonsense are invalid', async () => {
  const clock = new VirtualClock();
  const tokens = accessTokens(key, clock);
  const strange = await accessTokens(new Uint8Array(32).fill(8), clock).issue(mine, clock.now() + 60_000);
  const token = await tokens.issue(mine, clock.now() + 60_000);
  const [head, body, signature] = token.split('.');
  const forged = Buffer.from(JSON.stringify({ sub: other, exp: 9e9 })).toString('base64url');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const bad = [
    strange,
    `${head}.${forged}.${signature}`,
    `${none}.${body}.`,
    `${head}.${body}`,
    `${head}.${body}.${signature}x`,
    '',
    'x',
    'a.b.c',
    '\u0000',
    'a'.repeat(100_000),
  ];
  for (const text of bad) assert.equal(await tokens.check(mine, text), 'invalid', text.slice(0, 40));
});

test('a token that the same key signed for another use is invalid', async () => {
  const clock = new VirtualClock();
  const sign = (claims: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(createSecretKey(key));
  const tokens = accessTokens(key, clock);
  const exp = Math.floor(clock.now() / 1000) + 60;
  const full = { sub: mine, exp, iss: 'tonearm', aud: 'tonearm/recording' };
  assert.equal(await tokens.check(mine, await sign(full)), 'ok');
  for (const missing of ['sub', 'exp', 'iss', 'aud'] as const) {
    const { [missing]: _, ...rest } = full;
    assert.equal(await tokens.check(mine, await sign(rest)), 'invalid', `without ${missing}`);
  }
  assert.equal(await tokens.check(mine, await sign({ ...full, aud: 'bot' })), 'invalid');
});

test('a key of less than 256 bits is refused', () => {
  assert.throws(() => accessTokens(new Uint8Array(31), new VirtualClock()), { code: 'tokenKeyTooShort' });
});
