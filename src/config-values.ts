/** How single settings are read, from YAML values or from an environment variable's text. */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';

/** What is wrong with a value, as the end of the sentence "it must be …". */
export class BadValue extends Error {}

export type Reader<T> = (value: unknown) => T;

export const text: Reader<string> = (value) =>
  typeof value === 'string' && value !== '' ? value : bad('a text');

export const folder: Reader<string> = (value) =>
  typeof value === 'string' && value !== '' ? value : bad('the path of a folder');

export const boolean: Reader<boolean> = (value) => {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  return bad('true or false');
};

export const integer =
  (min: number, max: number): Reader<number> =>
  (value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    return Number.isInteger(number) && (number as number) >= min && (number as number) <= max
      ? (number as number)
      : bad(`a whole number from ${min} to ${max}`);
  };

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, from a text such as `15s`, `1h`; bounds in seconds. */
export const duration =
  (minSeconds: number, maxSeconds: number): Reader<number> =>
  (value) => {
    const found = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(value) : null;
    const ms = found === null ? Number.NaN : Number(found[1]) * (UNITS[found[2] ?? ''] ?? Number.NaN);
    return ms >= minSeconds * 1000 && ms <= maxSeconds * 1000
      ? ms
      : bad(`a duration from ${minSeconds}s to ${maxSeconds}s, such as 500ms, 15s, 10m, 24h or 7d`);
  };

export const list =
  <T>(read: Reader<T>): Reader<readonly T[]> =>
  (value) => {
    const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
    return Array.isArray(items) ? items.map(read) : bad('a list');
  };

export const addressAndPort: Reader<{ readonly address: string; readonly port: number }> = (value) =>
  splitAddress(value) ?? bad('address:port, such as 127.0.0.1:8080 or [::1]:8080, port 0–65535');

export const sipAddress: Reader<{
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
}> = (value) => {
  const found = typeof value === 'string' ? /^(udp|tcp):(.+)$/.exec(value) : null;
  const where = found === null ? undefined : splitAddress(found[2]);
  return found === null || where === undefined
    ? bad('udp:address:port or tcp:address:port, such as udp:127.0.0.1:5060')
    : { transport: found[1] as 'udp' | 'tcp', ...where };
};

export const portRange: Reader<{ readonly min: number; readonly max: number }> = (value) => {
  const found = typeof value === 'string' ? /^(\d{1,5})\s*-\s*(\d{1,5})$/.exec(value) : null;
  const min = Number(found?.[1]);
  const max = Number(found?.[2]);
  return min >= 1024 && max <= 65_535 && max > min
    ? { min, max }
    : bad('a range such as 20000-29999, within 1024–65535, the smaller port first');
};

/** Media threads; `auto`: one per core that the main thread leaves over. */
export const workers: Reader<number> = (value) => {
  if (value === 'auto') return SPARE_CORES;
  const number = Number(value);
  return Number.isInteger(number) && number >= 1 && number <= 64
    ? number
    : bad('auto, or a whole number from 1 to 64');
};

export const SPARE_CORES = Math.max(1, availableParallelism() - 1);

export const httpUrl: Reader<string> = (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol)
    ? url.href.replace(/\/$/, '')
    : bad('an http: or https: URL');
};

function splitAddress(value: unknown): { address: string; port: number } | undefined {
  const found = typeof value === 'string' ? /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) : null;
  const address = found?.[1] ?? found?.[2] ?? '';
  const port = Number(found?.[3]);
  return found !== null && isIP(address) !== 0 && port <= 65_535 ? { address, port } : undefined;
}

function bad(rule: string): never {
  throw new BadValue(rule);
}
