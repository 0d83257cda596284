/**
 * SIP messages: bytes to values and back (RFC 3261 §7, §20, §25). No I/O, no clock.
 * TYPES ARE THE SHARED SKELETON; the functions below are to be implemented here (and split into
 * sip-uri.ts, sip-header.ts, sip-framing.ts as named in each comment).
 */

/** A header as it stood on the wire; `name` is lower-case and in its long form (`v` → `via`). */
export interface SipHeader {
  readonly name: string;
  readonly value: string;
}

export interface SipRequest {
  readonly kind: 'request';
  readonly method: string;
  /** The Request-URI as it stood on the wire. */
  readonly uri: string;
  readonly headers: readonly SipHeader[];
  readonly body: Uint8Array;
}

export interface SipResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly SipHeader[];
  readonly body: Uint8Array;
}

export type SipMessage = SipRequest | SipResponse;
