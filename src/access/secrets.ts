/** Secrets of applications and of the console: kept as scrypt hashes (RFC 7914), checked a few at a time, remembered for a while when they were right. */
import { createHash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { atMost } from '../at-most.ts';
import type { Clock } from '../clock.ts';

/** What an application may log in with. */
export interface Credentials {
  readonly id: string;
  /** As the configuration has it; never stored by us. */
  readonly secret?: string | undefined;
  readonly hashes?: readonly SecretHash[] | undefined;
}

export interface SecretHash {
  /** `scrypt$N$r$p$salt$hash`, the last two in base64url. */
  readonly hash: string;
  /** Milliseconds since the epoch from which on it is good no more; `undefined`: for ever. */
  readonly until?: number | undefined;
}

export interface SecretChecker {
  /**
   * Whether the secret is right; `busy`: too many are being checked. Takes the same time for an application that there is not (`undefined`)
   * as for a wrong secret.
   */
  check(credentials: Credentials | undefined, secret: string): Promise<boolean | 'busy'>;
}

const COST = { N: 16_384, r: 8, p: 1 };
/** Of what is given as a hash: more would take a minute, and 1 GB. */
const HIGHEST_COST = 2 ** 20;
const HASH_BYTES = 32;
/** Each takes a thread of the pool, which file access and name resolution share, for tens of milliseconds. */
const AT_ONCE = 2;
const MOST_CHECKED = 64;
const REMEMBERED_MS = 600_000;
const MOST_REMEMBERED = 1000;

const FORMAT = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w-]{8,128})\$([\w-]{22,128})$/;

/** A new hash of `secret`, with a salt of its own. */
export async function hashSecret(secret: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(secret, salt, HASH_BYTES, COST);
  const { N, r, p } = COST;
  return `scrypt$${N}$${r}$${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** Whether a text is a hash that `hashSecret` could have made, with whatever cost. */
export function isSecretHash(text: string): boolean {
  const found = FORMAT.exec(text);
  const [N = 0, r = 0, p = 0] = (found ?? []).slice(1, 4).map(Number);
  return N >= 2 && (N & (N - 1)) === 0 && r >= 1 && p >= 1 && N * r * p <= HIGHEST_COST * 8;
}

export function createSecretChecker(clock: Clock): SecretChecker {
  /** Of secrets that were right: by application and secret, both hashed, until when. */
  const remembered = new Map<string, number>();
  const hashed = new Map<string, Promise<string>>();
  const nobody = hashSecret(randomBytes(16).toString('hex'));
  let checking = 0;

  const inTurn = atMost(AT_ONCE);

  const hashOf = (secret: string): Promise<string> => {
    const hash = hashed.get(secret) ?? hashSecret(secret);
    hashed.set(secret, hash);
    return hash;
  };

  const hashesOf = async (credentials: Credentials | undefined): Promise<readonly string[]> => {
    const plain = credentials?.secret === undefined ? [] : [await hashOf(credentials.secret)];
    const kept = (credentials?.hashes ?? []).filter(
      ({ until }) => until === undefined || until > clock.now(),
    );
    const hashes = [...plain, ...kept.map(({ hash }) => hash)];
    return hashes.length > 0 ? hashes : [await nobody];
  };

  return {
    async check(credentials, secret) {
      const hashes = await hashesOf(credentials);
      // With the hashes in it, so that a secret that was taken away is forgotten with them.
      const name = digest(JSON.stringify([credentials?.id, hashes, secret]));
      // Before the queue: who was right before gets in while somebody else guesses.
      if ((remembered.get(name) ?? 0) > clock.now()) return true;
      if (checking >= MOST_CHECKED) return 'busy';
      checking++;
      try {
        for (const hash of hashes) {
          if (!(await inTurn(() => matches(secret, hash))) || credentials === undefined) continue;
          remembered.set(name, clock.now() + REMEMBERED_MS);
          if (remembered.size > MOST_REMEMBERED) remembered.delete(remembered.keys().next().value ?? '');
          return true;
        }
        return false;
      } finally {
        checking--;
      }
    },
  };
}

async function matches(secret: string, hash: string): Promise<boolean> {
  const [, N, r, p, salt = '', wanted = ''] = FORMAT.exec(hash) ?? [];
  const expected = Buffer.from(wanted, 'base64url');
  if (expected.length === 0) return false;
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const found = await derive(secret, Buffer.from(salt, 'base64url'), expected.length, cost);
  return timingSafeEqual(found, expected);
}

function derive(secret: string, salt: Uint8Array, bytes: number, cost: ScryptOptions): Promise<Buffer> {
  const maxmem = 256 * (cost.N ?? 0) * (cost.r ?? 0) * (cost.p ?? 1);
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, bytes, { ...cost, maxmem }, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
