/** The RS256 keys that sign tokens: made, published, used and retired in time, without a token that nobody can verify. */
import { randomUUID } from 'node:crypto';
import {
  type CryptoKey,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTVerifyGetKey,
} from 'jose';
import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Store } from '../store/store.ts';

export interface SigningKeys {
  /** What signs now. */
  readonly current: { readonly kid: string; readonly privateKey: CryptoKey };
  /** Public halves of every key whose tokens may still be about, or will be soon. */
  readonly jwks: JSONWebKeySet;
  readonly verify: JWTVerifyGetKey;
  /** Stops rotating. */
  close(): void;
}

export interface SigningKeyOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** How long a key signs; default 90 days. */
  readonly lifetimeMs?: number;
  readonly log?: Log;
}

export const ALGORITHM = 'RS256';

const PREFIX = 'key/signing/';
/** Where the one key of earlier versions was kept. */
const ONLY_KEY = 'key/signing';
const DAY_MS = 86_400_000;
/** A key is published so long before it signs: verifiers keep what they fetched for some hours. */
const AHEAD_MS = DAY_MS;
/** A key is published so long after it has signed its last: more than any token lives. */
const AFTER_MS = 2 * DAY_MS;
const LOOK_EVERY_MS = 3_600_000;

interface KeyRecord {
  readonly jwk: JWK;
  readonly madeAt: number;
}

interface OpenKey {
  readonly kid: string;
  readonly madeAt: number;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/** Opens the keys of the store, or makes the first. Looks every hour whether it is time for another. The caller closes. */
export async function openSigningKeys(options: SigningKeyOptions): Promise<SigningKeys> {
  const { store, clock, log = silentLog, lifetimeMs = 90 * DAY_MS } = options;
  let keys: readonly OpenKey[] = [];
  let jwks: JSONWebKeySet = { keys: [] };
  let verify: JWTVerifyGetKey = createLocalJWKSet(jwks);
  let timer: Timer | undefined;
  let closed = false;

  const rotate = async () => {
    await adoptOnlyKey(store, clock.now());
    const kept = await readKeys(store);
    const newest = kept.at(-1);
    if (newest === undefined || newest.madeAt + lifetimeMs - AHEAD_MS <= clock.now()) {
      kept.push(await makeKey(store, clock.now()));
      if (newest !== undefined) log.info({ kid: kept.at(-1)?.kid }, 'a new signing key is published');
    }
    keys = await withoutRetired(kept, store, clock.now());
    jwks = { keys: keys.map(publicHalf) };
    verify = createLocalJWKSet(jwks);
  };
  const watch = () => {
    timer = clock.after(LOOK_EVERY_MS, () => {
      void rotate()
        .catch((thrown) => log.error({ error: reasonOf(thrown) }, 'the signing keys could not be rotated'))
        .finally(() => closed || watch());
    });
  };
  await rotate();
  watch();

  return {
    get current() {
      const signing = keys.findLast(({ madeAt }) => madeAt + AHEAD_MS <= clock.now()) ?? keys[0];
      if (signing === undefined) throw new Error('there is no signing key');
      return signing;
    },
    get jwks() {
      return jwks;
    },
    verify: (header, token) => verify(header, token),
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

/** Oldest first. */
async function readKeys(store: Store): Promise<OpenKey[]> {
  const keys: OpenKey[] = [];
  for await (const { value } of store.list<KeyRecord>(PREFIX)) keys.push(await open(value));
  return keys.sort((a, b) => a.madeAt - b.madeAt);
}

async function open({ jwk, madeAt }: KeyRecord): Promise<OpenKey> {
  return { kid: jwk.kid ?? '', madeAt, jwk, privateKey: (await importJWK(jwk, ALGORITHM)) as CryptoKey };
}

async function makeKey(store: Store, madeAt: number): Promise<OpenKey> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: randomUUID() };
  await store.put(PREFIX + jwk.kid, { jwk, madeAt });
  return open({ jwk, madeAt });
}

/** Forgets keys of which no token is good any more: their successor has signed for long enough. */
async function withoutRetired(keys: readonly OpenKey[], store: Store, now: number): Promise<OpenKey[]> {
  const left: OpenKey[] = [];
  for (const [index, key] of keys.entries()) {
    const successor = keys[index + 1];
    if (successor !== undefined && successor.madeAt + AHEAD_MS + AFTER_MS <= now)
      await store.delete(PREFIX + key.kid);
    else left.push(key);
  }
  return left;
}

async function adoptOnlyKey(store: Store, now: number): Promise<void> {
  const only = await store.get<JWK>(ONLY_KEY);
  if (only === undefined) return;
  // It has signed already: it must go on doing so while its successor is published ahead.
  await store.put(PREFIX + (only.value.kid ?? randomUUID()), { jwk: only.value, madeAt: now - AHEAD_MS });
  await store.delete(ONLY_KEY);
}

function publicHalf({ jwk: { kty, n, e }, kid }: OpenKey): JWK {
  return { kty, n, e, kid, use: 'sig', alg: ALGORITHM } as JWK;
}
