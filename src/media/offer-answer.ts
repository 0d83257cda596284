/**
 * Offer/answer for one audio stream (RFC 3264, RFC 8866; RFC 4733 §2.4 for telephone-event; RFC 3551). Pure functions.
 */
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
  /** Answered with 488 and `why` in a Warning header. */
  | { readonly ok: false; readonly why: string };

/** Answers an offer: the caller's first codec that we know; other streams are refused with port 0. */
export declare function answerOffer(offer: string, local: LocalSession): Negotiated;
/** Our own offer: PCMU, PCMA, telephone-event. */
export declare function makeOffer(local: LocalSession): string;
/** Reads the answer to `makeOffer`'s offer; `sdp` of the result is the offer. */
export declare function acceptAnswer(answer: string, offer: string): Negotiated;
