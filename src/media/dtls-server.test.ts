import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { DtlsClient, type DtlsClientOptions } from '../../test/support/dtls-client.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { ALERT } from '../wire/dtls-handshake.ts';
import { CONTENT, formatRecord } from '../wire/dtls-record.ts';
import { createDtlsIdentity } from './dtls-identity.ts';
import { DtlsServer, type DtlsServerOptions } from './dtls-server.ts';

const NOW = Date.parse('2026-01-01');
const identity = createDtlsIdentity(NOW);

/** A client and the server that expects it. */
function stage(options: DtlsClientOptions = {}, expects: Partial<DtlsServerOptions> = {}) {
  const client = new DtlsClient(options);
  const clock = new VirtualClock();
  const sent: Buffer[] = [];
  const failures: string[] = [];
  const endings: unknown[] = [];
  const keys: Parameters<DtlsServerOptions['onKeys']>[0][] = [];
  const server = new DtlsServer({
    identity,
    fingerprint: client.identity.fingerprint,
    clock,
    send: (datagram) => {
      sent.push(datagram);
      client.hear(datagram);
    },
    onKeys: (made) => keys.push(made),
    onFailed: (why) => failures.push(why),
    onEnded: (by) => endings.push(by),
    ...expects,
  });
  const hello = () => {
    for (const datagram of client.hello()) server.hear(datagram);
  };
  return { client, clock, sent, failures, endings, keys, server, hello };
}

test('both sides come to the same keys, each for its direction', () => {
  const { client, server, hello, keys, clock, failures } = stage();
  hello();
  assert.deepEqual(keys, []);
  server.hear(client.answer());
  assert.equal(client.finished, true);
  assert.deepEqual(keys, [{ receive: client.keys.client, send: client.keys.server }]);
  assert.deepEqual([clock.timers, failures.length], [0, 0]);
});

test('a ClientHello in fragments, in whatever order, is put together', () => {
  const { client, server, sent } = stage();
  for (const datagram of client.hello(20).reverse()) server.hear(datagram);
  assert.equal(sent.length, 1);
});

test('a certificate that the SDP did not announce ends the handshake', () => {
  const other = createDtlsIdentity(NOW).fingerprint;
  const { client, server, hello, keys, failures } = stage({}, { fingerprint: other });
  hello();
  server.hear(client.answer());
  assert.deepEqual(client.alerts, [ALERT.badCertificate]);
  assert.deepEqual([keys, failures.length], [[], 1]);
});

test('who shows a certificate without having its key is turned away', () => {
  const { client, server, hello, keys, failures } = stage({ signWith: createDtlsIdentity(NOW).privateKey });
  hello();
  server.hear(client.answer());
  assert.deepEqual(client.alerts, [ALERT.decryptError]);
  assert.deepEqual([keys, failures], [[], ['the far end does not have the key of its certificate']]);
});

test('a certificate whose key nobody can read is turned away as any other that proves nothing', () => {
  const other = createDtlsIdentity(NOW);
  const certificate = Buffer.from(other.certificate);
  // The last byte of the object identifier of elliptic curve keys.
  const at = certificate.indexOf(Buffer.from('2a8648ce3d0201', 'hex')) + 6;
  certificate[at] = 9;
  const value = new X509Certificate(certificate).fingerprint256;
  const { client, server, hello, keys, failures } = stage({
    identity: { ...other, certificate, fingerprint: { hash: 'sha-256', value } },
  });
  hello();
  server.hear(client.answer());
  assert.deepEqual([keys, failures], [[], ['the far end does not have the key of its certificate']]);
});

test('a Finished that does not fit the messages before it ends the handshake', () => {
  for (const finished of [Buffer.alloc(12), Buffer.alloc(0)]) {
    const { client, server, hello, keys, failures } = stage({ finished });
    hello();
    server.hear(client.answer());
    assert.deepEqual([keys, failures], [[], ['the handshake was tampered with']]);
  }
});

