/**
 * Encrypted segments: what recordings are at rest (docs/decisions/0015-encryption-at-rest.md). AES-256-GCM under a key that is derived afresh for
 * each thing that is encrypted, and within it by the number of the segment as nonce.
 *
 *     header:   "TONEARM" (7 bytes), version 1 (1 byte), salt (32 bytes)
 *     key:      HKDF-SHA-256 (RFC 5869) of the recording's key, that salt, "tonearm recording 1"
 *     segment:  ciphertext, as long as the plaintext, and the tag (16 bytes)
 *     nonce:    8 bytes of zero, the segment's number (32 bit, big-endian)
 *     AAD:      the context (UTF-8), the number, that of the segment before (ffffffff: none), 01 for the last and else 00
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

/** A recording with its own key. Crosses threads; a KeyObject shows nothing of itself when it is logged or becomes JSON. */
export interface RecordingKey {
  readonly recordingId: string;
  readonly key: KeyObject;
}

/** Where a segment stands. Two segments of one header never have the same `number`. */
export interface Place {
  readonly number: number;
  /** The number of the segment before it; NONE for the first. */
  readonly after: number;
  readonly last: boolean;
}

export const NONE = 0xffff_ffff;
export const HEADER_BYTES = 40;
export const TAG_BYTES = 16;

const CIPHER = 'aes-256-gcm';
const NOTHING = new Uint8Array(0);
const MAGIC = Buffer.from('TONEARM\x01', 'latin1');

export interface Segments {
  /** Ciphertext and tag; what is given as `before` stands before them, in clear. */
  encrypt(plain: Uint8Array, place: Place, before?: Uint8Array): Buffer;
  /** Throws when these are not the bytes that stood at this place of this thing. */
  decrypt(encrypted: Uint8Array, place: Place): Buffer;
}

/**
 * Begins something new.
 * @param context what it is and of which recording: nothing that has another one can be taken for it
 * @param salt for known answers only: given twice under one key, nonces repeat
 */
export function newSegments(
  key: KeyObject,
  context: string,
  salt: Uint8Array = randomBytes(HEADER_BYTES - MAGIC.length),
): { readonly header: Buffer; readonly segments: Segments } {
  return { header: Buffer.concat([MAGIC, salt]), segments: derived(key, context, salt) };
}

/** What was begun with this header. Throws when it is none, or of another version. */
export function segmentsOf(header: Uint8Array, key: KeyObject, context: string): Segments {
  const magic = Buffer.from(header.subarray(0, MAGIC.length));
  if (header.length !== HEADER_BYTES || !magic.equals(MAGIC))
    throw new Error('it does not begin as what this version encrypts');
  return derived(key, context, header.subarray(MAGIC.length));
}

function derived(recordingKey: KeyObject, context: string, salt: Uint8Array): Segments {
  const key = createSecretKey(Buffer.from(hkdfSync('sha256', recordingKey, salt, 'tonearm recording 1', 32)));
  const contextBytes = Buffer.from(context);
  const aad = (place: Place) => {
    const bytes = Buffer.alloc(contextBytes.length + 9);
    bytes.set(contextBytes);
    bytes.writeUInt32BE(place.number, contextBytes.length);
    bytes.writeUInt32BE(place.after, contextBytes.length + 4);
    bytes.writeUInt8(place.last ? 1 : 0, contextBytes.length + 8);
    return bytes;
  };
  return {
    encrypt(plain, place, before = NOTHING) {
      const cipher = createCipheriv(CIPHER, key, nonceOf(place), { authTagLength: TAG_BYTES });
      cipher.setAAD(aad(place));
      const encrypted = cipher.update(plain);
      // Of a stream cipher nothing is left over.
      cipher.final();
      return Buffer.concat([before, encrypted, cipher.getAuthTag()]);
    },
    decrypt(encrypted, place) {
      const end = encrypted.length - TAG_BYTES;
      if (end < 0) throw new Error(`segment ${place.number} is cut off`);
      const decipher = createDecipheriv(CIPHER, key, nonceOf(place), { authTagLength: TAG_BYTES });
      decipher.setAAD(aad(place)).setAuthTag(encrypted.subarray(end));
      const plain = decipher.update(encrypted.subarray(0, end));
      try {
        decipher.final();
      } catch (cause) {
        throw new Error(`segment ${place.number} was changed, or stood elsewhere`, { cause });
      }
      return plain;
    },
  };
}

function nonceOf({ number }: Place): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  return nonce;
}
