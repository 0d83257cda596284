import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CERTIFICATE, certificateFiles, KEY } from '../test/support/certificate.ts';
import { readConfig } from './config.ts';
import { TonearmError } from './errors.ts';
import { readTls } from './tls-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-tls-files-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const files = certificateFiles();
const file = (name: string, content: string) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

function tls(given: { cert?: string; key?: string }): string {
  try {
    const env = { TONEARM_HTTP_TLS_CERT: given.cert, TONEARM_HTTP_TLS_KEY: given.key };
    const material = readTls(readConfig({ env }));
    return material === undefined ? 'plain' : material.cert + material.key;
  } catch (thrown) {
    assert.ok(thrown instanceof TonearmError);
    assert.equal(thrown.code, 'badConfig');
    return thrown.message;
  }
}

test('a certificate and its key are read; without them HTTP is plain', () => {
  assert.equal(tls({}), 'plain');
  assert.equal(tls(files), CERTIFICATE + KEY);
});

test('what does not fit together, or is not there, is named', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  const otherKey = file('other.pem', String(other.export({ type: 'pkcs8', format: 'pem' })));
  assert.match(tls({ cert: files.cert }), /^http\.tls\.key must be given beside the other/);
  assert.match(tls({ key: files.key }), /^http\.tls\.cert must be given/);
  assert.match(tls({ ...files, cert: '/nowhere.pem' }), /^http\.tls\.cert can't be read: ENOENT/);
  assert.match(tls({ ...files, cert: file('text.pem', 'text') }), /^http\.tls\.cert must be a PEM file/);
  const both = /^http\.tls\.cert can't be read: .*\nhttp\.tls\.key can't be read: [^\n]*$/;
  assert.match(tls({ cert: '/nowhere.pem', key: '/nowhere.pem' }), both);
  assert.match(tls({ ...files, key: files.cert }), /^http\.tls\.key must be a PEM file/);
  assert.match(tls({ ...files, key: otherKey }), /^http\.tls\.key must be the key of the certificate/);
});
