/**
 * Session descriptions (RFC 8866): what offer/answer needs of them, typed and checked. Lines are split and matched by the package
 * sdp-transform, which takes anything and promises nothing: what comes out of it is read here as `unknown`.
 */
import { parse, write } from 'sdp-transform';

/** The ways media may flow, as the describing side sees them (RFC 8866 §6.7). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** Of a certificate (RFC 8122 §5): the hash function's name in lower case, and pairs of upper-case hexadecimal digits with colons between. */
export interface Fingerprint {
  readonly hash: string;
  readonly value: string;
}

export interface RtpMap {
  /** Lower-case: encoding names match without regard to case (RFC 8866 §6.6). */
  readonly encoding: string;
  /** Hz. */
  readonly clockRate: number;
  readonly channels: number;
}

export interface MediaDescription {
  readonly kind: string;
  /** 0: refused or switched off (RFC 3264 §6, §8.2). */
  readonly port: number;
  readonly protocol: string;
  /** As they stood in the line; payload type numbers for RTP. */
  readonly formats: readonly string[];
  /** Where media goes to; the session's connection when the stream has none of its own. */
  readonly address: string | undefined;
  /** The session's direction when the stream has none of its own, else `sendrecv`. */
  readonly direction: Direction;
  /** By payload type. */
  readonly rtpMaps: ReadonlyMap<number, RtpMap>;
  /** Milliseconds. */
  readonly packetTimeMs: number | undefined;
  readonly maxPacketTimeMs: number | undefined;
  /** Of `a=rtcp` (RFC 3605). */
  readonly rtcpPort: number | undefined;
  /** Whether RTCP may come on the port of RTP (RFC 5761). */
  readonly rtcpMux: boolean;
  /** What BUNDLE groups call it (RFC 5888). */
  readonly mid: string | undefined;
  /** Of ICE (RFC 8839 §5.4) and DTLS (RFC 8122 §5, RFC 8842 §5.1); the session's when the stream has none of its own. */
  readonly iceUfrag: string | undefined;
  /** Of several the first of the best; those by anything weaker than SHA-2 prove nothing. */
  readonly fingerprint: Fingerprint | undefined;
  readonly setup: string | undefined;
}

export interface SessionDescription {
  /** Start and stop of the `t=` line. */
  readonly timing: { readonly start: number; readonly stop: number };
  readonly media: readonly MediaDescription[];
  readonly iceLite: boolean;
}

export type ParsedSdp =
  | { readonly ok: true; readonly session: SessionDescription }
  | { readonly ok: false; readonly reason: string };

/** No phone comes near: more is an attack on whoever reads it or has to answer each line. */
const MAX_LENGTH = 65_536;
const MAX_LINES = 1000;
const MAX_STREAMS = 32;
/** The lines that are read. Each other one would be tried against all that sdp-transform knows: some 15 µs. */
const READ =
  /^(?:[vosctm]=|a=(?:rtpmap|ptime|maxptime|rtcp|rtcp-mux|mid|setup|ice-ufrag|ice-lite|sendrecv|sendonly|recvonly|inactive)(?::|$))/;

/** Reads a description. Never throws; missing and malformed attributes are left out. */
export function parseSdp(text: string): ParsedSdp {
  if (text.length > MAX_LENGTH)
    return { ok: false, reason: `the SDP is longer than ${MAX_LENGTH} characters` };
  const lines = text.split(/\r\n|\r|\n/, MAX_LINES + 1);
  if (lines.length > MAX_LINES) return { ok: false, reason: `the SDP has more than ${MAX_LINES} lines` };
  if (!lines.some((line) => line.startsWith('v=0'))) return { ok: false, reason: 'the SDP has no v=0 line' };
  // sdp-transform drops media lines that it does not quite understand, and an answer has to repeat each.
  const mediaLines = lines.filter((line) => line.startsWith('m='));
  if (mediaLines.length > MAX_STREAMS)
    return { ok: false, reason: `the SDP has more than ${MAX_STREAMS} m= lines` };
  let raw: Raw;
  try {
    raw = fields(parse(lines.filter((line) => READ.test(line)).join('\r\n')));
  } catch {
    return { ok: false, reason: 'the SDP cannot be read' };
  }
  const rawMedia = list(raw.media);
  const [ofSession, ...fingerprints] = readFingerprints(lines);
  const media: MediaDescription[] = [];
  for (const [index, line] of mediaLines.entries()) {
    const description = readMedia(line, fields(rawMedia[index]), raw);
    if (description === undefined)
      return { ok: false, reason: `m= line ${index + 1} of the SDP cannot be read` };
    media.push({ ...description, fingerprint: fingerprints[index] ?? ofSession });
  }
  const timing = fields(raw.timing);
  return {
    ok: true,
    session: {
      timing: { start: wholeNumber(timing.start) ?? 0, stop: wholeNumber(timing.stop) ?? 0 },
      media,
      iceLite: raw.icelite !== undefined,
    },
  };
}

