/**
 * Offer/answer for one audio stream (RFC 3264, RFC 8866; RFC 4733 §2.4 for telephone-event; RFC 3551). Pure functions.
 */
import {
  type Direction,
  formatSdp,
  type MediaDescription,
  type MediaToWrite,
  parseSdp,
  type SecureEnd,
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
import { CODEC_NAMES, CODECS, type Codec, isCodec, isWide } from './codecs.ts';
import type { AudioParameters, EventFormat } from './session-description.ts';

/** Our side of a session. The origin line keeps `sessionId` and counts `version` up with each change (RFC 3264 §8). */
export interface LocalSession {
  readonly address: string;
  readonly port: number;
  readonly sessionId: number;
  readonly version: number;
  /** Given: the session goes over ICE and DTLS-SRTP, and over nothing else. */
  readonly secure?: SecureEnd | undefined;
}

export type Negotiated =
  | { readonly ok: true; readonly sdp: string; readonly audio: AudioParameters }
  /** Answered with 488 and `why` in a Warning header: printable ASCII without quotes. */
  | { readonly ok: false; readonly why: string };

/** Our codecs when nothing else is said, the most wanted first. */
export const USUAL_CODECS: readonly Codec[] = ['opus', 'G722', 'PCMU', 'PCMA'];

/**
 * Answers an offer: with the first of `codecs` that is offered (RFC 3264 §6.1 leaves the choice to who answers), PCMU and PCMA being equals; other streams are refused with
 * port 0.
 */
export function answerOffer(offer: string, local: LocalSession, codecs = USUAL_CODECS): Negotiated {
  const parsed = parseSdp(offer);
  if (!parsed.ok) return { ok: false, why: parsed.reason };
  const picked = pickStream(parsed.session, local, codecs);
  if (!picked.ok) return picked;
  const { stream, index } = picked;
  const event = eventFor(stream);
  // RFC 3389 is for codecs that have no comfort noise of their own.
  const noise = stream.formats.find(({ meaning }) => meaning === 'CN' && stream.codec.meaning !== 'opus');
  const formats = [stream.codec, event, noise].filter((format) => format !== undefined);
  const direction = ourDirection(stream);
  const media = parsed.session.media.map((offered, position) =>
    position === index ? audioToWrite(local, formats, { ...stream, direction }) : refused(offered),
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
      sendEventClock: clockOf(event),
      packetTimeMs: stream.packetTimeMs,
      direction,
      ...secureOf(stream, local.secure),
    },
  };
}

function secureOf({ secure }: Stream, end: SecureEnd | undefined): Pick<AudioParameters, 'secure'> {
  return secure === undefined || end === undefined ? {} : { secure: { ...secure, ice: end.ice } };
}

/** Our own offer: codecs, telephone-event. */
export function makeOffer(local: LocalSession, codecs = USUAL_CODECS): string {
  const isSecure = local.secure !== undefined;
  const stream = {
    packetTimeMs: DEFAULT_PACKET_TIME_MS,
    direction: 'sendrecv',
    protocol: isSecure ? 'UDP/TLS/RTP/SAVPF' : 'RTP/AVP',
    mid: isSecure ? '0' : undefined,
  } as const;
  const media = [audioToWrite(local, ourFormats(codecs), stream)];
  return formatSdp({ ...local, timing: { start: 0, stop: 0 }, media });
}

