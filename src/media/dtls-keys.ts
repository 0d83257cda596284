/** The key schedule of TLS 1.2 with SHA-256, and the protection of records with AES-128-GCM (RFC 5246 §5, §6.3, §8.1; RFC 5288; RFC 5705; RFC 7627). */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { type DtlsRecord, recordAssociatedData } from '../wire/dtls-record.ts';
import type { MasterKey } from './srtp-keys.ts';

export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

const MASTER_SECRET_BYTES = 48;
const KEY_BYTES = 16;
const IMPLICIT_NONCE_BYTES = 4;
const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;
/** RFC 5764 §4.1.2: of SRTP_AES128_CM_HMAC_SHA1_80. */
const SALT_BYTES = 14;
const VERIFY_BYTES = 12;

/** RFC 5246 §5. */
export function prf(secret: Uint8Array, label: string, seed: Uint8Array, length: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const hmac = (...parts: readonly Uint8Array[]) =>
    parts.reduce((mac, part) => mac.update(part), createHmac('sha256', secret)).digest();
  const parts: Buffer[] = [];
  for (let a = hmac(labelled); parts.length * 32 < length; a = hmac(a)) parts.push(hmac(a, labelled));
  return Buffer.concat(parts).subarray(0, length);
}

export function sha256(...parts: readonly Uint8Array[]): Buffer {
  return parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
}

/** RFC 7627 §4. `transcript`: up to and with ClientKeyExchange. */
export function extendedMasterSecret(preMaster: Uint8Array, transcript: readonly Uint8Array[]): Buffer {
  return prf(preMaster, 'extended master secret', sha256(...transcript), MASTER_SECRET_BYTES);
}

/** What a Finished must say of the messages before it (RFC 5246 §7.4.9). */
export function verifyData(
  master: Uint8Array,
  side: 'client' | 'server',
  transcript: readonly Uint8Array[],
): Buffer {
  return prf(master, `${side} finished`, sha256(...transcript), VERIFY_BYTES);
}

/** RFC 5764 §4.2. */
export function srtpKeys(
  master: Uint8Array,
  { client, server }: Randoms,
): { readonly client: MasterKey; readonly server: MasterKey } {
  const bytes = prf(
    master,
    'EXTRACTOR-dtls_srtp',
    Buffer.concat([client, server]),
    2 * (KEY_BYTES + SALT_BYTES),
  );
  const part = cutter(bytes);
  const [clientKey, serverKey] = [part(KEY_BYTES), part(KEY_BYTES)];
  const [clientSalt, serverSalt] = [part(SALT_BYTES), part(SALT_BYTES)];
  return { client: { key: clientKey, salt: clientSalt }, server: { key: serverKey, salt: serverSalt } };
}

/** One direction's records from epoch 1 on. */
export interface RecordKey {
  readonly key: KeyObject;
  readonly nonce: Buffer;
}

/** RFC 5246 §6.3; an AEAD has no MAC keys. */
export function recordKeys(
  master: Uint8Array,
  { client, server }: Randoms,
): { readonly client: RecordKey; readonly server: RecordKey } {
  const length = 2 * (KEY_BYTES + IMPLICIT_NONCE_BYTES);
  const part = cutter(prf(master, 'key expansion', Buffer.concat([server, client]), length));
  const [clientKey, serverKey] = [part(KEY_BYTES), part(KEY_BYTES)];
  const [clientNonce, serverNonce] = [part(IMPLICIT_NONCE_BYTES), part(IMPLICIT_NONCE_BYTES)];
  return {
    client: { key: createSecretKey(clientKey), nonce: clientNonce },
    server: { key: createSecretKey(serverKey), nonce: serverNonce },
  };
}

export function encryptRecord(record: DtlsRecord, { key, nonce }: RecordKey): DtlsRecord {
  const explicit = Buffer.alloc(EXPLICIT_NONCE_BYTES);
  explicit.writeUInt16BE(record.epoch);
  explicit.writeUIntBE(record.sequence, 2, 6);
  const cipher = createCipheriv('aes-128-gcm', key, Buffer.concat([nonce, explicit]));
  cipher.setAAD(recordAssociatedData(record, record.fragment.length));
  const text = cipher.update(record.fragment);
  cipher.final();
  return { ...record, fragment: Buffer.concat([explicit, text, cipher.getAuthTag()]) };
}

/** The text of a record; `undefined`: it was not made with this key. */
export function decryptRecord(record: DtlsRecord, { key, nonce }: RecordKey): Buffer | undefined {
  const { fragment } = record;
  const end = fragment.length - TAG_BYTES;
  if (end < EXPLICIT_NONCE_BYTES) return undefined;
  const explicit = fragment.subarray(0, EXPLICIT_NONCE_BYTES);
  const cipher = createDecipheriv('aes-128-gcm', key, Buffer.concat([nonce, explicit]), {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(recordAssociatedData(record, end - EXPLICIT_NONCE_BYTES));
  cipher.setAuthTag(fragment.subarray(end));
  try {
    const text = cipher.update(fragment.subarray(EXPLICIT_NONCE_BYTES, end));
    cipher.final();
    return text;
  } catch {
    return undefined;
  }
}

function cutter(bytes: Buffer): (length: number) => Buffer {
  let at = 0;
  return (length) => bytes.subarray(at, (at += length));
}
