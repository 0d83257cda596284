/** A certificate for localhost and 127.0.0.1 that signs itself, good until 2125; made for the tests and used nowhere else. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

export const KEY = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgn9B8LXVCdh++jv8O
ew1MNRn4SgvS1ZTI2idP2/OUCi+hRANCAARldqEkiQ9gkBiQCsei1UnB+9hxdQep
NRamVND/btDVEzkWiZ1TBVxXH/C9GSrI84t5SWNxzKCJyy+9m3+xA2lh
-----END PRIVATE KEY-----
`;
export const CERTIFICATE = `
-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUbXOVUItN6BTLhLT28Uz0vv6inccwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzE0MjUzNloYDzIxMjUwNjE3
MTQyNTM2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARldqEkiQ9gkBiQCsei1UnB+9hxdQepNRamVND/btDVEzkWiZ1TBVxX
H/C9GSrI84t5SWNxzKCJyy+9m3+xA2lho28wbTAdBgNVHQ4EFgQUtEslMArvc3Dz
TxFg6Qr3UBfrV/owHwYDVR0jBBgwFoAUtEslMArvc3DzTxFg6Qr3UBfrV/owDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgXrqZnuG/adsf/6Zu8K9GFoIOBEAeRcUJeTM3BDRMTtkCIDU/
GVAMV3lc0eC8aqN3WSnN79KUFw5w0U4+tyZVHF0E
-----END CERTIFICATE-----
`;

/** As files, for a server that reads them; removed when the process ends. */
export function certificateFiles(): { readonly cert: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-tls-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, CERTIFICATE);
  writeFileSync(files.key, KEY);
  return files;
}

/** From now on everything in this process, `fetch` too, trusts it. */
export function trustCertificate(): void {
  setDefaultCACertificates([...getCACertificates('default'), CERTIFICATE]);
}
