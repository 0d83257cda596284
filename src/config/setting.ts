/**
 * What a setting is, and the kinds there are. Every value comes as text: the file is read without guessing types, so that
 * `+1425` stays a number to dial and `0123` a secret, and the environment knows nothing else.
 */
import { isIP, isIPv6 } from 'node:net';

/** Text, or what the file nests: lists and sections. */
export type Raw = string | readonly Raw[] | { readonly [key: string]: Raw };

export interface Problem {
  readonly ok: false;
  /** Below the setting: `[1]`. */
  readonly at?: string;
  readonly given: Raw;
  /** Completes "must be …". */
  readonly rule: string;
}

export type Reading<T> = { readonly ok: true; readonly value: T } | Problem;

export interface Setting<T> {
  /** What it is for, with its unit. */
  readonly doc: string;
  /** As one would write it; `undefined`: left out, it has no value. */
  readonly fallback: Raw | undefined;
  /** Never shown, whatever is wrong with it. */
  readonly secret?: true;
  read(given: Raw): Reading<T>;
}

const right = <T>(value: T): Reading<T> => ({ ok: true, value });
const wrong = (given: Raw, rule: string): Problem => ({ ok: false, given, rule });

/** A setting of one text: `parse` gives `undefined` for what breaks the rule. */
function scalar<T>(
  doc: string,
  fallback: string | undefined,
  rule: string,
  parse: (text: string) => T | undefined,
): Setting<T> {
  return {
    doc,
    fallback,
    read(given) {
      const value = typeof given === 'string' ? parse(given.trim()) : undefined;
      return value === undefined ? wrong(given, rule) : right(value);
    },
  };
}

/** The same setting without a default: left out, its value is `undefined`. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return { ...setting, fallback: undefined };
}

export const text = (doc: string, fallback?: string): Setting<string> =>
  scalar(doc, fallback, 'text', (given) => given);

export const secretText = (doc: string): Setting<string> => ({
  ...scalar(doc, undefined, 'text', (given) => given),
  secret: true,
});

export const flag = (doc: string, fallback: boolean): Setting<boolean> =>
  scalar(doc, String(fallback), 'true or false', (given) =>
    given === 'true' ? true : given === 'false' ? false : undefined,
  );

export const choice = <T extends string>(doc: string, of: readonly T[], fallback: T): Setting<T> =>
  scalar(doc, fallback, `one of ${of.join(', ')}`, (given) => of.find((one) => one === given));

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export const integer = (doc: string, fallback: number, { min, max }: Bounds): Setting<number> =>
  scalar(doc, String(fallback), `a whole number from ${min} to ${max}`, (given) =>
    within(/^\d{1,12}$/.test(given) ? Number(given) : undefined, min, max),
  );

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** In milliseconds, once read. `min` and `max` are written as durations. */
export function duration(doc: string, fallback: string, min: string, max: string): Setting<number> {
  const lowest = durationMs(min) ?? 0;
  const highest = durationMs(max) ?? 0;
  return scalar(
    doc,
    fallback,
    `a duration from ${min} to ${max}, such as 500ms, 15s, 10m, 24h or 7d`,
    (given) => within(durationMs(given), lowest, highest),
  );
}

function durationMs(given: string): number | undefined {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(given) ?? [];
  return amount === undefined || unit === undefined
    ? undefined
    : Math.round(Number(amount) * (MS[unit] ?? 0));
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

export interface HostPort {
  readonly address: string;
  readonly port: number;
}

export const hostPort = (doc: string, fallback: string): Setting<HostPort> =>
  scalar(
    doc,
    fallback,
    'an IP address and a port from 0 to 65535, such as 127.0.0.1:8080 or [::1]:8080',
    readHostPort,
  );

/** Numeric addresses only: a name can stand for several, and nobody would know which one listens. */
function readHostPort(given: string): HostPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(given) ?? [];
  const address = plain === 'localhost' ? '127.0.0.1' : (bracketed ?? plain ?? '');
  const port = Number(digits);
  if (isIP(address) === 0 || isIPv6(address) !== (bracketed !== undefined)) return undefined;
  return port <= 65_535 ? { address, port } : undefined;
}

