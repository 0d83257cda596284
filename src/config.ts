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
  badConfig,
  gatherMistakes,
  type Mistakes,
  mustBe,
  readNamed,
  unknownKeys,
} from './config-mistakes.ts';
import {
  describeSettings,
  isSetting,
  SETTINGS,
  type Setting,
  type Values,
  variableOf,
} from './config-settings.ts';
import { passwordVariables, readTrunks } from './config-trunks.ts';
import { folder } from './config-values.ts';
import { reasonOf, type TonearmError } from './errors.ts';

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

/**
 * Throws TonearmError `badConfig` with all that is wrong, a line for each mistake: it names the key, and says what would be right. Of what follows
 * from a mistake nothing is said.
 */
export function readConfig({ file, env, data }: ConfigSource): Config {
  const mistakes = gatherMistakes();
  const document = mistakes.note(() => (file === undefined ? {} : readDocument(file)));
  const { applications: applicationsInFile, trunks: trunksInFile, ...inFile } = document ?? {};
  const applications = mistakes.note(() => listOf(APPLICATIONS, applicationsInFile, env));
  const trunks = mistakes.note(() => listOf(TRUNKS, trunksInFile, env));
  // Else it is not known which of them hold secrets.
  if (mistakes.none)
    mistakes.add(...mistyped(env, [...secretVariables(applications), ...passwordVariables(trunks)]));
  const values = readSection(SETTINGS, inFile, env, [], mistakes) as Values<typeof SETTINGS>;
  const dataAsked = data === undefined ? undefined : mistakes.note(() => readNamed(folder, data, '--data'));
  // What cannot be read may have allowed it.
  const allowHttp = document === undefined || values.callbacks.allowHttp !== false;
  const lists = {
    applications: mistakes.note(() => readApplications(applications, env, allowHttp)) ?? [],
    trunks: mistakes.note(() => readTrunks(trunks, env)) ?? [],
  };
  mistakes.throwAll();
  return {
    ...values,
    ...lists,
    data: resolve(dataAsked ?? values.data),
    baseFolder: file === undefined ? process.cwd() : dirname(resolve(file)),
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
    throw badConfig(`The configuration ${file} can't be read: ${reasonOf(thrown)}.`);
  }
  const document = readYaml(content, `The configuration ${file}`) || {};
  if (typeof document === 'object' && !Array.isArray(document)) return document as Record<string, unknown>;
  throw badConfig(`The configuration ${file} must be a mapping of settings.`);
}

/** Types are not guessed: `+1425` stays a number to dial and `0123` a secret, as in the environment. */
function readYaml(content: string, name: string): unknown {
  try {
    return parse(content, { schema: 'failsafe' });
  } catch (thrown) {
    // Below the first line the message quotes the source, which holds secrets; the colon leads there.
    const why = reasonOf(thrown).split('\n')[0]?.replace(/:$/, '');
    throw badConfig(`${name} is no YAML: ${why}.`);
  }
}

/** Whoever mistypes a variable should hear of it; those of other software, and of secrets, are left alone. */
function mistyped(env: ConfigSource['env'], secrets: readonly string[]): readonly TonearmError[] {
  const known = [APPLICATIONS, TRUNKS, ...describeSettings().map(({ variable }) => variable)];
  return Object.keys(env).flatMap((name) => {
    if (!name.startsWith('TONEARM_') || known.includes(name) || secrets.includes(name)) return [];
    const near = nearest(name, known);
    return near === undefined ? [] : badConfig(`${name} is not a setting. Did you mean ${near}?`);
  });
}

/** What cannot be read is `undefined`, and among the mistakes. */
function readSection(
  section: object,
  given: unknown,
  env: ConfigSource['env'],
  path: readonly string[],
  mistakes: Mistakes,
): unknown {
  const at = path.join('.');
  const isSection = !isSet(given) || (typeof given === 'object' && !Array.isArray(given));
  const names = Object.keys(section);
  if (!isSection) mistakes.add(mustBe(at, `a section with settings of its own, such as ${names.join(', ')}`));
  const raw = (isSection && isSet(given) ? given : {}) as Record<string, unknown>;
  mistakes.add(...unknownKeys(at, raw, path.length === 0 ? [...names, 'applications', 'trunks'] : names));
  return Object.fromEntries(
    Object.entries(section).map(([name, entry]) => {
      const here = [...path, name];
      return [
        name,
        isSetting(entry)
          ? mistakes.note(() => readSetting(entry, raw[name], env, here))
          : readSection(entry, raw[name], env, here, mistakes),
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
  return readNamed(entry.read, value, path.join('.') + (isFromEnv ? ` (from ${variable})` : ''));
}

/** A key or variable without a value is one that was left out. */
function isSet(value: unknown): value is NonNullable<unknown> {
  return value !== undefined && value !== null && value !== '';
}
