/** Reads a tree of settings from the environment, the file, and the defaults, in this order. */
import { TonearmError } from '../errors.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Problem, Raw, Setting } from './setting.ts';

export interface Tree {
  readonly [key: string]: Setting<unknown> | Tree;
}

/** The values of a tree, in its shape. */
export type Values<T extends Tree> = {
  readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : T[K] extends Tree ? Values<T[K]> : never;
};

type Section = { readonly [key: string]: Raw };
type Environment = Readonly<Record<string, string | undefined>>;

export interface Sources {
  readonly file: Raw;
  readonly env: Environment;
  /** Name of the tree in both: `applications[0]`, or '' for the whole. */
  readonly path: string;
  /** Keys of the file that are read elsewhere. */
  readonly others?: readonly string[];
}

/** Throws TonearmError `badConfig`, which names the key, what is wrong with its value, and the rule. */
export function readSettings<T extends Tree>(tree: T, { file, env, path, others = [] }: Sources): Values<T> {
  const section = sectionOf(file, path);
  const keys = [...Object.keys(tree), ...others];
  for (const key of Object.keys(section)) {
    if (!keys.includes(key))
      throw bad(`${join(path, key)}: there is no such setting.${didYouMean(key, keys)}`);
  }
  const values: Record<string, unknown> = {};
  for (const [key, node] of Object.entries(tree)) {
    const name = join(path, key);
    const given = Object.hasOwn(section, key) ? section[key] : undefined;
    values[key] = isSetting(node)
      ? readSetting(node, name, given, env)
      : readSettings(node, { file: given ?? {}, env, path: name });
  }
  return values as Values<T>;
}

/** Of variables that are nearly ours: whoever mistypes one should hear of it, other software's are left alone. */
export function checkVariables(tree: Tree, env: Environment, others: readonly string[]): void {
  const known = [...variablesOf(tree, ''), ...others];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('TONEARM_') || known.includes(name)) continue;
    const suggestion = didYouMean(name, known);
    if (suggestion !== '') throw bad(`${name}: there is no such setting.${suggestion}`);
  }
}

export const bad = (message: string): TonearmError<'badConfig'> => new TonearmError('badConfig', message);

/** `http.publicUrl` is TONEARM_HTTP_PUBLIC_URL. */
function variableOf(name: string): string {
  return `TONEARM_${name.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}`;
}

function variablesOf(tree: Tree, path: string): readonly string[] {
  return Object.entries(tree).flatMap(([key, node]) =>
    isSetting(node) ? [variableOf(join(path, key))] : variablesOf(node, join(path, key)),
  );
}

function readSetting(
  setting: Setting<unknown>,
  name: string,
  inFile: Raw | undefined,
  env: Environment,
): unknown {
  const variable = variableOf(name);
  const inEnvironment = env[variable];
  const given = isSet(inEnvironment) ? inEnvironment : isSet(inFile) ? inFile : setting.fallback;
  if (given === undefined) return undefined;
  const read = setting.read(given);
  if (read.ok) return read.value;
  const key = `${name}${read.at ?? ''}`;
  throw bad(`${isSet(inEnvironment) ? `${variable} (${key})` : key}: ${explain(read, setting)}`);
}

function explain({ given, rule }: Problem, { secret }: Setting<unknown>): string {
  return secret ? `it must be ${rule}.` : `${shown(given)} cannot be used: it must be ${rule}.`;
}

function shown(given: Raw): string {
  const json = JSON.stringify(given);
  return json.length > 80 ? `${json.slice(0, 79)}…` : json;
}

/** An empty value is one that was left out. */
function isSet(given: Raw | undefined): given is Raw {
  return given !== undefined && given !== '';
}

function sectionOf(file: Raw, path: string): Section {
  if (file === '') return {};
  if (typeof file === 'string' || Array.isArray(file)) {
    throw bad(
      `${path || 'the file'}: ${shown(file)} cannot be used: it must be a section, with settings below it.`,
    );
  }
  return file as Section;
}

function isSetting(node: Setting<unknown> | Tree): node is Setting<unknown> {
  return typeof node.read === 'function';
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
