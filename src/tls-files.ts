import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { badConfig, readAll } from './config-mistakes.ts';
import { reasonOf } from './errors.ts';
import type { TlsMaterial } from './http/server.ts';

/** Certificate and key of the configuration; `undefined`: HTTP is plain. Throws TonearmError `badConfig` with all that is wrong. */
export function readTls({ http: { tls }, baseFolder }: Config): TlsMaterial | undefined {
  if (tls.cert === undefined && tls.key === undefined) return undefined;
  const read = (name: 'cert' | 'key') => {
    const path = tls[name];
    if (path === undefined) throw badConfig(`http.tls.${name} must be given beside the other.`);
    try {
      return readFileSync(resolve(baseFolder, path), 'utf8');
    } catch (thrown) {
      throw badConfig(`http.tls.${name} can't be read: ${reasonOf(thrown)}.`);
    }
  };
  const material = readAll({ cert: () => read('cert'), key: () => read('key') });
  check(material);
  return material;
}

function check({ cert, key }: TlsMaterial): void {
  const parse = <T>(name: string, step: () => T): T => {
    try {
      return step();
    } catch (thrown) {
      throw badConfig(`http.tls.${name} must be a PEM file: ${reasonOf(thrown)}.`);
    }
  };
  const { certificate, privateKey } = readAll({
    certificate: () => parse('cert', () => new X509Certificate(cert)),
    privateKey: () => parse('key', () => createPrivateKey(key)),
  });
  if (!certificate.checkPrivateKey(privateKey))
    throw badConfig('http.tls.key must be the key of the certificate in http.tls.cert.');
}
