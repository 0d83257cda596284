/** The `applications` of the configuration. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Credentials, isSecretHash } from './access/secrets.ts';
import type { Role } from './call/application.ts';
import type { ConfiguredApplication } from './config.ts';
import { readList, readMapping, valuesOf } from './config-lists.ts';
import { mustBe } from './config-mistakes.ts';
import { reasonOf, TonearmError } from './errors.ts';

const ROLES: readonly Role[] = ['Calls.AccessMedia.All', 'Calls.Initiate.All'];
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const KEYS = [
  ...['id', 'tenantId', 'name', 'secret', 'secretEnv', 'secretHash'],
  ...['roles', 'callbackUri', 'dialect', 'routes', 'speechSensitivity'],
];

/** Where the default application's bot is told of calls: what examples/voicemail-bot listens on. */
export const DEFAULT_CALLBACK = 'http://127.0.0.1:9000/api/calls';

/** What reaches it. */
export const DEFAULT_ROUTE = 'sip:voicemail@*';

/** Where its id and secret are kept, in the data folder. */
export const DEFAULT_FILE = 'default-application.json';

/** Throws TonearmError `badConfig`. */
export function readApplications(
  given: unknown,
  env: Readonly<Record<string, string | undefined>>,
  allowHttp: boolean,
): readonly ConfiguredApplication[] {
  return readList('applications', given, 'id', (one, at) => readApplication(one, at, env, allowHttp));
}

/** The environment variables that hold secrets. */
export function secretVariables(given: unknown): readonly string[] {
  return valuesOf(given, 'secretEnv');
}

/** `at` names it in errors. Throws TonearmError `badConfig` with all that is wrong. */
export function readApplication(
  given: unknown,
  at: string,
  env: Readonly<Record<string, string | undefined>>,
  allowHttp: boolean,
): ConfiguredApplication {
  const { credentials, name, ...read } = readMapping(given, at, KEYS, (raw) => {
    const guid = (key: string) => {
      const value = String(raw[key] ?? '').toLowerCase();
      if (GUID.test(value)) return value;
      throw mustBe(`${at}.${key}`, 'a GUID such as 8a34a46b-3d17-4adc-8dce-dc4e7d572698');
    };
    return {
      id: () => guid('id'),
      tenantId: () => guid('tenantId'),
      name: () => (typeof raw.name === 'string' ? raw.name : undefined),
      credentials: () => secretOf(raw, at, env),
      roles: () => rolesOf(raw.roles ?? [], `${at}.roles`),
      callbackUri: () => callbackOf(raw.callbackUri, `${at}.callbackUri`, allowHttp),
      dialect: () => {
        const { dialect = 'app' } = raw;
        if (dialect === 'app' || dialect === 'communications') return dialect;
        throw mustBe(`${at}.dialect`, 'app or communications');
      },
      speechSensitivity: () => {
        const { speechSensitivity: level = 'normal' } = raw;
        if (level === 'low' || level === 'normal' || level === 'high') return level;
        throw mustBe(`${at}.speechSensitivity`, 'low, normal or high');
      },
      routes: () => {
        const routes = raw.routes ?? [];
        if (isTexts(routes)) return routes;
        throw mustBe(`${at}.routes`, 'a list of patterns such as "sip:voicemail@*" or "+1425*"');
      },
    };
  });
  return { ...read, name: name ?? read.id, ...credentials };
}

function rolesOf(given: unknown, key: string): readonly Role[] {
  if (isTexts(given) && given.every((role) => ROLES.includes(role as Role))) return given as readonly Role[];
  throw mustBe(key, `a list of ${ROLES.join(', ')}`);
}

function callbackOf(given: unknown, key: string, allowHttp: boolean): string {
  const url = typeof given === 'string' ? URL.parse(given) : null;
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && allowHttp))
    throw mustBe(key, 'an https: URL (http: only with callbacks.allowHttp: true)');
  if (url.username !== '' || url.password !== '')
    throw mustBe(key, 'a URL without a user name and a password, which are not sent');
  return given as string;
}

function isTexts(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((one) => typeof one === 'string');
}

function secretOf(
  raw: Readonly<Record<string, unknown>>,
  at: string,
  env: Readonly<Record<string, string | undefined>>,
): Omit<Credentials, 'id'> {
  if (typeof raw.secretHash === 'string') {
    if (!isSecretHash(raw.secretHash))
      throw mustBe(
        `${at}.secretHash`,
        'a scrypt hash: scrypt$N$r$p$salt$hash, the last two in base64url, N r p such as 16384$8$1',
      );
    return { hashes: [{ hash: raw.secretHash }] };
  }
  if (typeof raw.secretEnv === 'string') {
    const secret = env[raw.secretEnv];
    if (secret === undefined || secret === '')
      throw mustBe(
        `${at}.secretEnv`,
        `the name of an environment variable that is set; ${raw.secretEnv} is not`,
      );
    return { secret };
  }
  if (typeof raw.secret !== 'string' || raw.secret === '')
    throw mustBe(
      `${at}.secret`,
      'a text (or give secretEnv, the name of an environment variable, or secretHash)',
    );
  return { secret: raw.secret };
}

/**
 * The one application of a server without a configuration: made once, kept in the data folder, takes the calls to DEFAULT_ROUTE.
 * Throws TonearmError `dataFolder` when it can't be kept.
 */
export function defaultApplication(dataFolder: string): {
  readonly application: ConfiguredApplication;
  readonly isNew: boolean;
} {
  const file = join(dataFolder, DEFAULT_FILE);
  const kept = readKept(file);
  const { id, tenantId, secret } = kept ?? {
    id: randomUUID(),
    tenantId: randomUUID(),
    secret: randomBytes(24).toString('base64url'),
  };
  if (kept === undefined) {
    try {
      mkdirSync(dataFolder, { recursive: true });
      writeFileSync(file, `${JSON.stringify({ id, tenantId, secret }, undefined, 2)}\n`, { mode: 0o600 });
    } catch (thrown) {
      throw new TonearmError(
        'dataFolder',
        `The data folder ${dataFolder} can't be written: ${reasonOf(thrown)}. Give another one with --data.`,
      );
    }
  }
  const application = {
    id,
    tenantId,
    secret,
    name: 'Default',
    roles: ROLES,
    callbackUri: DEFAULT_CALLBACK,
    dialect: 'app',
    speechSensitivity: 'normal',
    routes: [DEFAULT_ROUTE],
  } as const;
  return { application, isNew: kept === undefined };
}

interface Identity {
  readonly id: string;
  readonly tenantId: string;
  readonly secret: string;
}

/** `undefined`: not there yet. One that is there and broken is not replaced: its bot would stand before a closed door. */
function readKept(file: string): Identity | undefined {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw new TonearmError('dataFolder', `${file} can't be read: ${reasonOf(thrown)}.`);
  }
  const kept = parsed(content);
  if (kept === undefined) {
    throw new TonearmError('dataFolder', `${file} holds no id, tenantId and secret. Mend it, or delete it.`);
  }
  return kept;
}

function parsed(content: string): Identity | undefined {
  try {
    const { id, tenantId, secret } = JSON.parse(content);
    return [id, tenantId, secret].every((one) => typeof one === 'string' && one !== '')
      ? { id, tenantId, secret }
      : undefined;
  } catch {
    return undefined;
  }
}
