/**
 * The secret that opens the console: made at the first start, told once, and kept as a hash in a file of the data folder, so that the command line can
 * make another one while a server runs.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { watchKeptFile, writeKeptFile } from '../../access/kept-file.ts';
import { type Credentials, createSecretChecker, hashSecret, isSecretHash } from '../../access/secrets.ts';
import type { Clock } from '../../clock.ts';
import { reasonOf, TonearmError } from '../../errors.ts';
import type { Log } from '../../log.ts';

export interface AdminSecret {
  /** The secret itself when it was made just now: to be told once. */
  readonly fresh: string | undefined;
  /** Somebody was shown it. Until then it is forgotten at the close, and the next start makes another: a start may yet fail. */
  shown(): void;
  /** Whether that is the secret; `busy`: too many are being checked. */
  check(given: string): Promise<boolean | 'busy'>;
  /** Stops looking at the file, which is removed if nobody was shown what opens it. */
  close(): void;
}

const FILE = 'console-secret.json';
/** 192 bits, 32 characters that survive any terminal and URL. */
const BYTES = 24;

/** Makes one when there is none. `changed`: another one holds from now on. Throws TonearmError `dataFolder`. */
export async function openAdminSecret(
  dataFolder: string,
  { clock, log, changed }: { readonly clock: Clock; readonly log: Log; readonly changed: () => void },
): Promise<AdminSecret> {
  const fresh = read(dataFolder) === undefined ? await renewAdminSecret(dataFolder) : undefined;
  const checker = createSecretChecker(clock);
  const watching = watchKeptFile(join(dataFolder, FILE), clock, () => {
    log.info({}, 'the console has a new secret: every session has ended');
    changed();
  });
  let isToStay = fresh === undefined;
  return {
    fresh,
    shown() {
      isToStay = true;
    },
    // Read each time: what a sign-in is checked against is never an older one.
    check: (given) => checker.check(read(dataFolder), given),
    close() {
      watching.cancel();
      if (!isToStay) rmSync(join(dataFolder, FILE), { force: true });
    },
  };
}

/** Makes another one, which is good from now on instead of the one before. Throws TonearmError `dataFolder`. */
export async function renewAdminSecret(dataFolder: string): Promise<string> {
  const secret = randomBytes(BYTES).toString('base64url');
  writeKeptFile(join(dataFolder, FILE), `${JSON.stringify({ hash: await hashSecret(secret) })}\n`);
  return secret;
}

function read(dataFolder: string): Credentials | undefined {
  const file = join(dataFolder, FILE);
  try {
    const { hash } = Object(JSON.parse(readFileSync(file, 'utf8'))) as { readonly hash?: unknown };
    if (typeof hash !== 'string' || !isSecretHash(hash)) throw new Error('it holds no hash of a secret');
    return { id: 'console', hashes: [{ hash }] };
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    const advice = 'Delete it: the next start makes a new secret.';
    throw new TonearmError('dataFolder', `${file} can't be used: ${reasonOf(thrown)}. ${advice}`);
  }
}
