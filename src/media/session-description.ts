import type { Fingerprint, SecureEnd } from '../wire/sdp.ts';
import type { Codec } from './codecs.ts';

/** Telephone events at 8,000 Hz, and at the clock rate of Opus (RFC 7587 §3.2 has one clock for all that a stream carries). */
export type EventFormat = 'telephone-event' | 'telephone-event/48000';

/**
 * What offer/answer settled for one audio stream: plain data, crosses threads. The pure functions that make it
 * from SDP are in offer-answer.ts (RFC 3264).
 */
export interface AudioParameters {
  /**
   * Where to send RTP until symmetric RTP learns better. Address '': not known, the first packet tells. Else port 0 or address
   * 0.0.0.0: nowhere (old-style hold).
   */
  readonly remote: {
    readonly address: string;
    readonly port: number;
    readonly rtcpPort: number;
    /** Where its SIP comes from: of who sends RTP, more likely than a stranger to be the far end. */
    readonly signalledFrom?: string;
  };
  readonly codec: Codec;
  /** Payload type for what we send (the caller's numbering). */
  readonly sendPayloadType: number;
  /** What each payload type that may come in means (our numbering in an offer of ours; else the caller's). */
  readonly receive: Readonly<Record<number, Codec | EventFormat | 'CN'>>;
  /** For telephone-event that we send; `undefined`: the caller takes none. */
  readonly sendEventPayloadType: number | undefined;
  /** Of the events that we send: Hz. */
  readonly sendEventClock: 8000 | 48_000;
  /** Milliseconds of audio in each packet that we send: 10–60. */
  readonly packetTimeMs: number;
  /** From our side: `recvonly` means the caller put us on hold and we may still hear. */
  readonly direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
  /** Given: over ICE and DTLS-SRTP (RFC 5763), RTCP on the same port; `remote` then says nothing. */
  readonly secure?: SecureParameters | undefined;
}

/** What the line needs of both descriptions to know the far end. */
export interface SecureParameters {
  /** Ours. */
  readonly ice: SecureEnd['ice'];
  readonly remoteUfrag: string;
  readonly remoteFingerprint: Fingerprint;
}
