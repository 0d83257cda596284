import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { createOutsideIssuers } from './outside-issuers.ts';

const APP_ID = '8a34a46b-3d17-4adc-8dce-dc4e7d572698';
const AUDIENCE = 'api://tonearm';

/** An issuer on loopback: `/good` has a discovery document and keys; what else it serves is a test's. */
const requests: string[] = [];
const documents: Record<string, unknown> = {};
const server = createServer((request, response) => {
  requests.push(request.url ?? '');
  if (request.url === '/redirect') return void response.writeHead(302, { location: '/keys' }).end();
  const document = documents[request.url ?? ''];
  if (document === undefined) return void response.writeHead(500).end();
  response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
});
let origin = '';
let key: CryptoKey;
let jwk: JWK;
const clock = new VirtualClock();

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pair = await generateKeyPair('ES256', { extractable: true });
  key = pair.privateKey;
  jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1' };
  documents['/keys'] = { keys: [jwk] };
  documents['/good/.well-known/openid-configuration'] = {
    issuer: `${origin}/good`,
    jwks_uri: `${origin}/keys`,
  };
  documents['/imposter/.well-known/openid-configuration'] = {
    issuer: `${origin}/good`,
    jwks_uri: `${origin}/keys`,
  };
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const issuers = (warnings: string[] = []) =>
  createOutsideIssuers(
    ['good', 'down', 'imposter', 'keyless'].map((name) => ({
      issuer: `${origin}/${name}`,
      audience: AUDIENCE,
    })),
    { clock, log: { ...silentLog, warn: (fields) => void warnings.push(JSON.stringify(fields)) } },
  );

function sign(claims: object = {}, header: object = {}): Promise<string> {
  const now = Math.floor(clock.now() / 1000);
  const usual = { iss: `${origin}/good`, aud: AUDIENCE, iat: now, exp: now + 600, azp: APP_ID };
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header })
    .sign(key);
}

test('tokens of Entra ID and of Keycloak are read: application and roles', async () => {
  const { verify } = issuers();
  const roles = ['Calls.AccessMedia.All'];
  for (const claims of [
    { appid: APP_ID.toUpperCase(), azp: undefined, roles },
    { azp: APP_ID, roles },
    { azp: APP_ID, realm_access: { roles } },
    { client_id: APP_ID, azp: undefined, resource_access: { [AUDIENCE]: { roles } } },
  ]) {
    assert.deepEqual(await verify(await sign(claims)), { applicationId: APP_ID, roles });
  }
  assert.deepEqual(
    (await verify(await sign({ roles: 'all', resource_access: { other: { roles } } })))?.roles,
    [],
  );
});

test('the keys are fetched once', async () => {
  requests.length = 0;
  const { verify } = issuers();
  await Promise.all([verify(await sign()), verify(await sign()), verify(await sign())]);
  await verify(await sign());
  assert.deepEqual(requests, ['/good/.well-known/openid-configuration', '/keys']);
});

test('what is expired, early, of another issuer or audience, unsigned or without an application is not taken', async () => {
  const { verify } = issuers();
  const now = Math.floor(clock.now() / 1000);
  assert.ok(await verify(await sign({ exp: now - 59 })), 'clocks may differ a little');
  for (const claims of [
    { exp: now - 61 },
    { exp: undefined },
    { nbf: now + 61 },
    { aud: 'api://other' },
    { iss: 'https://evil.example' },
    { azp: undefined },
    { azp: 7 },
  ]) {
    assert.equal(await verify(await sign(claims)), undefined, JSON.stringify(claims));
  }
  const [, payload] = (await sign()).split('.');
  const none = `${Buffer.from('{"alg":"none","kid":"k1"}').toString('base64url')}.${payload}.`;
  const hmac = await new SignJWT({ iss: `${origin}/good`, aud: AUDIENCE, azp: APP_ID, exp: now + 60 })
    .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
    .sign(new TextEncoder().encode(JSON.stringify(jwk).padEnd(64)));
  for (const token of [none, hmac, 'nonsense', '', 'a.b.c', `${await sign()}x`])
    assert.equal(await verify(token), undefined);
});

test('nobody is asked for whom the configuration does not trust', async () => {
  requests.length = 0;
  await issuers().verify(await sign({ iss: `${origin}/stranger` }));
  assert.deepEqual(requests, []);
});