/** Reads the answer to `makeOffer`'s offer; `sdp` of the result is the offer. `secure`: as the offer had it. */
export function acceptAnswer(answer: string, offer: string, secure?: SecureEnd): Negotiated {
  const offered = parseSdp(offer);
  const parsed = parseSdp(answer);
  if (!offered.ok) return { ok: false, why: offered.reason };
  if (!parsed.ok) return { ok: false, why: parsed.reason };
  // RFC 3264 §6: the answer's streams stand in the offer's order; ours is the first and only one.
  const ours = offered.session.media[0];
  const theirs = parsed.session.media[0];
  if (ours === undefined || theirs === undefined) return { ok: false, why: 'the answer has no m= line' };
  const known = knownFormats(ours);
  const local = { address: ours.address ?? '', secure: secure !== undefined };
  const read = readStream(theirs, local, (meaning) => known.some((format) => format.meaning === meaning));
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
      receive: {
        // Departs from RFC 3264 §7: some send keys in their own numbering.
        ...meanings(stream.formats.filter(({ meaning }) => isEvent(meaning))),
        // Some send what was offered and they did not answer with; of G.711 that costs nothing.
        ...meanings(
          known.filter(
            ({ meaning }) =>
              !isCodec(meaning) ||
              !isWide(meaning) ||
              stream.formats.some((format) => format.meaning === meaning),
          ),
        ),
      },
      sendEventPayloadType: eventFor(stream)?.payloadType,
      sendEventClock: clockOf(eventFor(stream)),
      packetTimeMs: stream.packetTimeMs,
      direction: ourDirection(stream),
      ...secureOf(stream, secure),
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

/** The events that go with the codec: of its clock rate (RFC 7587 §3.2), else of the usual one. */
function eventFor({ codec, formats }: Stream): Format<EventFormat> | undefined {
  const wanted: readonly EventFormat[] =
    CODECS[codec.meaning].clockRate === 48_000
      ? ['telephone-event/48000', 'telephone-event']
      : ['telephone-event'];
  for (const meaning of wanted) {
    const found = formats.find((format) => format.meaning === meaning);
    if (found !== undefined) return { payloadType: found.payloadType, meaning };
  }
  return undefined;
}

function isEvent(meaning: Meaning): meaning is EventFormat {
  return meaning === 'telephone-event' || meaning === 'telephone-event/48000';
}

function clockOf(event: Format<EventFormat> | undefined): AudioParameters['sendEventClock'] {
  return event?.meaning === 'telephone-event/48000' ? 48_000 : 8000;
}

function ourFormats(codecs: readonly Codec[]): readonly Format[] {
  return [
    ...codecs.map((meaning) => ({ payloadType: CODECS[meaning].payloadType, meaning })),
    { payloadType: 101, meaning: 'telephone-event' },
    ...(codecs.includes('opus') ? [{ payloadType: 110, meaning: 'telephone-event/48000' as const }] : []),
  ];
}

/** The first stream that we can take, or why there is none. */
function pickStream(
  session: SessionDescription,
  local: LocalSession,
  codecs: readonly Codec[],
):
  | { readonly ok: true; readonly stream: Stream; readonly index: number }
  | { readonly ok: false; readonly why: string } {
  const end = { address: local.address, secure: local.secure !== undefined };
  // RFC 8445 §6.1.1: of two such agents neither would check anything.
  if (end.secure && session.iceLite) return { ok: false, why: 'it is ICE-lite, as we are' };
  const reasons: string[] = [];
  for (const [index, media] of session.media.entries()) {
    const read = readStream(media, end, () => true, codecs);
    if (read.ok) return { ...read, index };
    if (reasons.length < 3) reasons.push(`stream ${index + 1}: ${read.why}`);
  }
  return { ok: false, why: reasons.length === 0 ? 'the offer has no m= line' : reasons.join('; ') };
}

function meanings(formats: readonly Format[]): Readonly<Record<number, Meaning>> {
  return Object.fromEntries(formats.map(({ payloadType, meaning }) => [payloadType, meaning]));
}

function audioToWrite(
  { port, secure }: LocalSession,
  formats: readonly Format[],
  { packetTimeMs, direction, protocol, mid }: Pick<Stream, 'packetTimeMs' | 'direction' | 'protocol' | 'mid'>,
): MediaToWrite {
  return {
    kind: 'audio',
    port,
    protocol,
    mid: secure === undefined ? undefined : mid,
    formats: formats.map(({ payloadType }) => String(payloadType)),
    detail: {
      rtpMaps: formats.map(rtpMapOf),
      fmtp: formats.flatMap(({ payloadType, meaning }) => {
        const config = PARAMETERS.get(meaning);
        return config === undefined ? [] : [{ payload: payloadType, config }];
      }),
      packetTimeMs,
      direction,
      secure,
    },
  };
}

const PARAMETERS: ReadonlyMap<Meaning, string> = new Map<Meaning, string>([
  // RFC 4733 §2.4.1: what we take, whatever the far end takes; 16 is the hook flash.
  ['telephone-event', '0-16'],
  ['telephone-event/48000', '0-16'],
  // RFC 7587 §6.1: what is above 8 kHz would be thrown away here; what was lost is told again in the packet after it.
  ['opus', 'maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1'],
]);

function rtpMapOf({ payloadType, meaning }: Format) {
  const codec = CODEC_NAMES.find((name) => name === meaning);
  const { clockRate, channels } = codec === undefined ? { clockRate: 8000, channels: 1 } : CODECS[codec];
  return {
    payload: payloadType,
    codec: meaning.replace(/\/.*/, ''),
    rate: meaning === 'telephone-event/48000' ? 48_000 : clockRate,
    ...(channels > 1 && { channels }),
  };
}

/** RFC 3264 §6: a refused stream keeps its line, with port 0. */
function refused({ kind, protocol, formats, mid }: MediaDescription): MediaToWrite {
  return { kind, port: 0, protocol, formats, mid };
}