/** How an end of ours is reached by ICE and DTLS. */
export interface SecureEnd {
  readonly ice: { readonly ufrag: string; readonly password: string };
  readonly fingerprint: Fingerprint;
}

/** A stream of a description that we write. */
export interface MediaToWrite {
  readonly kind: string;
  readonly port: number;
  readonly protocol: string;
  readonly formats: readonly string[];
  /** As the offer had it. */
  readonly mid?: string | undefined;
  /** Left out for a refused stream, which says nothing more. */
  readonly detail?: {
    readonly rtpMaps: readonly { payload: number; codec: string; rate: number; channels?: number }[];
    readonly fmtp: readonly { payload: number; config: string }[];
    readonly packetTimeMs: number;
    readonly direction: Direction;
    /** Given: over ICE-lite and DTLS, as its server, with RTCP on the same port. */
    readonly secure?: SecureEnd | undefined;
  };
}

/** Writes a description with CRLF line ends. `address` is an IPv4 or IPv6 address. */
export function formatSdp(session: {
  readonly sessionId: number;
  readonly version: number;
  readonly address: string;
  readonly timing: { readonly start: number; readonly stop: number };
  readonly media: readonly MediaToWrite[];
}): string {
  const ipVer = session.address.includes(':') ? 6 : 4;
  const isSecure = session.media.some(({ detail }) => detail?.secure !== undefined);
  const mids = session.media.flatMap(({ mid, detail }) => (detail && mid !== undefined ? [mid] : []));
  return write({
    version: 0,
    origin: {
      username: '-',
      sessionId: session.sessionId,
      sessionVersion: session.version,
      netType: 'IN',
      ipVer,
      address: session.address,
    },
    name: '-',
    connection: { version: ipVer, ip: session.address },
    timing: { ...session.timing },
    ...(isSecure && { icelite: 'ice-lite' }),
    // RFC 8843 §7.3: of the streams that are taken.
    ...(isSecure && mids.length > 0 && { groups: [{ type: 'BUNDLE', mids: mids.join(' ') }] }),
    media: session.media.map(({ kind, port, protocol, formats, mid, detail }) => ({
      type: kind,
      port,
      protocol,
      ...(mid !== undefined && { mid }),
      payloads: formats.join(' '),
      rtp: (detail?.rtpMaps ?? []).map(({ channels, ...map }) => ({
        ...map,
        ...(channels && { encoding: channels }),
      })),
      fmtp: [...(detail?.fmtp ?? [])],
      ...(detail && { ptime: detail.packetTimeMs, direction: detail.direction }),
      ...(detail?.secure && secureLines(detail.secure, session.address, port)),
    })),
  });
}

/** RFC 8445 §5.1.2.1: with the highest priority of its kind; there is no other. */
const HOST_CANDIDATE = {
  foundation: '1',
  component: 1,
  transport: 'udp',
  priority: 2_130_706_431,
  type: 'host',
} as const;

const FLAGS = { rtcpMux: 'rtcp-mux', endOfCandidates: 'end-of-candidates' } as const;

function secureLines({ ice, fingerprint }: SecureEnd, ip: string, port: number) {
  return {
    iceUfrag: ice.ufrag,
    icePwd: ice.password,
    fingerprint: { type: fingerprint.hash, hash: fingerprint.value },
    setup: 'passive',
    ...FLAGS,
    candidates: [{ ...HOST_CANDIDATE, ip, port }],
  };
}