test('a client without SRTP or extended master secret is told so', () => {
  const { hello, client, failures } = stage({ extensions: Buffer.alloc(0) });
  hello();
  assert.deepEqual(client.alerts, [ALERT.handshakeFailure]);
  assert.match(failures[0] ?? '', /SRTP_AES128_CM_HMAC_SHA1_80, extended master secret/);
});

test('a flight that is not answered is sent again, less and less often, and then given up', async () => {
  const { hello, sent, clock, failures } = stage();
  hello();
  await clock.advance(400);
  assert.equal(sent.length, 2);
  await clock.advance(799);
  assert.equal(sent.length, 2);
  await clock.advance(1);
  assert.equal(sent.length, 3);
  await clock.advance(60_000);
  assert.deepEqual([sent.length, failures, clock.timers], [7, ['the far end does not answer'], 0]);
});

test('who did not get the last flight gets it when it repeats its own', () => {
  const { client, server, hello, sent, keys } = stage();
  hello();
  const answer = client.answer();
  server.hear(answer);
  server.hear(answer);
  assert.equal(sent.length, 3);
  assert.equal(keys.length, 1);
});

/** A handshake that is over, and what the client then says. */
function ended(...alerts: readonly (readonly [level: 1 | 2, number: number])[]) {
  const { client, server, hello, endings } = stage();
  hello();
  server.hear(client.answer());
  for (const [level, number] of alerts) server.hear(client.alert(level, number));
  return endings;
}

test('after the keys close_notify, of whatever level, and a fatal alert end the association, once', () => {
  assert.deepEqual(ended([1, ALERT.closeNotify], [1, ALERT.closeNotify]), ['closeNotify']);
  assert.deepEqual(ended([2, ALERT.closeNotify]), ['closeNotify']);
  assert.deepEqual(ended([2, 80], [1, ALERT.closeNotify]), [80]);
});

test('a warning ends nothing', () => {
  assert.deepEqual(ended([1, 90]), []);
});

test('an alert in the clear ends a handshake, and no association that stands', () => {
  const alert = formatRecord({ type: CONTENT.alert, epoch: 0, sequence: 9, fragment: Buffer.of(2, 40) });
  const { client, server, hello, endings, failures } = stage();
  hello();
  server.hear(client.answer());
  server.hear(alert);
  assert.deepEqual([endings, failures], [[], []]);
  const early = stage();
  early.hello();
  early.server.hear(alert);
  assert.deepEqual(early.failures, ['the far end ended the handshake with alert 40']);
});

test('a handshake that was closed is silent', async () => {
  const { server, hello, sent, clock } = stage();
  hello();
  server.close();
  hello();
  await clock.advance(60_000);
  assert.deepEqual([sent.length, clock.timers], [1, 0]);
});

test('messages out of their order, or Finished in the clear, are turned away', () => {
  const { client, server, failures, keys } = stage();
  server.hear(client.hello()[0]!.fill(20, 13, 14));
  assert.deepEqual([keys, failures], [[], ['message 20 came in the place of clientHello']]);
});

test('whatever comes, in the place of each flight, does not throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(2000), fc.boolean(), (bytes, at, early) => {
      const { client, server, hello, keys } = stage();
      const change = (datagram: Buffer) => {
        datagram.set(
          bytes.subarray(0, Math.max(0, datagram.length - (at % datagram.length))),
          at % datagram.length,
        );
        return datagram;
      };
      server.hear(bytes);
      if (early) server.hear(change(client.hello()[0]!));
      else {
        hello();
        server.hear(change(client.answer()));
      }
      assert.ok(keys.length <= 1);
      server.close();
    }),
    { numRuns: 200 },
  );
});

test('the certificate is valid X.509 that signs itself, with the fingerprint that is told of it', () => {
  const certificate = new X509Certificate(identity.certificate);
  assert.equal(certificate.verify(certificate.publicKey), true);
  assert.equal(certificate.fingerprint256, identity.fingerprint.value);
  assert.ok(Date.parse(certificate.validFrom) < NOW && Date.parse(certificate.validTo) > NOW);
});
