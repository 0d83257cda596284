/** The configuration: what the file and the environment say, checked, with every default filled in. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import {
  type ConfiguredApplication,
  defaultApplication,
  defaultCallback,
  readApplications,
} from './config/applications.ts';
import { bad, checkVariables, readSettings } from './config/read-settings.ts';
import type { Bounds, HostPort, Raw, SipListen } from './config/setting.ts';
import { settings } from './config/settings.ts';
import { reasonOf } from './errors.ts';

export { type ConfiguredApplication, defaultApplication };

export interface Config {
  /** `publicUrl` has no slash at its end; left out, it follows from where the server listens in the end. */
  readonly http: { readonly listen: HostPort; readonly publicUrl: string | undefined };
  readonly sip: { readonly listen: readonly SipListen[] };
  readonly media: {
    readonly address: string;
    readonly ports: Bounds;
    readonly workers: number;
    readonly receiveTimeoutMs: number;
  };
  /** Absolute. */
  readonly dataFolder: string;
  /** Relative folders in `allow` start from `baseFolder`, which is absolute. */
  readonly prompts: { readonly allow: readonly string[]; readonly baseFolder: string };
  readonly callbacks: { readonly allowHttp: boolean };
  readonly recordings: { readonly retentionMs: number; readonly tokenLifetimeMs: number };
  readonly record: { readonly interKeyGapMs: number };
  readonly calls: { readonly answerTimeoutMs: number; readonly drainTimeoutMs: number };
  readonly notifications: { readonly retryForMs: number };
  readonly limits: { readonly requestsPerSecond: number; readonly bodyBytes: number };
  /** Of the server's tokens; default: the public URL. */
  readonly issuer: string | undefined;
  /** None: whoever starts the server takes the `defaultApplication` of the data folder. */
  readonly applications: readonly ConfiguredApplication[];
}

export interface ConfigSources {
  /** Path of a YAML file. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From the command line: beats both. */
  readonly dataFolder?: string | undefined;
}

/**
 * The environment beats the file: `http.publicUrl` is TONEARM_HTTP_PUBLIC_URL, lists are separated by commas, TONEARM_APPLICATIONS
 * is YAML or JSON. Relative paths in the file start from its folder, others from the working folder. Throws TonearmError `badConfig`,
 * whose message names the key, what is wrong, and the rule.
 */
export function readConfig({ file, env, dataFolder }: ConfigSources): Config {
  const root = file === undefined ? {} : readFile(file);
  const baseFolder = file === undefined ? process.cwd() : dirname(resolve(file));
  const inEnvironment = env.TONEARM_APPLICATIONS ?? '';
  const listed =
    inEnvironment === ''
      ? (root.applications ?? '')
      : readYaml(inEnvironment, 'TONEARM_APPLICATIONS (applications)');
  const isDefault = listed === '' || (Array.isArray(listed) && listed.length === 0);

  checkVariables(settings, env, ['TONEARM_APPLICATIONS', ...secretVariables(listed)]);
  const tree = isDefault ? { ...settings, ...forDefaultApplication() } : settings;
  const { data, issuer, ...read } = readSettings(tree, {
    file: root,
    env,
    path: '',
    others: ['applications'],
  });
  const { allowHttp } = read.callbacks;
  const beatsFile = dataFolder ?? (env.TONEARM_DATA || undefined);
  return {
    http: read.http,
    sip: read.sip,
    media: {
      address: read.media.address,
      ports: read.media.ports,
      workers: read.media.workers,
      receiveTimeoutMs: read.media.receiveTimeout,
    },
    dataFolder: beatsFile === undefined ? resolve(baseFolder, data) : resolve(beatsFile),
    prompts: { allow: read.prompts.allow, baseFolder },
    callbacks: { allowHttp },
    recordings: { retentionMs: read.recordings.retention, tokenLifetimeMs: read.recordings.tokenLifetime },
    record: { interKeyGapMs: read.record.interKeyGap },
    calls: { answerTimeoutMs: read.calls.answerTimeout, drainTimeoutMs: read.calls.drainTimeout },
    notifications: { retryForMs: read.notifications.retryFor },
    limits: read.limits,
    issuer,
    applications: isDefault ? [] : readApplications(listed, { env, allowHttp }),
  };
}

/** What the application that is made for you needs: a bot on this machine, that serves its own prompts. */
function forDefaultApplication(): Pick<typeof settings, 'prompts' | 'callbacks'> {
  const allow = {
    ...settings.prompts.allow,
    fallback: ['https:', 'file:./prompts', new URL('/', defaultCallback).href],
  };
  return {
    prompts: { allow },
    callbacks: { allowHttp: { ...settings.callbacks.allowHttp, fallback: 'true' } },
  };
}

function readFile(file: string): { readonly [key: string]: Raw } {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw bad(`${file}: the configuration cannot be read: ${reasonOf(thrown)}`);
  }
  const raw = readYaml(source, file);
  if (raw === '') return {};
  if (typeof raw === 'string' || Array.isArray(raw)) throw bad(`${file}: it must be sections of settings.`);
  return raw as { readonly [key: string]: Raw };
}

function readYaml(source: string, name: string): Raw {
  // Without a guess at types (the failsafe schema) everything is text, as in the environment.
  const document = parseDocument(source, { schema: 'failsafe' });
  const [error] = document.errors;
  // What follows the first line of the message quotes the source, which holds secrets.
  if (error) throw bad(`${name}: it is not YAML: ${error.message.split('\n', 1)[0]?.replace(/:$/, '')}.`);
  try {
    return (document.toJS() ?? '') as Raw;
  } catch (thrown) {
    throw bad(`${name}: it is not YAML that can be used: ${reasonOf(thrown)}`);
  }
}

/** A secret's variable may well be called nearly like a setting. */
function secretVariables(applications: Raw): readonly string[] {
  if (!Array.isArray(applications)) return [];
  return (applications as readonly Raw[]).flatMap((one) =>
    typeof one === 'object' && 'secretEnv' in one && typeof one.secretEnv === 'string' ? [one.secretEnv] : [],
  );
}
