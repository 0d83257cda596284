/**
 * Offer/answer for one audio stream (RFC 3264, RFC 8866; RFC 4733 §2.4 for telephone-event; RFC 3551). Pure functions.
 */
import {
  type Direction,
  formatSdp,
  type MediaDescription,
  type MediaToWrite,
  parseSdp,
  type SessionDescription,
} from '../wire/sdp.ts';
import {
  DEFAULT_PACKET_TIME_MS,
  type Format,
  knownFormats,
  type Meaning,
  readStream,
  type Stream,
} from './audio-stream.ts';
import type { AudioParameters } from './session-description.ts';

/** Our side of a session. The origin line keeps `sessionId` and counts `version` up with each change (RFC 3264 §8). */
export interface LocalSession {
  readonly address: string;
  readonly port: number;
  readonly sessionId: number;
  readonly version: number;
}

export type Negotiated =
  | { readonly ok: true; readonly sdp: string; readonly audio: AudioParameters }
  /** Answered with 488 and `why` in a Warning header: printable ASCII without quotes. */
  | { readonly ok: false; readonly why: string };

/** Answers an offer: the caller's first codec that we know; other streams are refused with port 0. */
export function answerOffer(offer: string, local: LocalSession): Negotiated {
  const parsed = parseSdp(offer);
  if (!parsed.ok) return { ok: false, why: parsed.reason };
  const picked = pickStream(parsed.session, local.address);
  if (!picked.ok) return picked;
  const { stream, index } = picked;
  const event = stream.formats.find(({ meaning }) => meaning === 'telephone-event');
  const noise = stream.formats.find(({ meaning }) => meaning === 'CN');
  const formats = [stream.codec, event, noise].filter((format) => format !== undefined);
  const direction = ourDirection(stream);
  const media = parsed.session.media.map((offered, position) =>
    position === index ? audioToWrite(local.port, formats, stream.packetTimeMs, direction) : refused(offered),
  );
  return {
    ok: true,
    // RFC 3264 §6: the answer's t= line equals the offer's.
    sdp: formatSdp({ ...local, timing: parsed.session.timing, media }),
    audio: {
      remote: stream.remote,
      codec: stream.codec.meaning,
      sendPayloadType: stream.codec.payloadType,
      receive: meanings(formats),
      sendEventPayloadType: event?.payloadType,
      packetTimeMs: stream.packetTimeMs,
      direction,
    },
  };
}

/** Our own offer: PCMU, PCMA, telephone-event. */
export function makeOffer(local: LocalSession): string {
  const media = [audioToWrite(local.port, OUR_FORMATS, DEFAULT_PACKET_TIME_MS, 'sendrecv')];
  return formatSdp({ ...local, timing: { start: 0, stop: 0 }, media });
}

/** Reads the answer to `makeOffer`'s offer; `sdp` of the result is the offer. */
export function acceptAnswer(answer: string, offer: string): Negotiated {
  const offered = parseSdp(offer);
  const parsed = parseSdp(answer);
  if (!offered.ok) return { ok: false, why: offered.reason };
  if (!parsed.ok) return { ok: false, why: parsed.reason };
  // RFC 3264 §6: the answer's streams stand in the offer's order; ours is the first and only one.
  const ours = offered.session.media[0];
  const theirs = parsed.session.media[0];
  if (ours === undefined || theirs === undefined) return { ok: false, why: 'the answer has no m= line' };
  const known = knownFormats(ours);
  const read = readStream(theirs, ours.address ?? '', (meaning) =>
    known.some((format) => format.meaning === meaning),
  );
  if (!read.ok) return read;
  const { stream } = read;
  return {
    ok: true,
    sdp: offer,
    audio: {
      remote: stream.remote,
      codec: stream.codec.meaning,
      // RFC 3264 §7: to the far end in its numbering, from it in ours.
      sendPayloadType: stream.codec.payloadType,
      receive: meanings(known),
      sendEventPayloadType: stream.formats.find(({ meaning }) => meaning === 'telephone-event')?.payloadType,
      packetTimeMs: stream.packetTimeMs,
      direction: ourDirection(stream),
    },
  };
}

/** RFC 3264 §6.1, seen from our side; nothing is sent to an address of zeros. */
function ourDirection({ direction, held }: Stream): Direction {
  const theyHear = (direction === 'sendrecv' || direction === 'recvonly') && !held;
  const weHear = direction === 'sendrecv' || direction === 'sendonly';
  if (theyHear) return weHear ? 'sendrecv' : 'sendonly';
  return weHear ? 'recvonly' : 'inactive';
}

const OUR_FORMATS: readonly Format[] = [
  { payloadType: 0, meaning: 'PCMU' },
  { payloadType: 8, meaning: 'PCMA' },
  { payloadType: 101, meaning: 'telephone-event' },
];

/** The first stream that we can take, or why there is none. */
function pickStream(
  session: SessionDescription,
  localAddress: string,
):
  | { readonly ok: true; readonly stream: Stream; readonly index: number }
  | { readonly ok: false; readonly why: string } {
  const reasons: string[] = [];
  for (const [index, media] of session.media.entries()) {
    const read = readStream(media, localAddress, () => true);
    if (read.ok) return { ...read, index };
    if (reasons.length < 3) reasons.push(`stream ${index + 1}: ${read.why}`);
  }
  return { ok: false, why: reasons.length === 0 ? 'the offer has no m= line' : reasons.join('; ') };
}

function meanings(formats: readonly Format[]): Readonly<Record<number, Meaning>> {
  return Object.fromEntries(formats.map(({ payloadType, meaning }) => [payloadType, meaning]));
}

function audioToWrite(
  port: number,
  formats: readonly Format[],
  packetTimeMs: number,
  direction: Direction,
): MediaToWrite {
  return {
    kind: 'audio',
    port,
    protocol: 'RTP/AVP',
    formats: formats.map(({ payloadType }) => String(payloadType)),
    detail: {
      rtpMaps: formats.map(({ payloadType, meaning }) => ({
        payload: payloadType,
        codec: meaning,
        rate: 8000,
      })),
      // RFC 4733 §2.4.1: what we take, whatever the far end takes; 16 is the hook flash.
      fmtp: formats
        .filter(({ meaning }) => meaning === 'telephone-event')
        .map(({ payloadType }) => ({ payload: payloadType, config: '0-16' })),
      packetTimeMs,
      direction,
    },
  };
}

/** RFC 3264 §6: a refused stream keeps its line, with port 0. */
function refused({ kind, protocol, formats }: MediaDescription): MediaToWrite {
  return { kind, port: 0, protocol, formats };
}
