/**
 * What the far end's description of an audio stream comes to: whether we can take it, and if so where to, in which
 * formats, how often (RFC 3264, RFC 3551, RFC 3605). Pure functions.
 */
import { isIP } from 'node:net';
import type { Direction, MediaDescription } from '../wire/sdp.ts';
import type { AudioParameters } from './session-description.ts';

/** What a format carries. */
export type Meaning = AudioParameters['receive'][number];
export type Codec = AudioParameters['codec'];

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
  [13, 'CN'],
]);

const ENCODINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['pcmu', 'PCMU'],
  ['pcma', 'PCMA'],
  ['telephone-event', 'telephone-event'],
  ['cn', 'CN'],
]);

/**
 * Reads a stream for an end of ours at `localAddress`; formats that `accepts` does not want are passed over.
 * `why` is printable ASCII without quotes.
 */
export function readStream(
  media: MediaDescription,
  localAddress: string,
  accepts: (meaning: Meaning) => boolean,
): ReadStream {
  const no = (why: string): ReadStream => ({ ok: false, why });
  if (media.kind !== 'audio') return no(`${shown(media.kind)} is not taken, only audio`);
  if (media.port === 0) return no('it is switched off (port 0)');
  if (media.protocol !== 'RTP/AVP') return no(`${shown(media.protocol)} is not taken, only RTP/AVP`);
  const address = media.address;
  if (address === undefined) return no('it has no c= line, and neither has the session');
  const family = isIP(address);
  if (family === 0) return no(`its c= line has no IP address but ${shown(address)}`);
  const held = isUnspecified(address);
  if (isMulticast(address)) return no(`its address is a multicast address (${shown(address)})`);
  const formats = knownFormats(media).filter(({ meaning }) => accepts(meaning));
  const codec = formats.find(isCodec);
  if (codec === undefined)
    return no(`none of its formats (${shown(media.formats.join(' '))}) is PCMU or PCMA`);
  return {
    ok: true,
    stream: {
      formats,
      codec,
      // An address of the other family: phones with both reach ours from theirs, and symmetric RTP finds out from where.
      remote:
        held || family === isIP(localAddress)
          ? { address, port: media.port, rtcpPort: rtcpPort(media) }
          : UNKNOWN_REMOTE,
      packetTimeMs: packetTime(media),
      direction: media.direction,
      held,
    },
  };
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
    const meaning = map === undefined ? STATIC_TYPES.get(payloadType) : ENCODINGS.get(map.encoding);
    if (meaning === undefined || payloadType > 127 || found.has(payloadType)) continue;
    if (map !== undefined && (map.clockRate !== 8000 || map.channels !== 1)) continue;
    found.set(payloadType, { payloadType, meaning });
  }
  return [...found.values()];
}

function isCodec(format: Format): format is Format<Codec> {
  return format.meaning === 'PCMU' || format.meaning === 'PCMA';
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

function isMulticast(address: string): boolean {
  return isIP(address) === 4 ? Number(address.split('.')[0]) >= 224 : /^ff/i.test(address);
}

/** What the far end wrote, fit for a Warning header. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]|["\\]/g, '?').slice(0, 40);
}