test('an issuer that is down, or says it is another, is warned of and asked again after a while', async () => {
  requests.length = 0;
  const warnings: string[] = [];
  const { verify } = issuers(warnings);
  assert.equal(await verify(await sign({ iss: `${origin}/imposter` })), undefined);
  assert.match(warnings[0] ?? '', /its discovery document is that of/);
  for (let times = 0; times < 3; times++)
    assert.equal(await verify(await sign({ iss: `${origin}/down` })), undefined);
  assert.equal(requests.filter((path) => path.startsWith('/down')).length, 1);
  documents['/down/.well-known/openid-configuration'] = {
    issuer: `${origin}/down`,
    jwks_uri: `${origin}/keys`,
  };
  await clock.advance(30_000);
  assert.ok(await verify(await sign({ iss: `${origin}/down` })));
});

test('keys that cannot be had, or are too many, are warned of once and asked for again after a while', async () => {
  const warnings: string[] = [];
  const { verify } = issuers(warnings);
  const iss = `${origin}/keyless`;
  documents['/keyless/.well-known/openid-configuration'] = {
    issuer: iss,
    jwks_uri: `${origin}/keyless/keys`,
  };
  for (const [answer, why] of [
    [undefined, /keyless\/keys answers 500/],
    [{ keys: [jwk], filler: 'x'.repeat(300_000) }, /keyless\/keys is too large/],
    ['keys', /keyless\/keys holds no keys/],
  ] as const) {
    requests.length = 0;
    warnings.length = 0;
    documents['/keyless/keys'] = answer;
    const token = await sign({ iss });
    const taken = await Promise.all([verify(token), verify(token), verify(token)]);
    assert.deepEqual([...taken, await verify(token)], [undefined, undefined, undefined, undefined]);
    assert.equal(requests.filter((path) => path === '/keyless/keys').length, 1);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', why);
    await clock.advance(30_000);
  }
  documents['/keyless/keys'] = { keys: [jwk] };
  assert.ok(await verify(await sign({ iss })));
});

test('an issuer that moves its keys is followed within a day, and one that is down then is still known', async () => {
  const warnings: string[] = [];
  const { verify } = issuers(warnings);
  const document = '/good/.well-known/openid-configuration';
  const before = documents[document];
  assert.ok(await verify(await sign()));
  requests.length = 0;
  documents[document] = undefined;
  await clock.advance(86_400_000);
  assert.ok(await verify(await sign()), 'with the keys that are known');
  assert.equal(warnings.length, 1);
  documents[document] = { issuer: `${origin}/good`, jwks_uri: `${origin}/moved` };
  documents['/moved'] = { keys: [jwk] };
  await clock.advance(30_000);
  assert.ok(await verify(await sign()));
  assert.deepEqual(requests, [document, document, '/moved']);
  documents[document] = before;
});

test('a token of a person who signed in through the application is not taken', async () => {
  const { verify } = issuers();
  for (const claims of [
    { scp: 'access_as_user' },
    { sid: 'a1', preferred_username: 'ann' },
    { session_state: 'a1' },
    { sid: 'a1', preferred_username: 'service-account-other' },
  ]) {
    assert.equal(await verify(await sign(claims)), undefined, JSON.stringify(claims));
  }
  assert.ok(await verify(await sign({ preferred_username: `service-account-${APP_ID}` })));
  assert.ok(await verify(await sign({ sid: 'a1', preferred_username: `service-account-${APP_ID}` })));
});

test('keys that an issuer says are at a private address, or behind a redirect or a user name, are not fetched', async () => {
  const inner = createServer((_, response) => response.end('{"keys":[]}'));
  let asked = 0;
  inner.on('connection', () => asked++).listen(0, '127.0.0.1');
  await once(inner, 'listening');
  const { port } = inner.address() as AddressInfo;
  try {
    for (const [jwks, why] of [
      [`http://127.0.0.1:${port}/keys`, /lists neither "http:"/],
      [`https://127.0.0.1:${port}/keys`, /127\.0\.0\.1 is not a public address/],
      [
        `https://keys.example:${port}/keys`,
        /keys\.example has the address 127\.0\.0\.1, which is not a public/,
      ],
      [`${origin.replace('//', '//user:x@')}/keys`, /user name or a password/],
      [`${origin}/redirect`, /redirect answers 302/],
    ] as const) {
      const warnings: string[] = [];
      const { verify } = createOutsideIssuers([{ issuer: `${origin}/sly`, audience: AUDIENCE }], {
        clock,
        log: { ...silentLog, warn: (fields) => void warnings.push(JSON.stringify(fields)) },
        resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      });
      documents['/sly/.well-known/openid-configuration'] = { issuer: `${origin}/sly`, jwks_uri: jwks };
      assert.equal(await verify(await sign({ iss: `${origin}/sly` })), undefined);
      assert.match(JSON.parse(warnings[0] ?? '{}').error, why);
    }
    assert.equal(asked, 0);
  } finally {
    inner.close();
  }
});
