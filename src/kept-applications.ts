/**
 * Applications that the command line manages: a file of its own in the data folder, since a running server keeps its store to itself. Only hashes
 * of secrets are in it. A running server looks at it every two seconds.
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ApplicationDirectory } from './call/application.ts';
import type { Clock, Timer } from './clock.ts';
import type { ConfiguredApplication } from './config.ts';
import { readApplication } from './config-applications.ts';
import { reasonOf, TonearmError } from './errors.ts';
import { isSecretHash, type SecretHash } from './graph/secrets.ts';
import type { Log } from './log.ts';

export interface KeptApplication extends ConfiguredApplication {
  readonly hashes: readonly SecretHash[];
}

/** The applications of the configuration, followed by those of the file as it is now. */
export interface ApplicationFile extends ApplicationDirectory<ConfiguredApplication> {
  /** Stops looking at the file. */
  close(): void;
}

const LOOK_EVERY_MS = 2000;
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
    throw new TonearmError('dataFolder', `${file} can't be used: ${reasonOf(thrown)} Mend it, or delete it.`);
  }
}

/** Writes what `change` makes of those that there are; no other process changes them meanwhile. Throws TonearmError `dataFolder`, and what `change` throws. */
export function changeKeptApplications(
  dataFolder: string,
  change: (kept: readonly KeptApplication[]) => readonly KeptApplication[],
): void {
  const lock = takeLock(dataFolder);
  try {
    write(dataFolder, change(readKeptApplications(dataFolder)));
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

/** In one step: whoever reads the file sees the old or the new one. */
function write(dataFolder: string, applications: readonly KeptApplication[]): void {
  const file = join(dataFolder, FILE);
  try {
    const content = `${JSON.stringify(applications, undefined, 2)}\n`;
    // Flushed before it takes the other's name: a power cut leaves one or the other, not an empty file.
    writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  } catch (thrown) {
    throw new TonearmError('dataFolder', `${file} can't be written: ${reasonOf(thrown)}.`);
  }
}

/** Throws what readKeptApplications does; later troubles with the file are logged, and what was known stays. */
export function openApplications(
  configured: readonly ConfiguredApplication[],
  dataFolder: string,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ApplicationFile {
  let version = versionOf(dataFolder);
  let all = joined(configured, readKeptApplications(dataFolder), log);
  let byId = new Map(all.map((application) => [application.id, application]));
  let timer: Timer | undefined;

  const look = () => {
    timer = clock.after(LOOK_EVERY_MS, look);
    const now = versionOf(dataFolder);
    if (now === version) return;
    version = now;
    try {
      all = joined(configured, readKeptApplications(dataFolder), log);
      byId = new Map(all.map((application) => [application.id, application]));
      log.info({ applications: all.length }, 'the applications were read again');
    } catch (thrown) {
      log.error({ error: reasonOf(thrown) }, 'the applications could not be read again');
    }
  };
  timer = clock.after(LOOK_EVERY_MS, look);

  return { all: () => all, get: (id) => byId.get(id), close: () => timer?.cancel() };
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

/** Changes whenever the file does. */
function versionOf(dataFolder: string): string {
  try {
    const { mtimeMs, ino, size } = statSync(join(dataFolder, FILE));
    return `${mtimeMs} ${ino} ${size}`;
  } catch {
    return 'none';
  }
}
