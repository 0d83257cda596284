/**
 * Applications that the command line manages: a file of its own in the data folder, since a running server keeps its store to itself. Only hashes
 * of secrets are in it. A running server looks at it every two seconds.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { watchKeptFile, writeKeptFile } from './access/kept-file.ts';
import { isSecretHash, type SecretHash } from './access/secrets.ts';
import type { ApplicationDirectory } from './call/application.ts';
import type { Clock } from './clock.ts';
import type { ConfiguredApplication } from './config.ts';
import { readApplication } from './config-applications.ts';
import { reasonOf, TonearmError } from './errors.ts';
import type { Log } from './log.ts';

export interface KeptApplication extends ConfiguredApplication {
  readonly hashes: readonly SecretHash[];
}

/** The applications of the configuration, followed by those of the file as it is now. */
export interface ApplicationFile extends ApplicationDirectory<ConfiguredApplication> {
  /** Stops looking at the file. */
  close(): void;
}

/** A change takes milliseconds; a script may begin many at once. */
const LOCK_WITHIN_MS = 10_000;
const FILE = 'applications.json';

/** Oldest first. Throws TonearmError `dataFolder` when the file can't be read or is none of ours. */
export function readKeptApplications(dataFolder: string): readonly KeptApplication[] {
  const file = join(dataFolder, FILE);
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw new TonearmError('dataFolder', `${file} can't be read: ${reasonOf(thrown)}.`);
  }
  try {
    const given: unknown = JSON.parse(content);
    if (!Array.isArray(given)) throw new Error('it is no list');
    return given.map((one, index) => readKept(one, `[${index}]`));
  } catch (thrown) {
    const why = reasonOf(thrown).replaceAll('\n', ' ');
    throw new TonearmError('dataFolder', `${file} can't be used: ${why} Mend it, or delete it.`);
  }
}

/** Writes what `change` makes of those that there are; no other process changes them meanwhile. Throws TonearmError `dataFolder`, and what `change` throws. */
export function changeKeptApplications(
  dataFolder: string,
  change: (kept: readonly KeptApplication[]) => readonly KeptApplication[],
): void {
  const lock = takeLock(dataFolder);
  try {
    const changed = change(readKeptApplications(dataFolder));
    writeKeptFile(join(dataFolder, FILE), `${JSON.stringify(changed, undefined, 2)}\n`);
  } finally {
    lock.close();
  }
}

/** A lock that dies with its process: an open exclusive transaction on a file of its own. */
function takeLock(dataFolder: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(dataFolder, `${FILE}.lock`), { timeout: LOCK_WITHIN_MS });
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (thrown) {
    lock?.close();
    throw new TonearmError('dataFolder', `${join(dataFolder, FILE)} can't be changed: ${reasonOf(thrown)}.`);
  }
}

/** Throws what readKeptApplications does; later troubles with the file are logged, and what was known stays. */
export function openApplications(
  configured: readonly ConfiguredApplication[],
  dataFolder: string,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ApplicationFile {
  let all: readonly ConfiguredApplication[] = [];
  let byId: ReadonlyMap<string, ConfiguredApplication> = new Map();
  const read = () => {
    all = joined(configured, readKeptApplications(dataFolder), log);
    byId = new Map(all.map((application) => [application.id, application]));
  };
  // Before the first look, so that no change falls between the two.
  const watching = watchKeptFile(join(dataFolder, FILE), clock, () => {
    try {
      read();
      log.info({ applications: all.length }, 'the applications were read again');
    } catch (thrown) {
      log.error({ error: reasonOf(thrown) }, 'the applications could not be read again');
    }
  });
  try {
    read();
  } catch (thrown) {
    watching.cancel();
    throw thrown;
  }
  return { all: () => all, get: (id) => byId.get(id), close: () => watching.cancel() };
}

function joined(
  configured: readonly ConfiguredApplication[],
  kept: readonly KeptApplication[],
  log: Log,
): readonly ConfiguredApplication[] {
  const twice = kept.filter(({ id }) => configured.some((one) => one.id === id));
  for (const { id } of twice)
    log.warn({ application: id }, 'an application is in the configuration too, which wins');
  return [...configured, ...kept.filter((one) => !twice.includes(one))];
}

function readKept(given: unknown, at: string): KeptApplication {
  const { hashes, ...rest } = Object(given) as Record<string, unknown>;
  const secrets = (Array.isArray(hashes) ? hashes : []) as readonly SecretHash[];
  for (const { hash, until } of secrets)
    if (!isSecretHash(String(hash)) || (until !== undefined && typeof until !== 'number'))
      throw new Error(`${at}.hashes holds what is no hash of a secret.`);
  const application = readApplication({ ...rest, secretHash: secrets[0]?.hash }, at, {}, true);
  return { ...application, hashes: secrets };
}
