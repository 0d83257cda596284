import { randomUUID } from 'node:crypto';
import {
  type CryptoKey,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
} from 'jose';
import type { Store } from '../store/store.ts';

/** The RS256 key that signs tokens, and what others verify them with. */
export interface SigningKeys {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  /** Public halves only. */
  readonly jwks: JSONWebKeySet;
  readonly verify: ReturnType<typeof createLocalJWKSet>;
}

const RECORD = 'key/signing';
export const ALGORITHM = 'RS256';

/** Opens the key in the store, or makes it at the first start. */
export async function openSigningKeys(store: Store): Promise<SigningKeys> {
  const kept = (await store.get<JWK>(RECORD))?.value ?? (await makeKey(store));
  const kid = kept.kid ?? '';
  const { kty, n, e } = kept;
  const jwks: JSONWebKeySet = { keys: [{ kty, n, e, kid, use: 'sig', alg: ALGORITHM } as JWK] };
  return {
    kid,
    jwks,
    privateKey: (await importJWK(kept, ALGORITHM)) as CryptoKey,
    verify: createLocalJWKSet(jwks),
  };
}

async function makeKey(store: Store): Promise<JWK> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid: randomUUID() };
  await store.put(RECORD, key);
  return key;
}
