import { createHash } from 'node:crypto';

/** The id of what is appended to a lane under a key, whichever process appends it: a GUID (RFC 9562 §5.8, version 8: of a hash). */
export function idOf(lane: string, key: string): string {
  const bytes = createHash('sha256').update(`${lane} ${key}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
