/**
 * Reads the configuration: the file (YAML), the environment, where lists are separated by commas, and the command line, each of which wins over the one
 * before. What settings there are is said in config-settings.ts.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Credentials } from './access/secrets.ts';
import type { Application } from './call/application.ts';
import type { Trunk } from './call/dial-plan.ts';
import { readApplications, secretVariables } from './config-applications.ts';
import { nearest } from './config-did-you-mean.ts';
import {
  describeSettings,
  isSetting,
  SETTINGS,
  type Setting,
  type Values,
  variableOf,
} from './config-settings.ts';
import { passwordVariables, readTrunks } from './config-trunks.ts';
import { BadValue } from './config-values.ts';
import { reasonOf, TonearmError } from './errors.ts';

/** An application with what it asks for tokens with. */
export type ConfiguredApplication = Application & Credentials;

export interface Config extends Values<typeof SETTINGS> {
  /** Folder that relative `file:` prompts start from: the configuration's own. */
  readonly baseFolder: string;
  /** Empty: nothing was configured; `defaultApplication` then makes one. */
  readonly applications: readonly ConfiguredApplication[];
  /** The way to phone numbers. */
  readonly trunks: readonly Trunk[];
}

export interface ConfigSource {
  /** Path of the YAML file; `undefined`: defaults and environment alone. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Wins over file and environment: the command line's --data. */
  readonly data?: string | undefined;
}

const APPLICATIONS = 'TONEARM_APPLICATIONS';
const TRUNKS = 'TONEARM_TRUNKS';

/** Throws TonearmError `badConfig`, whose message names the key and says what would be right. */
export function readConfig(source: ConfigSource): Config {
  const document = source.file === undefined ? {} : readDocument(source.file);
  const { applications: applicationsInFile, trunks: trunksInFile, ...settings } = document;
  const applications = listOf(APPLICATIONS, applicationsInFile, source.env);
  const trunks = listOf(TRUNKS, trunksInFile, source.env);
  checkVariables(source.env, [...secretVariables(applications), ...passwordVariables(trunks)]);
  const values = readSection(SETTINGS, settings, source.env, []) as Values<typeof SETTINGS>;
  return {
    ...values,
    data: resolve(source.data ?? values.data),
    baseFolder: source.file === undefined ? process.cwd() : dirname(resolve(source.file)),
    applications: readApplications(applications, source.env, values.callbacks.allowHttp),
    trunks: readTrunks(trunks, source.env),
  };
}

/** What has keys of its own in each entry: YAML in the file, or in one environment variable, which wins. */
function listOf(variable: string, inFile: unknown, env: ConfigSource['env']): unknown {
  const inEnvironment = env[variable] ?? '';
  return inEnvironment === '' ? inFile : readYaml(inEnvironment, variable);
}

function readDocument(file: string): Record<string, unknown> {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new TonearmError('badConfig', `The configuration ${file} can't be read: ${reasonOf(thrown)}.`);
  }
  const document = readYaml(content, `The configuration ${file}`) || {};
  if (typeof document === 'object' && !Array.isArray(document)) return document as Record<string, unknown>;
  throw new TonearmError('badConfig', `The configuration ${file} must be a mapping of settings.`);
}

/** Types are not guessed: `+1425` stays a number to dial and `0123` a secret, as in the environment. */
function readYaml(content: string, name: string): unknown {
  try {
    return parse(content, { schema: 'failsafe' });
  } catch (thrown) {
    // Below the first line the message quotes the source, which holds secrets; the colon leads there.
    const why = reasonOf(thrown).split('\n')[0]?.replace(/:$/, '');
    throw new TonearmError('badConfig', `${name} is no YAML: ${why}.`);
  }
}

/** Whoever mistypes a variable should hear of it; those of other software, and of secrets, are left alone. */
function checkVariables(env: ConfigSource['env'], secrets: readonly string[]): void {
  const known = [APPLICATIONS, TRUNKS, ...describeSettings().map(({ variable }) => variable)];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('TONEARM_') || known.includes(name) || secrets.includes(name)) continue;
    const near = nearest(name, known);
    if (near !== undefined)
      throw new TonearmError('badConfig', `${name} is not a setting. Did you mean ${near}?`);
  }
}

function readSection(
  section: object,
  given: unknown,
  env: ConfigSource['env'],
  path: readonly string[],
): unknown {
  if (isSet(given) && (typeof given !== 'object' || Array.isArray(given))) {
    throw new TonearmError(
      'badConfig',
      `${path.join('.')} must be a section with settings of its own, such as ${Object.keys(section).join(', ')}.`,
    );
  }
  const raw = (isSet(given) ? given : {}) as Record<string, unknown>;
  for (const name of Object.keys(raw))
    if (!Object.hasOwn(section, name)) throw unknownKey([...path, name], Object.keys(section));
  return Object.fromEntries(
    Object.entries(section).map(([name, entry]) => {
      const here = [...path, name];
      return [
        name,
        isSetting(entry)
          ? readSetting(entry, raw[name], env, here)
          : readSection(entry, raw[name], env, here),
      ];
    }),
  );
}

function readSetting(
  entry: Setting<unknown>,
  raw: unknown,
  env: ConfigSource['env'],
  path: readonly string[],
): unknown {
  const variable = variableOf(path);
  const fromEnv = env[variable];
  const isFromEnv = isSet(fromEnv);
  const value = isFromEnv ? fromEnv : raw;
  if (!isSet(value)) return entry.fallback === '' ? undefined : entry.read(entry.fallback);
  try {
    return entry.read(value);
  } catch (thrown) {
    if (!(thrown instanceof BadValue)) throw thrown;
    const name = !isFromEnv ? path.join('.') : `${path.join('.')} (from ${variable})`;
    throw new TonearmError('badConfig', `${name} is ${JSON.stringify(value)}; it must be ${thrown.message}.`);
  }
}

/** A key or variable without a value is one that was left out. */
function isSet(value: unknown): value is NonNullable<unknown> {
  return value !== undefined && value !== null && value !== '';
}

function unknownKey(path: readonly string[], known: readonly string[]): TonearmError {
  const name = path.at(-1) ?? '';
  const near = nearest(name, path.length === 1 ? [...known, 'applications', 'trunks'] : known);
  const hint =
    near === undefined
      ? `Known here: ${known.join(', ')}${path.length === 1 ? ', applications, trunks' : ''}.`
      : `Did you mean ${near}?`;
  return new TonearmError('badConfig', `${path.join('.')} is not a setting. ${hint}`);
}
