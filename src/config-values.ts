/** How single settings are read, from YAML values or from an environment variable's text. */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { CODEC_NAMES, type Codec } from './media/codecs.ts';
import { DTMF_MODES, type DtmfMode } from './media/keys.ts';
import { type Entry, readEntry } from './outbound/rules.ts';

/** What is wrong with a value, as the end of the sentence "it must be …". */
export class BadValue extends Error {}

export type Reader<T> = (value: unknown) => T;

export const text: Reader<string> = (value) =>
  typeof value === 'string' && value !== '' ? value : bad('a text');

export const folder: Reader<string> = (value) =>
  typeof value === 'string' && value !== '' ? value : bad('the path of a folder');

export const file: Reader<string> = (value) =>
  typeof value === 'string' && value !== '' ? value : bad('the path of a file');

export const boolean: Reader<boolean> = (value) => {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  return bad('true or false');
};

/** `auto`: whatever is right for the rest of the configuration. */
export const onOff: Reader<boolean | 'auto'> = (value) => {
  if (value === 'auto') return value;
  try {
    return boolean(value);
  } catch {
    return bad('auto, true or false');
  }
};

export const integer =
  (min: number, max: number): Reader<number> =>
  (value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    return Number.isInteger(number) && (number as number) >= min && (number as number) <= max
      ? (number as number)
      : bad(`a whole number from ${min} to ${max}`);
  };

const SIZES: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** Bytes, from a text such as `500MB` or a number of them. */
export const size: Reader<number> = (value) => {
  const found = /^(\d{1,15}(?:\.\d+)?)\s*([kMGT]?B)?$/.exec(String(value));
  const bytes = Number(found?.[1]) * (SIZES[found?.[2] ?? 'B'] ?? Number.NaN);
  return Number.isSafeInteger(Math.round(bytes))
    ? Math.round(bytes)
    : bad('a size, such as 500MB, 2GB or a number of bytes');
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
  <T>(read: Reader<T>, atLeast = 0): Reader<readonly T[]> =>
  (value) => {
    const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
    if (!Array.isArray(items)) return bad('a list');
    return items.length < atLeast ? bad(`a list of at least ${atLeast}`) : items.map(asWritten).map(read);
  };

/** YAML takes `[ https:, … ]` for a mapping without a value. */
function asWritten(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return item;
  const [[key, value] = ['', undefined], ...more] = Object.entries(item);
  return more.length === 0 && value === '' ? `${key}:` : item;
}

/** Whatever is given, as texts: errors would show it. The one who uses them checks them. */
export const secrets: Reader<readonly string[]> = (value) =>
  (Array.isArray(value) ? value : String(value).split(',')).map((one) => String(one).trim());

/** Wildcards can be listened on, but no caller can send to one. */
export const ipAddress: Reader<string> = (value) =>
  typeof value === 'string' && isIP(value) !== 0 && value !== '0.0.0.0' && value !== '::'
    ? value
    : bad('an IP address of this machine that callers reach, not a wildcard');

/** An address, or a network by its prefix. */
export const network: Reader<string> = (value) => {
  const [address = '', bits, ...rest] = typeof value === 'string' ? value.split('/') : [];
  const family = isIP(address);
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32));
  return family !== 0 && fits && rest.length === 0
    ? `${address}${bits === undefined ? '' : `/${bits}`}`
    : bad('an IP address or network, such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/48');
};

const LEVELS = ['debug', 'info', 'warn', 'error'];

export const logLevel: Reader<string> = (value) =>
  typeof value === 'string' && LEVELS.includes(value) ? value : bad(`one of ${LEVELS.join(', ')}`);

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
  // A pair begins at an even port.
  return min >= 1024 && max <= 65_535 && max > min + (min % 2)
    ? { min, max }
    : bad('a range such as 20000-29999, within 1024–65535, the smaller port first, with room for a pair');
};

