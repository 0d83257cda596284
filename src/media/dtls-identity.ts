/** The certificate that a thread's lines show to browsers: self-signed, and vouched for by the fingerprint in SDP alone (RFC 8122, RFC 8827 §6.5). */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Fingerprint } from '../wire/sdp.ts';

export interface DtlsIdentity {
  readonly certificate: Buffer;
  readonly privateKey: KeyObject;
  readonly fingerprint: Fingerprint;
}

/** RFC 8827 §6.5 lets it be used for many calls; it lasts as long as the process. */
const DAYS_BEFORE = 1;
const DAYS_AFTER = 3650;
const DAY_MS = 86_400_000;

/** A new key on P-256 with its certificate. `now`: milliseconds since the epoch. */
export function createDtlsIdentity(now: number): DtlsIdentity {
  return selfSigned(generateKeyPairSync('ec', { namedCurve: 'P-256' }), now);
}

/** A pair of keys with its certificate, which says that it is signed by ECDSA with SHA-256. */
export function selfSigned(
  { publicKey, privateKey }: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  now: number,
): DtlsIdentity {
  const ecdsaSha256 = sequence(der(OID, Buffer.from('2a8648ce3d040302', 'hex')));
  const name = sequence(
    der(SET, sequence(der(OID, Buffer.from('550403', 'hex')), der(UTF8_STRING, Buffer.from('tonearm')))),
  );
  const toSign = sequence(
    der(VERSION_TAG, der(INTEGER, Buffer.of(2))),
    // Positive, and without a leading zero that DER would forbid.
    der(INTEGER, Buffer.concat([Buffer.of(0x40), randomBytes(8)])),
    ecdsaSha256,
    name,
    sequence(time(now - DAYS_BEFORE * DAY_MS), time(now + DAYS_AFTER * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = der(BIT_STRING, Buffer.concat([Buffer.of(0), sign('sha256', toSign, privateKey)]));
  const certificate = sequence(toSign, ecdsaSha256, signature);
  return {
    certificate,
    privateKey,
    fingerprint: { hash: 'sha-256', value: fingerprintOf(certificate, 'sha256') },
  };
}

/** RFC 8122 §5's hash functions, as node:crypto names them. MD5 and SHA-1 prove nothing. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-384', 'sha384'],
  ['sha-512', 'sha512'],
]);

/** Whether it is the certificate that SDP announced. */
export function hasFingerprint(certificate: Uint8Array, { hash, value }: Fingerprint): boolean {
  const name = HASHES.get(hash);
  return name !== undefined && fingerprintOf(certificate, name) === value;
}

/** Those that browsers make (RFC 8827 §6.5), and what other phones may have in their place. */
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const RSA_BITS = { least: 2048, most: 4096 };
const MOST_RSA_EXPONENT = 0xffff_ffffn;

/**
 * Whether a key of the far end is one to verify with: a weaker one proves nothing, and an odd one may take the thread of many calls'
 * audio 12 ms (RSA of 3,072 bits with an exponent as long) where others take one.
 */
export function isSoundKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { namedCurve = '', modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ec') return CURVES.has(namedCurve);
  const isLong = modulusLength >= RSA_BITS.least && modulusLength <= RSA_BITS.most;
  return asymmetricKeyType === 'rsa' && isLong && publicExponent <= MOST_RSA_EXPONENT;
}

function fingerprintOf(certificate: Uint8Array, hash: string): string {
  return createHash(hash)
    .update(certificate)
    .digest('hex')
    .toUpperCase()
    .replace(/..(?=.)/g, '$&:');
}

// X.690 §8.1, of what stands in a certificate (RFC 5280 §4.1).
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OID = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;
const VERSION_TAG = 0xa0;

function der(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(SEQUENCE, Buffer.concat(parts));
}

/** RFC 5280 §4.1.2.5: two digits of the year before 2050. */
function time(at: number): Buffer {
  const text = `${new Date(at).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return text < '2050' ? der(UTC_TIME, Buffer.from(text.slice(2))) : der(GENERALIZED_TIME, Buffer.from(text));
}
