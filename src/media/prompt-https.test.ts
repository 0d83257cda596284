import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { fetchPrompt } from './prompt-fetch.ts';
import { readPromptRules } from './prompt-rules.ts';

/** Self-signed, for prompts.test, good from 2020 to 2119; made for this test and used nowhere else. */
const KEY = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6kc+W4b+zKAmXwpK
mxtiH8Xev9+LhEVGWlptn1T97qOhRANCAARJU94nTbI+MXcbI0Fji3Rgz2sNGVL9
YpyzcmJ7T1f0U18TSJ1GQWPA+1OyPappYIJZd00G9EAbPght2XX7BeeJ
-----END PRIVATE KEY-----
`;
const CERTIFICATE = `
-----BEGIN CERTIFICATE-----
MIIBaTCCARCgAwIBAgIBATAKBggqhkjOPQQDAjAXMRUwEwYDVQQDDAxwcm9tcHRz
LnRlc3QwIBcNMjAwMTAxMDAwMDAwWhgPMjExOTEyMzEyMzU5NTlaMBcxFTATBgNV
BAMMDHByb21wdHMudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABElT3idN
sj4xdxsjQWOLdGDPaw0ZUv1inLNyYntPV/RTXxNInUZBY8D7U7I9qmlggll3TQb0
QBs+CG3ZdfsF54mjSzBJMBcGA1UdEQQQMA6CDHByb21wdHMudGVzdDAPBgNVHRMB
Af8EBTADAQH/MB0GA1UdDgQWBBTw0ooL/yCZWloOtWbnUDySV3vPezAKBggqhkjO
PQQDAgNHADBEAiBB1HBIlVWDZvkaDEYPyZWRFFoM41oXV26j3uYOG/XGEgIgKh5D
AppIThhMXI88MyzhFt47utoGh7YP4+JgBgwfrtQ=
-----END CERTIFICATE-----
`;

test('https: is fetched when the certificate is trusted and names the host, and else is not', async (t) => {
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (_, response) => response.end('audio'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const get = (host: string) =>
    fetchPrompt(`https://${host}:${port}/a.wav`, {
      rules: readPromptRules([`https://${host}:${port}/`], '/'),
      timeoutMs: 10_000,
      maxBytes: 1000,
      clock: new VirtualClock(),
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    });

  const untrusted = await get('prompts.test');
  assert.ok(!untrusted.ok);
  assert.match(untrusted.message, /it cannot be fetched: self-signed certificate/);

  const before = getCACertificates('default');
  t.after(() => setDefaultCACertificates(before));
  setDefaultCACertificates([CERTIFICATE]);
  const fetched = await get('prompts.test');
  assert.ok(fetched.ok, fetched.ok ? '' : fetched.message);
  assert.equal(Buffer.from(fetched.bytes).toString(), 'audio');

  const other = await get('other.test');
  assert.ok(!other.ok);
  assert.match(other.message, /Host: other\.test\. is not in the cert/);
});
