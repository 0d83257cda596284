/** The keys that recordings' keys are wrapped with. Several, so that they can be changed: the first wraps, all unwrap. */
import { createSecretKey, generateKeySync, hkdfSync, type KeyObject } from 'node:crypto';
import { TonearmError } from '../errors.ts';
import { HEADER_BYTES, NONE, newSegments, segmentsOf } from './segments.ts';

/** A recording's key as the store keeps it: of no use without the master key. Once it is deleted, so is the recording. */
export interface WrappedKey {
  /** Which master key it takes: an id that says nothing of the key. */
  readonly by: string;
  /** Header and one segment, base64. */
  readonly wrapped: string;
}

export interface MasterKeys {
  /** A new recording's; `undefined`: new ones are not encrypted. */
  make(recordingId: string): { readonly key: KeyObject; readonly wrapped: WrappedKey } | undefined;
  /** Throws TonearmError `masterKeyMissing` when it takes a key that is not here, `keyUnusable` when it is not what was kept for this recording. */
  unwrap(recordingId: string, wrapped: WrappedKey): KeyObject;
  /** The same under the first key; `undefined` when that wraps it already. Throws as `unwrap`. */
  rewrap(recordingId: string, wrapped: WrappedKey): WrappedKey | undefined;
}

/** @param keys 32 bytes each; none: nothing is encrypted, and nothing that was can be read */
export function masterKeys(keys: readonly Uint8Array[], { encryptNew = true } = {}): MasterKeys {
  const named = new Map<string, KeyObject>();
  for (const bytes of keys) {
    const key = createSecretKey(bytes);
    named.set(idOf(key), key);
  }
  const [first] = named;
  const unwrap: MasterKeys['unwrap'] = (recordingId, { by, wrapped }) => {
    const master = named.get(by);
    if (master === undefined)
      throw new TonearmError(
        'masterKeyMissing',
        `recording ${recordingId} takes master key ${by}, which is not among those of recordings.encryption`,
      );
    try {
      const bytes = Buffer.from(wrapped, 'base64');
      const segments = segmentsOf(bytes.subarray(0, HEADER_BYTES), master, contextOf(recordingId));
      return createSecretKey(segments.decrypt(bytes.subarray(HEADER_BYTES), ONLY));
    } catch (cause) {
      throw new TonearmError('keyUnusable', `the key of recording ${recordingId} was changed`, { cause });
    }
  };
  return {
    make(recordingId) {
      if (first === undefined || !encryptNew) return undefined;
      const key = generateKeySync('aes', { length: 256 });
      return { key, wrapped: wrap(first, recordingId, key) };
    },
    unwrap,
    rewrap(recordingId, wrapped) {
      // Not looked at then: a start does so with every recording that there is.
      if (wrapped.by === first?.[0]) return undefined;
      const key = unwrap(recordingId, wrapped);
      return first && wrap(first, recordingId, key);
    },
  };
}

const ONLY = { number: 0, after: NONE, last: true };
const contextOf = (recordingId: string) => `key ${recordingId}`;

function wrap([by, master]: readonly [string, KeyObject], recordingId: string, key: KeyObject): WrappedKey {
  const { header, segments } = newSegments(master, contextOf(recordingId));
  return { by, wrapped: Buffer.concat([header, segments.encrypt(key.export(), ONLY)]).toString('base64') };
}

/** Derived, so that it may be shown. */
function idOf(key: KeyObject): string {
  return Buffer.from(hkdfSync('sha256', key, '', 'tonearm master key id', 8)).toString('hex');
}