export interface SipListen extends HostPort {
  readonly transport: 'udp' | 'tcp';
}

export const sipListen = (doc: string): Setting<SipListen> =>
  scalar(
    doc,
    undefined,
    'a transport, an IP address and a port, such as udp:127.0.0.1:5060 or tcp:[::1]:5060',
    (given) => {
      const [, transport, rest = ''] = /^(udp|tcp):(.*)$/i.exec(given) ?? [];
      const listen = readHostPort(rest);
      return listen && { transport: transport?.toLowerCase() === 'tcp' ? 'tcp' : 'udp', ...listen };
    },
  );

export const ipAddress = (doc: string, fallback: string): Setting<string> =>
  scalar(doc, fallback, 'an IP address of this machine that callers reach, not a wildcard', (given) =>
    isIP(given) === 0 || given === '0.0.0.0' || given === '::' ? undefined : given,
  );

export const portRange = (doc: string, fallback: string): Setting<Bounds> =>
  scalar(
    doc,
    fallback,
    'a range of ports from 1024 to 65535 with room for a pair, lower one first, such as 20000-29999',
    (given) => {
      const [, from, to] = /^(\d{1,5})\s*-\s*(\d{1,5})$/.exec(given) ?? [];
      const range = { min: Number(from), max: Number(to) };
      const firstEven = range.min + (range.min % 2);
      return range.min >= 1024 && range.max <= 65_535 && firstEven + 1 <= range.max ? range : undefined;
    },
  );

export const webUrl = (doc: string): Setting<string> =>
  scalar(doc, undefined, 'an absolute http: or https: URL without user, query and fragment', (given) => {
    const url = URL.parse(given);
    const bare =
      url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
    return bare && /^https?:$/.test(url.protocol) ? given.replace(/\/+$/, '') : undefined;
  });

export const callbackUrl = (doc: string): Setting<string> =>
  scalar(doc, undefined, 'an absolute http: or https: URL', (given) =>
    /^https?:$/.test(URL.parse(given)?.protocol ?? '') ? given : undefined,
  );

export const guid = (doc: string): Setting<string> =>
  scalar(doc, undefined, 'a GUID, such as 8a34a46b-3d17-4adc-8dce-dc4e7d572698', (given) => {
    const digits = given.replaceAll('-', '').toLowerCase();
    return /^[0-9a-f]{32}$/.test(digits)
      ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
      : undefined;
  });

/** `auto`, or how many. */
export const workers = (doc: string, auto: number): Setting<number> =>
  scalar(doc, 'auto', 'auto, or a whole number from 1 to 256', (given) =>
    given === 'auto' ? auto : within(/^\d{1,3}$/.test(given) ? Number(given) : undefined, 1, 256),
  );

/** A list, as one text separated by commas too. */
export function list<T>(item: Setting<T>, fallback: readonly string[], least = 0): Setting<readonly T[]> {
  return {
    doc: item.doc,
    fallback,
    read(given) {
      const items = typeof given === 'string' ? given.split(',').filter((one) => one.trim() !== '') : given;
      if (!Array.isArray(items)) return wrong(given, 'a list');
      if (items.length < least) return wrong(given, `a list with at least ${least} entry`);
      const values: T[] = [];
      for (const [index, one] of (items as readonly Raw[]).entries()) {
        const read = item.read(asWritten(one));
        if (!read.ok) return { ...read, at: `[${index}]${read.at ?? ''}` };
        values.push(read.value);
      }
      return right(values);
    },
  };
}

/** YAML takes `[ https:, … ]` for a section with an empty member. */
function asWritten(item: Raw): Raw {
  if (typeof item === 'string' || Array.isArray(item)) return item;
  const [[key, value] = ['', undefined], ...more] = Object.entries(item);
  return more.length === 0 && value === '' ? `${key}:` : item;
}
