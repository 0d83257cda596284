/**
 * Tokens that open one recording each: JWT (RFC 7519), HS256, the recording's id as subject.
 */
import { createSecretKey } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../clock.ts';
import { TonearmError } from '../errors.ts';

export interface AccessTokens {
  /** @param expiresAt milliseconds since the epoch; rounded up to a second */
  issue(recordingId: string, expiresAt: number): Promise<string>;
  /** `invalid`: not ours, changed, or expired. Never throws. */
  check(recordingId: string, token: string): Promise<'ok' | 'invalid' | 'otherRecording'>;
}

/** The same key signs nothing else; should it ever, these keep the uses apart. */
const ISSUER = 'tonearm';
const AUDIENCE = 'tonearm/recording';

/** Throws TonearmError `tokenKeyTooShort` for less than the 256 bits that RFC 7518 §3.2 asks for. */
export function accessTokens(key: Uint8Array, clock: Clock): AccessTokens {
  if (key.length < 32)
    throw new TonearmError(
      'tokenKeyTooShort',
      `the key for recordings has ${key.length} bytes, not 32 or more`,
    );
  const secret = createSecretKey(key);
  return {
    issue: (recordingId, expiresAt) =>
      new SignJWT()
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(recordingId)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt(Math.floor(clock.now() / 1000))
        .setExpirationTime(Math.ceil(expiresAt / 1000))
        .sign(secret),
    async check(recordingId, token) {
      try {
        const { payload } = await jwtVerify(token, secret, {
          algorithms: ['HS256'],
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: ['sub', 'exp'],
          currentDate: new Date(clock.now()),
        });
        return payload.sub === recordingId ? 'ok' : 'otherRecording';
      } catch {
        return 'invalid';
      }
    },
  };
}
