/** The applications of the configuration, and the one that is made for whoever configures none. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Application } from '../call/application.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import { bad, readSettings } from './read-settings.ts';
import type { Raw } from './setting.ts';
import { applicationSettings, roles } from './settings.ts';

export interface ConfiguredApplication extends Application {
  /** Never logged. */
  readonly secret: string;
}

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly allowHttp: boolean;
}

/** Throws TonearmError `badConfig`. */
export function readApplications(raw: Raw, around: Surroundings): readonly ConfiguredApplication[] {
  if (!Array.isArray(raw)) throw bad('applications: it must be a list of applications.');
  const applications = (raw as readonly Raw[]).map((one, index) =>
    readApplication(one, `applications[${index}]`, around),
  );
  for (const [index, { id }] of applications.entries()) {
    const first = applications.findIndex((other) => other.id === id);
    if (first !== index)
      throw bad(`applications[${index}].id: applications[${first}] has the same id, ${id}.`);
  }
  return applications;
}

function readApplication(raw: Raw, path: string, { env, allowHttp }: Surroundings): ConfiguredApplication {
  // An application is not spread over environment variables: its list could not be counted.
  const { secret, secretEnv, ...read } = readSettings(applicationSettings, { file: raw, env: {}, path });
  for (const key of ['id', 'tenantId', 'callbackUri'] as const) {
    if (read[key] === undefined) throw bad(`${path}.${key}: it is missing.`);
  }
  if (!allowHttp && /^http:/i.test(read.callbackUri)) {
    throw bad(`${path}.callbackUri: it must be an https: URL, unless callbacks.allowHttp is true.`);
  }
  return { ...read, name: read.name ?? read.id, secret: secretOf(secret, secretEnv, path, env) };
}

function secretOf(
  secret: string | undefined,
  secretEnv: string | undefined,
  path: string,
  env: Surroundings['env'],
): string {
  if (secret !== undefined && secretEnv !== undefined) {
    throw bad(`${path}.secretEnv: there is a secret too; give one of them.`);
  }
  if (secret !== undefined) return secret;
  if (secretEnv === undefined) throw bad(`${path}.secret: it is missing; give secret or secretEnv.`);
  const found = env[secretEnv];
  if (found === undefined || found === '') {
    throw bad(`${path}.secretEnv: the environment variable ${secretEnv} is not set.`);
  }
  return found;
}

/** Where the application that is made for you expects its bot. */
export const defaultCallback = 'http://127.0.0.1:9000/api/calls';

/**
 * The application of a server without configured ones: it takes every call. Its id, tenant and secret are made once and kept
 * in the data folder, which is made when it is not there. Throws TonearmError `dataFolder`.
 */
export function defaultApplication(dataFolder: string): ConfiguredApplication {
  const { id, tenantId, secret } = keptIdentity(dataFolder);
  return {
    id,
    tenantId,
    secret,
    name: 'Tonearm',
    roles,
    callbackUri: defaultCallback,
    dialect: 'app',
    routes: ['*'],
  };
}

interface Identity {
  readonly id: string;
  readonly tenantId: string;
  readonly secret: string;
}

function keptIdentity(dataFolder: string): Identity {
  const file = join(dataFolder, 'application.json');
  try {
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
    try {
      const made = {
        id: randomUUID(),
        tenantId: randomUUID(),
        secret: randomBytes(24).toString('base64url'),
      };
      // `wx`: fails when it is there, so two servers that start at once agree on one.
      writeFileSync(file, `${JSON.stringify(made, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 });
      return made;
    } catch (thrown) {
      if (!isTaken(thrown)) throw thrown;
    }
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isIdentity(kept)) throw new Error(`${file} does not hold an id, a tenantId and a secret`);
    return kept;
  } catch (cause) {
    const message = `data: the application in ${dataFolder} can neither be read nor made: ${reasonOf(cause)}`;
    throw new TonearmError('dataFolder', message, { cause });
  }
}

function isTaken(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST';
}

function isIdentity(kept: unknown): kept is Identity {
  if (typeof kept !== 'object' || kept === null) return false;
  const { id, tenantId, secret } = kept as Partial<Record<string, unknown>>;
  return [id, tenantId, secret].every((value) => typeof value === 'string' && value !== '');
}
