import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { createDtlsIdentity, type DtlsIdentity } from '../../src/media/dtls-identity.ts';
import { DtlsServer } from '../../src/media/dtls-server.ts';
import { missing } from '../support/tools.ts';

const pem = (label: string, bytes: Buffer) =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

/** Has OpenSSL shake hands with a server that expects `expected`; gives what OpenSSL said and what the server made of it. */
async function shakeHands(identity: DtlsIdentity, expected = identity.fingerprint) {
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
  const where = ['-dtls1_2', '-connect', `127.0.0.1:${socket.address().port}`, '-cert', cert, '-key', key];
  const srtp = ['-use_srtp', 'SRTP_AES128_CM_SHA1_80', '-keymatexport', 'EXTRACTOR-dtls_srtp'];
  const openssl = spawn('openssl', ['s_client', ...where, ...srtp, '-keymatexportlen', '60']);
  let said = '';
  const exported = Promise.withResolvers<void>();
  for (const stream of [openssl.stdout, openssl.stderr])
    stream.on('data', (chunk) => {
      said += chunk;
      if (/Keying material: \w+\n/.test(said)) exported.resolve();
    });
  const gone = once(openssl, 'exit');
  try {
    const made = await outcome.promise;
    await Promise.race([exported.promise, gone]);
    return { made, said };
  } finally {
    openssl.kill();
    await gone;
    server.close();
    socket.close();
    rmSync(folder, { recursive: true });
  }
}

const skip = missing('/usr/bin/openssl');

test('OpenSSL shakes hands and comes to the same SRTP keys', { skip }, async () => {
  const { made, said } = await shakeHands(createDtlsIdentity(Date.now()));
  assert.match(said, /SRTP Extension negotiated, profile=SRTP_AES128_CM_SHA1_80/);
  assert.match(said, /Extended master secret: yes/);
  assert.equal(/Keying material: (\w+)/.exec(said)?.[1]?.toLowerCase(), made);
});

test('OpenSSL is turned away when its certificate is not the announced one', { skip }, async () => {
  const other = createDtlsIdentity(Date.now()).fingerprint;
  const { made, said } = await shakeHands(createDtlsIdentity(Date.now()), other);
  assert.match(made, /fingerprint/);
  assert.match(said, /alert bad certificate/);
});
