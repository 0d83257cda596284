import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import {
  type ApiStage,
  BOT,
  CALL_ID,
  OTHER_BOT,
  PUBLIC_URL,
  setApiStage,
} from '../../test/support/api-stage.ts';
import { directoryOf } from '../../test/support/directory.ts';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { openSigningKeys } from './signing-keys.ts';
import { createTokens } from './tokens.ts';

let stage: ApiStage;
before(async () => {
  stage = await setApiStage();
});
after(() => stage.app.close());

const FORM = {
  grant_type: 'client_credentials',
  client_id: BOT.id,
  client_secret: BOT.secret,
  scope: 'https://graph.microsoft.com/.default',
};

function ask(
  form: Record<string, string> | string,
  headers: Record<string, string> = {},
  tenant = BOT.tenantId,
) {
  return stage.app.inject({
    method: 'POST',
    url: `/${tenant}/oauth2/v2.0/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
  });
}

const without = (name: keyof typeof FORM) =>
  Object.fromEntries(Object.entries(FORM).filter(([key]) => key !== name));
const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
});

/** Verifies as a stranger does: with nothing but the served discovery document. */
async function verifyAsStranger(token: string, audience: string, path = '/.well-known/openid-configuration') {
  const document = (await stage.app.inject(path)).json();
  assert.equal(document.issuer, PUBLIC_URL);
  assert.ok(document.jwks_uri.startsWith(`${PUBLIC_URL}/`));
  const keys = (await stage.app.inject(document.jwks_uri.slice(PUBLIC_URL.length))).json() as JSONWebKeySet;
  for (const key of keys.keys)
    assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
  return jwtVerify(token, createLocalJWKSet(keys), {
    issuer: document.issuer,
    audience,
    algorithms: document.id_token_signing_alg_values_supported,
    currentDate: new Date(stage.clock.now()),
  });
}

test('client credentials give an access token as Entra ID does', async () => {
  const reply = await ask(FORM);
  assert.equal(reply.statusCode, 200);
  assert.equal(reply.headers['cache-control'], 'no-store');
  const { access_token: token, ...rest } = reply.json();
  assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 3600, ext_expires_in: 3600 });
  const { payload, protectedHeader } = await verifyAsStranger(token, PUBLIC_URL);
  assert.equal(protectedHeader.alg, 'RS256');
  assert.equal(payload.appid, BOT.id);
  assert.equal(payload.azp, BOT.id);
  assert.equal(payload.tid, BOT.tenantId);
  assert.deepEqual(payload.roles, BOT.roles);
  assert.equal(payload.exp! - payload.iat!, 3600);
  const call = await stage.send('GET', `/beta/app/calls/${CALL_ID}`, undefined, {
    authorization: `Bearer ${token}`,
  });
  assert.equal(call.statusCode, 200);
});

test('the secret may come as Basic authorization, and with characters that a form must encode', async () => {
  const { client_id: _, client_secret: __, ...form } = FORM;
  assert.equal((await ask(form, basic(BOT.id, BOT.secret))).statusCode, 200);
  assert.equal((await ask(without('client_secret'), basic(BOT.id, BOT.secret))).statusCode, 200);
});

test('the tenant of the path is that of the application, or one that stands for any', async () => {
  for (const tenant of [
    BOT.tenantId,
    BOT.tenantId.toUpperCase(),
    'common',
    'organizations',
    'botframework.com',
  ])
    assert.equal((await ask(FORM, {}, tenant)).statusCode, 200, tenant);
  for (const tenant of [BOT.id, 'contoso.com', '00000000-0000-0000-0000-000000000000'])
    assert.equal((await ask(FORM, {}, tenant)).statusCode, 401, tenant);
});

const refused: readonly (readonly [
  string,
  Record<string, string> | string,
  number,
  string,
  Record<string, string>?,
])[] = [
  ['a wrong secret', { ...FORM, client_secret: 'x' }, 401, 'invalid_client'],
  ["another application's secret", { ...FORM, client_secret: OTHER_BOT.secret }, 401, 'invalid_client'],
  ['an empty secret', { ...FORM, client_secret: '' }, 401, 'invalid_client'],
  ['an unknown client', { ...FORM, client_id: CALL_ID }, 401, 'invalid_client'],
  ['no client', without('client_id'), 400, 'invalid_request'],
  ['no secret', without('client_secret'), 400, 'invalid_request'],
  ['no grant type', without('grant_type'), 400, 'invalid_request'],
  ['another grant type', { ...FORM, grant_type: 'password' }, 400, 'unsupported_grant_type'],
  ['no scope', without('scope'), 400, 'invalid_scope'],
  ['another scope', { ...FORM, scope: 'openid' }, 400, 'invalid_scope'],
  ['nothing', '', 400, 'invalid_request'],
  ['a parameter twice', `${new URLSearchParams(FORM)}&client_id=${BOT.id}`, 400, 'invalid_request'],
  ['the secret twice', FORM, 400, 'invalid_request', basic(BOT.id, BOT.secret)],
  ['a wrong Basic secret', without('client_secret'), 401, 'invalid_client', basic(BOT.id, 'x')],
  ['JSON', JSON.stringify(FORM), 415, 'invalid_request', { 'content-type': 'application/json' }],
  ['too much', `x=${'x'.repeat(300_000)}`, 413, 'invalid_request'],
];

for (const [what, form, status, error, headers] of refused) {
  test(`a request for a token with ${what} is refused as ${error}`, async () => {
    const reply = await ask(form, headers);
    assert.equal(reply.statusCode, status, reply.body);
    assert.equal(reply.json().error, error);
    assert.equal(typeof reply.json().error_description, 'string');
    assert.equal(reply.headers['cache-control'], 'no-store');
    assert.equal(reply.headers['www-authenticate'] !== undefined, status === 401);
    assert.doesNotMatch(reply.body, /dev-secret|other-secret/);
  });
}

test("a notification's token names the application and its tenant, and any discovery path verifies it", async () => {
  const token = await stage.tokens.authorize({ applicationId: BOT.id, tenantId: BOT.tenantId });
  for (const path of [
    '/.well-known/openid-configuration',
    `/${BOT.tenantId}/v2.0/.well-known/openid-configuration`,
  ]) {
    const { payload } = await verifyAsStranger(token, BOT.id, path);
    assert.equal(payload.tid, BOT.tenantId);
    assert.equal(payload['http://schemas.microsoft.com/identity/claims/tenantid'], BOT.tenantId);
  }
  assert.equal(await stage.tokens.verify(token), undefined, 'it opens nothing here');
});

test('a notification token is signed once in ten minutes and an application, and is always good for most of an hour', async () => {
  const audience = { applicationId: BOT.id, tenantId: BOT.tenantId };
  const first = await stage.tokens.authorize(audience);
  await stage.clock.advance(599_000);
  assert.equal(await stage.tokens.authorize(audience), first);
  await stage.clock.advance(1_000);
  assert.notEqual(await stage.tokens.authorize(audience), first);
});

test('a token of our key for another issuer, audience or time is not taken', async () => {
  const { current: key } = stage.tokens.keys;
  const now = Math.floor(stage.clock.now() / 1000);
  const claims = {
    appid: BOT.id,
    roles: [...BOT.roles],
    iss: PUBLIC_URL,
    aud: PUBLIC_URL,
    iat: now,
    nbf: now,
    exp: now + 60,
  };
  const sign = (changes: object) =>
    new SignJWT({ ...claims, ...changes })
      .setProtectedHeader({ alg: 'RS256', kid: key.kid })
      .sign(key.privateKey);
  assert.equal((await stage.tokens.verify(await sign({})))?.application.id, BOT.id);
  assert.ok(
    await stage.tokens.verify(await sign({ nbf: now + 59, exp: now + 120 })),
    'clocks may differ a little',
  );
  for (const changes of [
    { iss: 'https://evil.example.com' },
    { aud: BOT.id },
    { exp: now - 61 },
    { nbf: now + 61 },
    { appid: CALL_ID },
    { appid: undefined },
  ]) {
    assert.equal(await stage.tokens.verify(await sign(changes)), undefined, JSON.stringify(changes));
  }
});

test('a token grants what it says and the configuration still allows', async () => {
  const { current: key } = stage.tokens.keys;
  const grantOf = async (appid: string, roles: unknown) => {
    const jwt = new SignJWT({ appid, roles, exp: Math.floor(stage.clock.now() / 1000) + 60 });
    const signed = jwt
      .setIssuer(PUBLIC_URL)
      .setAudience(PUBLIC_URL)
      .setProtectedHeader({ alg: 'RS256', kid: key.kid });
    return (await stage.tokens.verify(await signed.sign(key.privateKey)))?.roles;
  };
  assert.deepEqual(await grantOf(BOT.id, ['Calls.AccessMedia.All', 'Other']), ['Calls.AccessMedia.All']);
  assert.deepEqual(await grantOf(BOT.id, 'Calls.AccessMedia.All'), []);
  assert.deepEqual(await grantOf(OTHER_BOT.id, BOT.roles), []);
});

test('a token that names no algorithm, or signs with the public key, is not taken', async () => {
  const { current: key, jwks } = stage.tokens.keys;
  const { token } = await stage.tokens.issue(BOT);
  const [, payload] = token.split('.');
  const none = `${Buffer.from(JSON.stringify({ alg: 'none', kid: key.kid })).toString('base64url')}.${payload}.`;
  assert.equal(await stage.tokens.verify(none), undefined);
  const secret = new TextEncoder().encode(JSON.stringify(jwks.keys[0]));
  const hmac = await new SignJWT({ appid: BOT.id })
    .setProtectedHeader({ alg: 'HS256', kid: key.kid })
    .setIssuer(PUBLIC_URL)
    .setAudience(PUBLIC_URL)
    .setExpirationTime('1h')
    .sign(secret);
  assert.equal(await stage.tokens.verify(hmac), undefined);
});

test('the key outlives a restart', async () => {
  const clock = new VirtualClock();
  const store = new MemoryStore(() => clock.now());
  const first = await openSigningKeys({ store, clock });
  const second = await openSigningKeys({ store, clock });
  assert.equal(second.current.kid, first.current.kid);
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', kid: first.current.kid })
    .sign(first.current.privateKey);
  await jwtVerify(token, second.verify);
  assert.equal(decodeProtectedHeader(token).kid, second.jwks.keys[0]?.kid);
  const other = await openSigningKeys({ store: new MemoryStore(() => 0), clock });
  assert.notEqual(other.current.kid, first.current.kid);
});

test('the older endpoint takes resource in the place of scope', async () => {
  const older = (form: Record<string, string>) =>
    stage.app.inject({
      method: 'POST',
      url: `/${BOT.tenantId}/oauth2/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams(form).toString(),
    });
  const { scope: _, ...rest } = FORM;
  const given = await older({ ...rest, resource: 'https://graph.microsoft.com' });
  assert.equal(given.statusCode, 200, given.body);
  assert.equal((await stage.tokens.verify(given.json().access_token))?.application.id, BOT.id);
  assert.equal((await older(rest)).json().error, 'invalid_request');
});

