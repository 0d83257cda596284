import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HOME, setConsoleStage } from '../../../test/support/console-stage.ts';
import { renewAdminSecret } from './admin-secret.ts';

const ROUTES = [
  ['GET', '/console/session'],
  ['POST', '/console/sign-out'],
  ['GET', '/console/applications'],
  ['GET', '/console/calls'],
  ['GET', '/console/calls/57dab8b1-894c-409a-b240-bd8beae78896'],
  ['GET', '/console/calls/57dab8b1-894c-409a-b240-bd8beae78896/export'],
  ['POST', '/console/calls/57dab8b1-894c-409a-b240-bd8beae78896/try'],
  ['GET', '/console/recordings'],
  ['GET', '/console/recordings/57dab8b1-894c-409a-b240-bd8beae78896/content'],
  ['DELETE', '/console/recordings/57dab8b1-894c-409a-b240-bd8beae78896'],
  ['GET', '/console/undelivered'],
  ['POST', '/console/undelivered/57dab8b1-894c-409a-b240-bd8beae78896/resend'],
  ['GET', '/console/health'],
  ['GET', '/console/events'],
] as const;

test('the secret opens the console, and its hash is all that is kept of it', async (t) => {
  const { signIn, ask, secret, folder } = await setConsoleStage(t);
  const answer = await signIn();
  assert.equal(answer.statusCode, 204);
  const cookie = String(answer.headers['set-cookie']);
  assert.match(cookie, /^tonearm-8080=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
  const session = await ask('GET', '/console/session', { cookie: `other=1; ${cookie.split(';')[0]}` });
  const { csrfToken, ...rest } = session.json();
  assert.match(csrfToken, /^[\w-]{43}$/);
  assert.deepEqual(rest, {
    version: '1.2.3',
    publicUrl: HOME,
    webrtc: { url: 'ws://127.0.0.1:8080/sip', iceServers: [{ urls: 'stun:stun.example:3478' }] },
  });
  assert.equal(secret.fresh?.length, 32);
  for (const name of readdirSync(folder)) {
    const content = readFileSync(join(folder, name), 'utf8');
    assert.match(content, /"scrypt\$/);
    assert.ok(!content.includes(secret.fresh ?? ''));
  }
});

test('behind TLS the cookie is for TLS only, and for this host only', async (t) => {
  const { ask, secret } = await setConsoleStage(t, { publicUrl: 'https://console.example' });
  const host = 'console.example';
  const answer = await ask('POST', '/console/sign-in', { host }, { secret: secret.fresh });
  const cookie = String(answer.headers['set-cookie']);
  assert.match(cookie, /^__Host-tonearm=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  const session = await ask('GET', '/console/session', { host, cookie: cookie.split(';')[0] ?? '' });
  assert.equal(session.json().webrtc.url, 'wss://console.example/sip');
});

test('nothing is open to who is not signed in', async (t) => {
  const { ask } = await setConsoleStage(t);
  for (const [method, path] of ROUTES)
    for (const cookie of ['', `tonearm-8080=${'A'.repeat(43)}`, '__proto__=1']) {
      const answer = await ask(method, path, { cookie });
      assert.equal(answer.statusCode, 401, `${method} ${path}`);
      assert.equal(answer.json().error.code, 'notSignedIn');
    }
});

test('what is no secret opens nothing, and who guesses on is made to wait', async (t) => {
  const { ask, signIn, clock, audit } = await setConsoleStage(t);
  for (const body of [{}, { secret: 1 }, { secret: 'x'.repeat(1001) }, ['x']])
    assert.equal((await ask('POST', '/console/sign-in', {}, body)).statusCode, 400);
  for (let guess = 0; guess < 30; guess++) assert.equal((await signIn(`guess ${guess}`)).statusCode, 401);
  const refused = await signIn();
  assert.equal(refused.statusCode, 429);
  assert.equal(refused.headers['retry-after'], '60');
  assert.equal(refused.headers['set-cookie'], undefined);
  await clock.advance(60_000);
  assert.equal((await signIn()).statusCode, 204);
  assert.ok(!JSON.stringify(audit).includes('guess'));
  await signIn('another guess');
  const told = audit.filter(({ event }) => event === 'consoleSignIn');
  assert.deepEqual(
    told.map(({ outcome, attempts }) => [outcome, attempts]),
    [
      ['refused', 1],
      ['done', undefined],
      ['refused', 30],
    ],
  );
});

test('signing out ends the session, whatever the browser does with the cookie', async (t) => {
  const { ask, signedIn } = await setConsoleStage(t);
  const headers = await signedIn();
  const answer = await ask('POST', '/console/sign-out', headers);
  assert.equal(answer.statusCode, 204);
  assert.match(String(answer.headers['set-cookie']), /^tonearm-8080=; .*Max-Age=0$/);
  assert.equal((await ask('GET', '/console/session', headers)).statusCode, 401);
});

test('what changes something needs the CSRF token of the session', async (t) => {
  const { ask, signedIn } = await setConsoleStage(t);
  const { cookie, ...csrf } = await signedIn();
  const other = await signedIn();
  for (const [method, path] of ROUTES.filter(([method]) => method !== 'GET'))
    for (const token of [undefined, '', 'A'.repeat(43), other['x-csrf-token']]) {
      const answer = await ask(method, path, {
        cookie,
        ...(token !== undefined && { 'x-csrf-token': token }),
      });
      assert.equal(answer.statusCode, 403, `${method} ${path}`);
      assert.equal(answer.json().error.code, 'csrf');
    }
  assert.equal((await ask('POST', '/console/sign-out', { cookie, ...csrf })).statusCode, 204);
});

test('another page can neither change nor read anything, nor sign anybody in', async (t) => {
  const { ask, signedIn, secret } = await setConsoleStage(t);
  const headers = await signedIn();
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    // Another port of this machine is the same site, and another page.
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'http://127.0.0.1:9000' },
    { origin: 'null' },
  ];
  for (const [method, path] of ROUTES)
    for (const from of foreign)
      assert.equal((await ask(method, path, { ...headers, ...from })).json().error.code, 'otherSite', path);
  for (const from of [...foreign, { 'sec-fetch-site': 'none' }])
    assert.equal((await ask('POST', '/console/sign-in', from, { secret: secret.fresh })).statusCode, 403);
  const own = { ...headers, origin: HOME, 'sec-fetch-site': 'same-origin' };
  assert.equal((await ask('GET', '/console/calls', own)).statusCode, 200);
  assert.equal(
    (await ask('GET', '/console/calls', { ...headers, 'sec-fetch-site': 'none' })).statusCode,
    200,
  );
});

test('a name that was made to lead here is refused; the public one, localhost and addresses are not', async (t) => {
  const { ask, signedIn } = await setConsoleStage(t, { publicUrl: 'http://calls.example:8080' });
  const headers = await signedIn();
  for (const path of ['/', '/assets/x.js', '/console/session', '/console/sign-in'])
    for (const host of ['evil.example', 'evil.example:8080', 'calls.example.evil.example', 'a b', 'x"; y'])
      assert.equal(
        (await ask('GET', path, { ...headers, host })).statusCode,
        path === '/console/sign-in' ? 404 : 421,
      );
  const posted = await ask('POST', '/console/sign-in', { host: 'evil.example' }, { secret: 'x' });
  assert.equal(posted.statusCode, 421);
  for (const host of [
    'calls.example:8080',
    'CALLS.example',
    'localhost:9',
    '127.0.0.1',
    '[::1]:8080',
    '192.0.2.7',
  ])
    assert.equal((await ask('GET', '/console/session', { ...headers, host })).statusCode, 200, host);
});

test('a new secret ends every session, and the old one is worthless', async (t) => {
  const { ask, signIn, signedIn, clock, folder } = await setConsoleStage(t);
  const headers = await signedIn();
  const renewed = await renewAdminSecret(folder);
  assert.equal((await signIn()).statusCode, 401);
  await clock.advance(2000);
  assert.equal((await ask('GET', '/console/session', headers)).statusCode, 401);
  assert.equal((await signIn(renewed)).statusCode, 204);
});

test('every answer of the console tells browsers to keep it to themselves', async (t) => {
  const { ask, signedIn } = await setConsoleStage(t);
  for (const headers of [{}, await signedIn()]) {
    const answer = await ask('GET', '/console/session', headers as Record<string, string>);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin');
    assert.equal(answer.headers['referrer-policy'], 'no-referrer');
  }
});
