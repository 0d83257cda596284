/** What the lists of the configuration whose entries have keys of their own (applications, trunks) have in common. */
import { nearest } from './config-did-you-mean.ts';
import { TonearmError } from './errors.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** Reads each entry; no two may have the same `key`. Nothing given is an empty list. Throws TonearmError `badConfig`. */
export function readList<T>(
  name: string,
  given: unknown,
  key: keyof T & string,
  read: (entry: unknown, at: string) => T,
): readonly T[] {
  if (given === undefined || given === null || given === '') return [];
  if (!Array.isArray(given)) throw bad(name, 'a list');
  const entries = given.map((one, index) => read(one, `${name}[${index}]`));
  for (const [index, entry] of entries.entries()) {
    if (entries.findIndex((one) => one[key] === entry[key]) !== index)
      throw bad(`${name}[${index}].${key}`, `another ${key} than the others have`);
  }
  return entries;
}

/** An entry that has none but these keys. Throws TonearmError `badConfig`. */
export function readMapping(given: unknown, at: string, keys: readonly string[]): Mapping {
  if (typeof given !== 'object' || given === null) throw bad(at, `a mapping with ${keys.join(', ')}`);
  const unknown = Object.keys(given).find((key) => !keys.includes(key));
  if (unknown === undefined) return given as Mapping;
  const near = nearest(unknown, keys);
  const hint = near === undefined ? `Known here: ${keys.join(', ')}.` : `Did you mean ${near}?`;
  throw new TonearmError('badConfig', `${at}.${unknown} is not a setting. ${hint}`);
}

/** The values of `key`, whatever they are, in entries that were not checked yet. */
export function valuesOf(given: unknown, key: string): readonly string[] {
  return Array.isArray(given) ? given.map((one) => String(Object(one)[key])) : [];
}

export function bad(key: string, rule: string): TonearmError {
  return new TonearmError('badConfig', `${key} must be ${rule}.`);
}
