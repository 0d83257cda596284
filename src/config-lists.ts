/** What the lists of the configuration whose entries have keys of their own (applications, trunks) have in common. */
import {
  gatherMistakes,
  mustBe,
  type Readings,
  type Reads,
  readAll,
  unknownKeys,
} from './config-mistakes.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** Reads each entry; no two may have the same `key`. Nothing given is an empty list. Throws TonearmError `badConfig` with all that is wrong. */
export function readList<T>(
  name: string,
  given: unknown,
  key: keyof T & string,
  read: (entry: unknown, at: string) => T,
): readonly T[] {
  if (given === undefined || given === null || given === '') return [];
  if (!Array.isArray(given)) throw mustBe(name, 'a list');
  const mistakes = gatherMistakes();
  const entries = given.map((one, index) => mistakes.note(() => read(one, `${name}[${index}]`)));
  // Of an entry with other mistakes, as it was given.
  const keys = entries.map((entry, index) => entry?.[key] ?? Object(given[index])[key]);
  for (const [index, one] of keys.entries())
    if (one !== undefined && keys.indexOf(one) !== index)
      mistakes.add(mustBe(`${name}[${index}].${key}`, `another ${key} than the others have`));
  mistakes.throwAll();
  return entries as readonly T[];
}

/**
 * Reads the parts of an entry that has none but these keys, each by itself, so that what is wrong with one hides nothing of the others. Throws TonearmError
 * `badConfig` with all that is wrong.
 */
export function readMapping<T extends Reads>(
  given: unknown,
  at: string,
  keys: readonly string[],
  reads: (raw: Mapping) => T,
): Readings<T> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw mustBe(at, `a mapping with ${keys.join(', ')}`);
  const mistakes = gatherMistakes();
  mistakes.add(...unknownKeys(at, given, keys));
  return readAll(reads(given as Mapping), mistakes);
}

/** The values of `key`, whatever they are, in entries that were not checked yet. */
export function valuesOf(given: unknown, key: string): readonly string[] {
  return Array.isArray(given) ? given.map((one) => String(Object(one)[key])) : [];
}
