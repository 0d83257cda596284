import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { createDtlsIdentity, type DtlsIdentity, selfSigned } from '../../src/media/dtls-identity.ts';
import { DtlsServer } from '../../src/media/dtls-server.ts';
import { missing } from '../support/tools.ts';

const pem = (label: string, bytes: Buffer) =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

function rsaIdentity(): DtlsIdentity {
  return selfSigned(generateKeyPairSync('rsa', { modulusLength: 2048 }), Date.now());
}

/** A program that shakes hands as a client, over UDP. */
interface Peer {
  readonly command: 'openssl' | 'gnutls-cli';
  readonly arguments: (port: number, certificate: string, key: string) => readonly string[];
  /** How it tells the 60 bytes of keys for SRTP that it came to. */
  readonly keys: RegExp;
}

const OPENSSL: Peer = {
  command: 'openssl',
  arguments: (port, certificate, key) => [
    ...['s_client', '-dtls1_2', '-connect', `127.0.0.1:${port}`, '-cert', certificate, '-key', key],
    ...[
      '-use_srtp',
      'SRTP_AES128_CM_SHA1_80',
      '-keymatexport',
      'EXTRACTOR-dtls_srtp',
      '-keymatexportlen',
      '60',
    ],
  ],
  keys: /Keying material: (\w+)\n/,
};

const GNUTLS: Peer = {
  command: 'gnutls-cli',
  arguments: (port, certificate, key) => [
    ...['--udp', '--port', String(port), '127.0.0.1', '--x509certfile', certificate, '--x509keyfile', key],
    ...['--insecure', '--priority', 'NORMAL:-VERS-ALL:+VERS-DTLS1.2'],
    ...['--srtp-profiles', 'SRTP_AES128_CM_HMAC_SHA1_80'],
    ...['--keymatexport', 'EXTRACTOR-dtls_srtp', '--keymatexportsize', '60'],
  ],
  keys: /Key material: (\w+)\n/,
};

/** Has it shake hands with a server that expects `expected`; gives what it said and what the server made of it. */
async function shakeHands(
  program: Peer,
  identity: DtlsIdentity,
  { expected = identity.fingerprint, more = [] as readonly string[] } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-dtls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(cert, pem('CERTIFICATE', identity.certificate));
  writeFileSync(key, identity.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const socket = createSocket('udp4');
  let peer = 0;
  const outcome = Promise.withResolvers<string>();
  const server = new DtlsServer({
    identity: createDtlsIdentity(Date.now()),
    fingerprint: expected,
    clock: systemClock,
    send: (datagram) => socket.send(datagram, peer, '127.0.0.1'),
    onKeys: ({ receive, send }) =>
      outcome.resolve(Buffer.concat([receive.key, send.key, receive.salt, send.salt]).toString('hex')),
    onEnded() {},
    onFailed: (why) => outcome.resolve(why),
  });
  socket.on('message', (datagram, { port }) => {
    peer = port;
    server.hear(datagram);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const client = spawn(program.command, [...program.arguments(socket.address().port, cert, key), ...more]);
  let said = '';
  const exported = Promise.withResolvers<void>();
  for (const stream of [client.stdout, client.stderr])
    stream.on('data', (chunk) => {
      said += chunk;
      if (program.keys.test(said)) exported.resolve();
    });
  const gone = once(client, 'exit');
  try {
    const made = await outcome.promise;
    await Promise.race([exported.promise, gone]);
    return { made, said };
  } finally {
    client.kill();
    await gone;
    server.close();
    socket.close();
    rmSync(folder, { recursive: true });
  }
}

/** What a peer is to say besides, and with which certificate. */
const HANDSHAKES: readonly [string, Peer, readonly string[], () => DtlsIdentity][] = [
  ['OpenSSL', OPENSSL, [], () => createDtlsIdentity(Date.now())],
  ['OpenSSL in small pieces', OPENSSL, ['-mtu', '256'], () => createDtlsIdentity(Date.now())],
  ['OpenSSL with an RSA key', OPENSSL, [], rsaIdentity],
  ['GnuTLS', GNUTLS, [], () => createDtlsIdentity(Date.now())],
  ['GnuTLS in small pieces', GNUTLS, ['--mtu', '256'], () => createDtlsIdentity(Date.now())],
];

for (const [name, peer, more, identity] of HANDSHAKES)
  test(`${name} shakes hands and comes to the same SRTP keys`, {
    skip: missing(`/usr/bin/${peer.command}`),
  }, async () => {
    const { made, said } = await shakeHands(peer, identity(), { more });
    assert.equal(peer.keys.exec(said)?.[1]?.toLowerCase(), made, said);
    assert.match(said, /SRTP_AES128_CM_(HMAC_)?SHA1_80/);
    assert.match(said, /extended master secret/i);
  });

const TURNED_AWAY: readonly [string, Peer, RegExp][] = [
  ['OpenSSL', OPENSSL, /alert bad certificate/],
  ['GnuTLS', GNUTLS, /Certificate is bad/],
];

for (const [name, peer, alert] of TURNED_AWAY)
  test(`${name} is turned away when its certificate is not the announced one`, {
    skip: missing(`/usr/bin/${peer.command}`),
  }, async () => {
    const expected = createDtlsIdentity(Date.now()).fingerprint;
    const { made, said } = await shakeHands(peer, createDtlsIdentity(Date.now()), { expected });
    assert.match(made, /fingerprint/);
    assert.match(said, alert);
  });
