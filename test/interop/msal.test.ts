/** Microsoft's own authentication library gets its token from our endpoint, and a stranger verifies a notification with nothing but our address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfidentialClientApplication } from '@azure/msal-node';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { isState, startBot } from '../support/bot.ts';
import { certificateFiles, trustCertificate } from '../support/certificate.ts';
import { dial, hungUp, scenario } from '../support/scenarios.ts';
import { APP, startServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

test('MSAL’s token opens the API, and our notification is verified by discovery', {
  skip: missing('/usr/bin/sipp'),
}, async (t) => {
  trustCertificate();
  const bot = await startBot();
  const server = await startServer({
    callbackUri: bot.callbackUri,
    config: { http: { listen: '127.0.0.1:0', tls: certificateFiles() } },
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await bot.close();
  });
  const { host } = new URL(server.http);
  const client = new ConfidentialClientApplication({
    auth: {
      clientId: APP.id,
      clientSecret: APP.secret,
      authority: `${server.http}/${APP.tenantId}`,
      knownAuthorities: [host],
    },
  });
  const scopes = ['https://graph.microsoft.com/.default'];
  const first = await client.acquireTokenByClientCredential({ scopes });
  const again = await client.acquireTokenByClientCredential({ scopes });
  assert.ok(first !== null && again !== null);
  assert.deepEqual([first.fromCache, again.fromCache], [false, true]);
  assert.equal(again.accessToken, first.accessToken);

  const calling = runSipp({ port: server.udp, scenario: scenario(dial(), hungUp) });
  const incoming = await bot.next('incoming', isState('incoming'));
  const call = `${server.http}/beta${incoming.resource}`;
  const headers = { authorization: `Bearer ${first.accessToken}`, 'content-type': 'application/json' };
  const answered = await fetch(`${call}/answer`, { method: 'POST', headers, body: '{}' });
  assert.equal(answered.status, 202, await answered.text());
  await bot.next('established', isState('established'));
  assert.equal((await fetch(call, { method: 'DELETE', headers })).status, 204);
  assert.equal((await calling).code, 0);

  const discovery = await fetch(`${server.http}/.well-known/openid-configuration`);
  const { issuer, jwks_uri } = (await discovery.json()) as { issuer: string; jwks_uri: string };
  const bearer = incoming.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const { payload } = await jwtVerify(bearer, createRemoteJWKSet(new URL(jwks_uri)), {
    issuer,
    audience: APP.id,
    algorithms: ['RS256'],
  });
  assert.equal(payload.tid, APP.tenantId);
  assert.equal(payload['http://schemas.microsoft.com/identity/claims/tenantid'], APP.tenantId);
  await assert.rejects(
    jwtVerify(bearer, createRemoteJWKSet(new URL(jwks_uri)), { issuer, audience: 'another' }),
  );
});
