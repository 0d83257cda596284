/**
 * What the far end's description of an audio stream comes to: whether we can take it, and if so where to, in which
 * formats, how often (RFC 3264, RFC 3551, RFC 3605). Pure functions.
 */
import { isIP } from 'node:net';
import { isNobody } from '../outbound/named-address.ts';
import type { Direction, MediaDescription } from '../wire/sdp.ts';
import { CODEC_NAMES, CODECS, type Codec, isCodec, isWide } from './codecs.ts';
import type { AudioParameters, SecureParameters } from './session-description.ts';

/** What a format carries. */
export type Meaning = AudioParameters['receive'][number];

/** A payload type and what it carries. */
export interface Format<M extends Meaning = Meaning> {
  readonly payloadType: number;
  readonly meaning: M;
}

/** A stream of the far end that we can take. */
export interface Stream {
  /** What we know of its formats, in its order. */
  readonly formats: readonly Format[];
  readonly codec: Format<Codec>;
  readonly remote: AudioParameters['remote'];
  readonly packetTimeMs: number;
  /** From the far end's side. */
  readonly direction: Direction;
  /** Old-style hold: an address of zeros (RFC 3264 §8.4). */
  readonly held: boolean;
  /** As it is to be repeated. */
  readonly protocol: string;
  readonly mid: string | undefined;
  /** The far end's side of ICE and DTLS, where the stream goes over them. */
  readonly secure: Omit<SecureParameters, 'ice'> | undefined;
}

/** What became of reading a stream. */
export type ReadStream =
  | { readonly ok: true; readonly stream: Stream }
  | { readonly ok: false; readonly why: string };

/** What a stream without `a=ptime` gets: RFC 3551 §4.2's default. */
export const DEFAULT_PACKET_TIME_MS = 20;

/** Payload types that mean something without an rtpmap (RFC 3551 §6). */
const STATIC_TYPES: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [0, 'PCMU'],
  [8, 'PCMA'],
  [9, 'G722'],
  [13, 'CN'],
]);

/** By what an rtpmap says, in lower case. */
const ENCODINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ...CODEC_NAMES.map((codec) => {
    const { clockRate, channels } = CODECS[codec];
    return [`${codec.toLowerCase()}/${clockRate}/${channels}`, codec] as const;
  }),
  ['telephone-event/8000/1', 'telephone-event'],
  ['telephone-event/48000/1', 'telephone-event/48000'],
  ['cn/8000/1', 'CN'],
]);

/** RTP over DTLS-SRTP (RFC 5764 §8); SAVPF is what browsers say, with feedback that nobody has to use. */
const SECURE_PROTOCOLS = new Set(['UDP/TLS/RTP/SAVPF', 'UDP/TLS/RTP/SAVP']);

/** An end of ours, as a stream is read for it. */
export interface LocalEnd {
  readonly address: string;
  /** Whether it is one of ICE and DTLS. */
  readonly secure: boolean;
}

/**
 * Reads a stream for an end of ours; formats that `accepts` does not want are passed over. Its codec is the first of `preferred`
 * that it has; without `preferred`, its own first. `why` is printable ASCII without quotes.
 */
export function readStream(
  media: MediaDescription,
  local: LocalEnd,
  accepts: (meaning: Meaning) => boolean,
  preferred?: readonly Codec[],
): ReadStream {
  const no = (why: string): ReadStream => ({ ok: false, why });
  if (media.kind !== 'audio') return no(`${shown(media.kind)} is not taken, only audio`);
  if (media.port === 0) return no('it is switched off (port 0)');
  const reached = local.secure ? readSecure(media) : readPlain(media, local.address);
  if (!reached.ok) return no(reached.why);
  const formats = knownFormats(media).filter(({ meaning }) => accepts(meaning));
  const codec = choose(formats.filter(carriesAudio), preferred);
  if (codec === undefined)
    return no(`none of its formats (${shown(media.formats.join(' '))}) is ${or(preferred ?? CODEC_NAMES)}`);
  return {
    ok: true,
    stream: {
      formats,
      codec,
      remote: reached.remote,
      packetTimeMs: packetTime(media),
      direction: media.direction,
      held: reached.held,
      protocol: media.protocol,
      mid: media.mid,
      secure: reached.secure,
    },
  };
}

/** How a stream of the far end is reached. */
type Reached =
  | ({ readonly ok: true } & Pick<Stream, 'remote' | 'held' | 'secure'>)
  | { readonly ok: false; readonly why: string };

