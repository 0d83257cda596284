/** What is wrong with a configuration, gathered: whoever puts it right hears of all of it at once. */
import { nearest } from './config-did-you-mean.ts';
import { BadValue, type Reader } from './config-values.ts';
import { TonearmError } from './errors.ts';

export interface Mistakes {
  readonly none: boolean;
  add(...mistakes: readonly TonearmError[]): void;
  /** What `read` gives; `undefined` when it throws `badConfig`, which is then among them. */
  note<T>(read: () => T): T | undefined;
  /** Throws them as one TonearmError `badConfig`, a line each, when there are some. */
  throwAll(): void;
}

export function gatherMistakes(): Mistakes {
  const found: string[] = [];
  return {
    get none() {
      return found.length === 0;
    },
    add: (...mistakes) => void found.push(...mistakes.map(({ message }) => message)),
    note(read) {
      try {
        return read();
      } catch (thrown) {
        if (!(thrown instanceof TonearmError) || thrown.code !== 'badConfig') throw thrown;
        found.push(thrown.message);
        return undefined;
      }
    },
    throwAll() {
      if (found.length > 0) throw badConfig(found.join('\n'));
    },
  };
}

export type Reads = Readonly<Record<string, () => unknown>>;
export type Readings<T extends Reads> = { readonly [K in keyof T]: ReturnType<T[K]> };

/** What each gives; all are read. Throws their mistakes, and those that were found before, as one TonearmError `badConfig`. */
export function readAll<T extends Reads>(reads: T, mistakes = gatherMistakes()): Readings<T> {
  const readings = Object.entries(reads).map(([name, read]) => [name, mistakes.note(read)] as const);
  mistakes.throwAll();
  return Object.fromEntries(readings) as Readings<T>;
}

/** Throws TonearmError `badConfig`, which begins with `name`, for what `read` does not take. */
export function readNamed<T>(read: Reader<T>, value: unknown, name: string): T {
  try {
    return read(value);
  } catch (thrown) {
    if (!(thrown instanceof BadValue)) throw thrown;
    throw badConfig(`${name} is ${JSON.stringify(value)}; it must be ${thrown.message}.`);
  }
}

/** One for each key that there is not, with the one that is nearly it, or all that there are. `at`: the path of what has them; '' at the top. */
export function unknownKeys(at: string, given: object, known: readonly string[]): readonly TonearmError[] {
  const pathOf = (key: string) => (at === '' ? key : `${at}.${key}`);
  const unknown = Object.keys(given).filter((key) => !known.includes(key));
  return unknown.map((key) => {
    const near = nearest(key, known);
    const hint = near === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${pathOf(near)}?`;
    // A mistake is a line, whatever somebody calls a key.
    return badConfig(`${pathOf(key.replace(/\p{Cc}/gu, ' '))} is not a setting. ${hint}`);
  });
}

/** `rule` ends the sentence "it must be …". */
export function mustBe(key: string, rule: string): TonearmError {
  return badConfig(`${key} must be ${rule}.`);
}

export function badConfig(message: string): TonearmError {
  return new TonearmError('badConfig', message);
}