test('whoever guesses secrets is made to wait, and nobody else', async () => {
  const guessing = await setApiStage();
  const login = (secret: string, remoteAddress: string) =>
    guessing.app.inject({
      method: 'POST',
      url: `/${BOT.tenantId}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ ...FORM, client_secret: secret }).toString(),
      remoteAddress,
    });
  const answers = [];
  for (let guess = 0; guess < 31; guess++) answers.push(await login(`guess ${guess}`, '192.0.2.66'));
  assert.equal(answers[29]?.statusCode, 401);
  assert.equal(answers[30]?.statusCode, 429);
  assert.equal(answers[30]?.headers['retry-after'], '60');
  assert.equal((await login(BOT.secret, '192.0.2.66')).statusCode, 429, 'even when it is right now');
  assert.equal((await login(BOT.secret, '192.0.2.7')).statusCode, 200);
  await guessing.clock.advance(60_000);
  assert.equal((await login(BOT.secret, '192.0.2.66')).statusCode, 200);
  await guessing.app.close();
});

test('a trusted issuer’s token grants what it says, the application is ours, and its configuration allows', async () => {
  const grants = async (applicationId: string, roles: readonly string[]) => {
    const tokens = createTokens({
      keys: stage.tokens.keys,
      issuer: PUBLIC_URL,
      applications: directoryOf([BOT, OTHER_BOT]),
      lifetimeMs: 3_600_000,
      clock: stage.clock,
      outside: { verify: async () => ({ applicationId, roles }) },
    });
    return tokens.verify(
      await new SignJWT({ iss: 'https://login.example' })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new Uint8Array(32)),
    );
  };
  const granted = await grants(BOT.id, ['Calls.Initiate.All', 'Admin']);
  assert.deepEqual([granted?.application.id, granted?.roles], [BOT.id, ['Calls.Initiate.All']]);
  assert.deepEqual((await grants(OTHER_BOT.id, ['Calls.Initiate.All']))?.roles, []);
  assert.equal(await grants(CALL_ID, ['Calls.Initiate.All']), undefined);
});