type Raw = Readonly<Record<string, unknown>>;

/** `m=<kind> <port>[/<count>] <protocol> <format> …`; `undefined` when it isn't one. */
function readMedia(line: string, raw: Raw, session: Raw): Omit<MediaDescription, 'fingerprint'> | undefined {
  const match = /^m=(\S+) +(\d{1,5})(?:\/\d+)? +(\S+)((?: +\S+)*) *$/.exec(line);
  if (match === null) return undefined;
  const [, kind = '', port = '', protocol = '', formats = ''] = match;
  if (Number(port) > 65_535) return undefined;
  return {
    kind,
    port: Number(port),
    protocol,
    formats: formats.split(' ').filter((format) => format !== ''),
    address: readAddress(raw.connection) ?? readAddress(session.connection),
    direction: readDirection(raw.direction) ?? readDirection(session.direction) ?? 'sendrecv',
    rtpMaps: readRtpMaps(raw.rtp),
    packetTimeMs: wholeNumber(raw.ptime),
    maxPacketTimeMs: wholeNumber(raw.maxptime),
    rtcpPort: wholeNumber(fields(raw.rtcp).port, 65_535),
    rtcpMux: raw.rtcpMux !== undefined,
    mid: readToken(raw.mid),
    iceUfrag: readToken(raw.iceUfrag ?? session.iceUfrag),
    setup: readToken(raw.setup ?? session.setup),
  };
}

/** The package makes numbers of what looks like one. */
function readToken(value: unknown): string | undefined {
  return value === undefined || value === '' ? undefined : String(value);
}

/** RFC 8122 §5, the most wanted first. */
const HASHES = ['sha-512', 'sha-384', 'sha-256'];

/** The fingerprint that counts of the session, then of each stream. The package would keep the last of several (RFC 8122 §5). */
function readFingerprints(lines: readonly string[]): readonly (Fingerprint | undefined)[] {
  const sections: (Fingerprint | undefined)[] = [undefined];
  for (const line of lines) {
    if (line.startsWith('m=')) sections.push(undefined);
    const [, hash = '', value = ''] = /^a=fingerprint:(\S+) +([\da-f:]+) *$/i.exec(line) ?? [];
    const [rank, best] = [hash.toLowerCase(), sections.at(-1)?.hash];
    const isBetter = best === undefined || HASHES.indexOf(rank) < HASHES.indexOf(best);
    if (HASHES.includes(rank) && isBetter)
      sections[sections.length - 1] = { hash: rank, value: value.toUpperCase() };
  }
  return sections;
}

/** Without the `/ttl` of a multicast address. */
function readAddress(connection: unknown): string | undefined {
  const address = String(fields(connection).ip ?? '').split('/')[0];
  return address === '' ? undefined : address;
}

function readDirection(value: unknown): Direction | undefined {
  return value === 'sendrecv' || value === 'sendonly' || value === 'recvonly' || value === 'inactive'
    ? value
    : undefined;
}

function readRtpMaps(rtp: unknown): ReadonlyMap<number, RtpMap> {
  const maps = new Map<number, RtpMap>();
  for (const entry of list(rtp).map(fields)) {
    const payload = wholeNumber(entry.payload, 127);
    const clockRate = wholeNumber(entry.rate);
    if (payload === undefined || clockRate === undefined) continue;
    maps.set(payload, {
      encoding: String(entry.codec).toLowerCase(),
      clockRate,
      channels: wholeNumber(entry.encoding) ?? 1,
    });
  }
  return maps;
}

/** `'20'`, `20` and `'20.0'` are 20; what is no whole number within 0 … `max` is `undefined`. */
function wholeNumber(value: unknown, max: number = Number.MAX_SAFE_INTEGER): number | undefined {
  if (value === '' || (typeof value !== 'number' && typeof value !== 'string')) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= 0 && number <= max ? number : undefined;
}

function fields(value: unknown): Raw {
  return typeof value === 'object' && value !== null ? (value as Raw) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