function readPlain(media: MediaDescription, localAddress: string): Reached {
  const no = (why: string): Reached => ({ ok: false, why });
  if (media.protocol !== 'RTP/AVP') return no(`${shown(media.protocol)} is not taken, only RTP/AVP`);
  const address = media.address;
  if (address === undefined) return no('it has no c= line, and neither has the session');
  const family = isIP(address);
  if (family === 0) return no(`its c= line has no IP address but ${shown(address)}`);
  if (isNobody(address)) return no(`its address is a multicast address (${shown(address)})`);
  const held = isUnspecified(address);
  // An address of the other family: phones with both reach ours from theirs, and symmetric RTP finds out from where.
  const known = held || family === isIP(localAddress);
  const remote = known ? { address, port: media.port, rtcpPort: rtcpPort(media) } : UNKNOWN_REMOTE;
  return { ok: true, remote, held, secure: undefined };
}

/** Its address says nothing: media goes to where the connectivity checks come from. */
function readSecure(media: MediaDescription): Reached {
  const no = (why: string): Reached => ({ ok: false, why });
  const { protocol, iceUfrag, fingerprint, setup, rtcpMux } = media;
  if (!SECURE_PROTOCOLS.has(protocol)) return no(`${shown(protocol)} is not taken, only UDP/TLS/RTP/SAVPF`);
  if (iceUfrag === undefined) return no('it has no ICE credentials');
  if (fingerprint === undefined) return no('it has no fingerprint of a certificate by SHA-2');
  // RFC 8842 §5.3: we are the server.
  if (setup === 'passive' || setup === 'holdconn') return no(`a=setup:${setup} leaves nobody to begin DTLS`);
  if (!rtcpMux) return no('it wants RTCP on a port of its own');
  const secure = { remoteUfrag: iceUfrag, remoteFingerprint: fingerprint };
  return { ok: true, remote: UNKNOWN_REMOTE, held: false, secure };
}

/** To be learned from the first packet (RFC 4961). */
const UNKNOWN_REMOTE: AudioParameters['remote'] = { address: '', port: 0, rtcpPort: 0 };

/** The formats of a stream that we know, in its order, each payload type once. */
export function knownFormats(media: MediaDescription): readonly Format[] {
  const found = new Map<number, Format>();
  for (const text of media.formats) {
    if (!/^\d{1,3}$/.test(text)) continue;
    const payloadType = Number(text);
    const map = media.rtpMaps.get(payloadType);
    const meaning =
      map === undefined
        ? STATIC_TYPES.get(payloadType)
        : ENCODINGS.get(`${map.encoding}/${map.clockRate}/${map.channels}`);
    if (meaning === undefined || payloadType > 127 || found.has(payloadType)) continue;
    found.set(payloadType, { payloadType, meaning });
  }
  return [...found.values()];
}

/** Of those that are there the most wanted. The two laws of G.711 are as good as each other: of these the far end's first. */
function choose(
  there: readonly Format<Codec>[],
  preferred: readonly Codec[] | undefined,
): Format<Codec> | undefined {
  if (preferred === undefined) return there[0];
  const laws = there.filter(({ meaning }) => isG711(meaning) && preferred.includes(meaning));
  for (const wanted of preferred) {
    const found = isG711(wanted) ? laws[0] : there.find(({ meaning }) => meaning === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isG711 = (codec: Codec) => !isWide(codec);

function carriesAudio(format: Format): format is Format<Codec> {
  return isCodec(format.meaning);
}

function or(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** What the far end wants to receive (RFC 3264 §6.1), within its maximum, as a whole number of 10 ms within 10–60. */
function packetTime(media: MediaDescription): number {
  const wanted = Math.min(media.packetTimeMs || DEFAULT_PACKET_TIME_MS, media.maxPacketTimeMs || 60);
  return Math.max(10, Math.min(60, Math.floor(wanted / 10) * 10));
}

/** RFC 3605, else the port after RTP's (RFC 3550 §11). There is none after the last: 0, nowhere. */
function rtcpPort(media: MediaDescription): number {
  return media.rtcpPort ?? (media.port < 65_535 ? media.port + 1 : 0);
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || /^[0:]+$/.test(address);
}

/** What the far end wrote, fit for a Warning header. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]|["\\]/g, '?').slice(0, 40);
}
