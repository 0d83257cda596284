import assert from 'node:assert/strict';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyPairKeyObjectResult,
  X509Certificate,
} from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { DtlsClient, type DtlsClientOptions, EXTENSIONS } from '../../test/support/dtls-client.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { ALERT, HANDSHAKE } from '../wire/dtls-handshake.ts';
import { CONTENT, formatHandshake, formatRecord } from '../wire/dtls-record.ts';
import { createDtlsIdentity, selfSigned } from './dtls-identity.ts';
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

const rsa = (modulusLength: number) => () => generateKeyPairSync('rsa', { modulusLength });
const onCurve = (namedCurve: string) => () => generateKeyPairSync('ec', { namedCurve });

/** Public and private exponent changed places: valid, and slow to verify. */
function rsaWithLongExponent() {
  const whole = rsa(2048)().privateKey.export({ format: 'jwk' });
  const { d: e = '', e: d = '', n = '', p = '', q = '', qi = '' } = whole;
  const less = (prime: string) => BigInt(`0x${Buffer.from(prime, 'base64url').toString('hex')}`) - 1n;
  const part = (of: bigint) => {
    const hex = (BigInt(`0x${Buffer.from(d, 'base64url').toString('hex')}`) % of).toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length & 1), '0'), 'hex').toString('base64url');
  };
  const key = { kty: 'RSA', n, e, d, p, q, qi, dp: part(less(p)), dq: part(less(q)) };
  const privateKey = createPrivateKey({ key, format: 'jwk' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

const KEYS: readonly [string, () => KeyPairKeyObjectResult, sound: boolean][] = [
  ['P-384', onCurve('P-384'), true],
  ['RSA of 2,048 bits', rsa(2048), true],
  ['RSA of 1,024 bits', rsa(1024), false],
  ['a weak curve', onCurve('secp112r1'), false],
  ['a curve nobody uses', onCurve('sect233k1'), false],
  ['RSA with a long exponent', rsaWithLongExponent, false],
];

for (const [name, make, sound] of KEYS)
  test(`a certificate with a key of ${name} is ${sound ? '' : 'not '}taken`, () => {
    const { client, server, hello, keys, failures } = stage({ identity: selfSigned(make(), NOW) });
    hello();
    server.hear(client.answer());
    assert.equal(keys.length, sound ? 1 : 0);
    assert.deepEqual(failures, sound ? [] : ['the far end does not have the key of its certificate']);
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

/** A ClientHello's extensions with many bytes that say nothing (RFC 7685). */
const long = (bytes: number) =>
  Buffer.concat([EXTENSIONS, Buffer.of(0, 21, bytes >> 8, bytes & 255), Buffer.alloc(bytes)]);

test('a flight that is not answered is sent again, less and less often, and then given up', async () => {
  const { hello, sent, clock, failures } = stage({ extensions: long(1500) });
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

test('who did not get the first flight gets it at once when it says hello again', () => {
  const { client, server, sent } = stage({ extensions: long(300) });
  const hello = client.hello();
  for (let round = 1; round < 5; round++) {
    for (const datagram of hello) server.hear(datagram);
    assert.equal(sent.length, round);
  }
});

test('who has not shown that it hears is sent the first flight, and then three times what came from it at the most', async () => {
  const { client, server, sent, clock } = stage();
  const [hello = Buffer.alloc(0)] = client.hello();
  const bytes = () => sent.reduce((sum, { length }) => sum + length, 0);
  server.hear(hello);
  await clock.advance(3000);
  assert.equal(sent.length, 1);
  for (let round = 2; round < 40; round++) {
    server.hear(hello);
    assert.ok(bytes() <= 3 * round * hello.length || sent.length === 1);
  }
  assert.ok(sent.length > 10);
});

test('who did not get the last flight gets it when it repeats its own', () => {
  const { client, server, hello, sent, keys } = stage();
  hello();
  server.hear(client.answer());
  server.hear(client.again());
  assert.equal(sent.length, 3);
  assert.equal(keys.length, 1);
});

test('nobody else gets the last flight again: not by plain text, not by what was sent once before', () => {
  const { client, server, hello, sent } = stage();
  hello();
  const answer = client.answer();
  server.hear(answer);
  assert.equal(sent.length, 2);
  server.hear(answer);
  // A ClientHello, a Certificate, a Finished, of which nothing is there.
  for (const [type, messageSequence] of [
    [1, 0],
    [11, 1],
    [20, 4],
  ] as const)
    server.hear(client.record(CONTENT.handshake, 0, formatHandshake(type, messageSequence, Buffer.alloc(0))));
  server.hear(
    client.record(CONTENT.handshake, 1, formatHandshake(HANDSHAKE.clientHello, 5, Buffer.alloc(0))),
  );
  assert.equal(sent.length, 2);
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