/** Media threads; `auto`: one per core that the main thread leaves over. */
export const workers: Reader<number> = (value) => {
  if (value === 'auto') return SPARE_CORES;
  const number = Number(value);
  return Number.isInteger(number) && number >= 1 && number <= 64
    ? number
    : bad('auto, or a whole number from 1 to 64');
};

const SPARE_CORES = Math.max(1, availableParallelism() - 1);

/** A codec by its name in SDP, in whatever case. */
export const codec: Reader<Codec> = (value) =>
  CODEC_NAMES.find((name) => name.toLowerCase() === String(value).toLowerCase()) ??
  bad(`one of ${CODEC_NAMES.join(', ')}`);

/** How keys are heard. */
export const dtmf: Reader<DtmfMode> = (value) =>
  DTMF_MODES.find((mode) => mode === value) ?? bad(`one of ${DTMF_MODES.join(', ')}`);

/** RTP sockets; see docs/decisions/0011-native-sockets.md. */
export const rtpSockets: Reader<'auto' | 'node'> = (value) =>
  value === 'auto' || value === 'node' ? value : bad('auto or node');

export const httpUrl: Reader<string> = (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol)
    ? url.href.replace(/\/$/, '')
    : bad('an http: or https: URL');
};

/** A server that browsers find their way out of NAT with (RFC 7064, RFC 7065), as RTCPeerConnection takes it. */
export interface IceServer {
  readonly urls: string;
  readonly username?: string;
  readonly credential?: string;
}

export const iceServer: Reader<IceServer> = (value) => {
  const [urls = '', username, credential, ...rest] =
    typeof value === 'string' ? value.trim().split(/\s+/) : [];
  const isTurn = /^turns?:[^\s?]+(\?transport=(udp|tcp))?$/.test(urls) && credential !== undefined;
  const isStun = /^stuns?:[^\s?]+$/.test(urls) && username === undefined;
  if (rest.length > 0 || !(isTurn || isStun))
    return bad('stun:host:port, or turn:host:port followed by user and password, with blanks between');
  return isStun ? { urls } : { urls, username: username ?? '', credential: credential ?? '' };
};

/** http: is for an issuer on this machine: what it says would else be anybody's who is on the way. */
export const trustedIssuer: Reader<{ readonly issuer: string; readonly audience: string }> = (value) => {
  const { issuer, audience } =
    typeof value === 'string' ? named(value.trim().split(/\s+/)) : (Object(value) as Record<string, unknown>);
  const url = typeof issuer === 'string' && URL.canParse(issuer) ? new URL(issuer) : undefined;
  const safe =
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname));
  return safe && typeof audience === 'string' && audience !== ''
    ? { issuer: String(issuer), audience }
    : bad(
        'an issuer, https: unless it is localhost, 127.0.0.1 or [::1], with the audience that its tokens have for us',
      );
};

/** What bots may have the server reach; see outbound/rules.ts. */
export const outboundEntry: Reader<Entry> = (value) => {
  const entry = readEntry(String(value));
  return entry.kind === 'invalid'
    ? bad(`${REACHABLE}; ${JSON.stringify(value)} can't be used: ${entry.why}`)
    : entry;
};

/** Likewise, as a text, or a folder. */
export const promptEntry: Reader<string> = (value) => {
  if (typeof value !== 'string' || !/^file:./i.test(value)) outboundEntry(value);
  return value as string;
};

const REACHABLE =
  'a list of schemes (https:), URLs (https://bot.example/), host patterns (https://*.example/) and networks (10.1.0.0/16)';

function named([issuer, audience, ...rest]: readonly string[]): Record<string, unknown> {
  return rest.length > 0 ? {} : { issuer, audience };
}

function splitAddress(value: unknown): { address: string; port: number } | undefined {
  const found = typeof value === 'string' ? /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) : null;
  const address = found?.[1] ?? found?.[2] ?? '';
  const port = Number(found?.[3]);
  return found !== null && isIP(address) !== 0 && port <= 65_535 ? { address, port } : undefined;
}

function bad(rule: string): never {
  throw new BadValue(rule);
}
