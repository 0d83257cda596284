/** Our side of offer/answer over the life of one call (RFC 3264): which version stands, which offer of ours is open. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Codec } from '../media/codecs.ts';
import {
  acceptAnswer,
  answerOffer,
  makeOffer,
  type Negotiated,
  USUAL_CODECS,
} from '../media/offer-answer.ts';
import type { Fingerprint } from '../wire/sdp.ts';

export interface MediaSession {
  /** Answers an offer of the caller. When it can't be met the session stays as it was. */
  answer(offer: string): Negotiated;
  /** Makes an offer of ours, to be answered in an ACK. */
  offer(): string;
  /** Whether an offer of ours has no answer yet. */
  readonly waiting: boolean;
  /** Takes the answer to our offer; `undefined` when none is open. */
  accept(answer: string): Negotiated | undefined;
  /** Reads an answer that is not final: early media, which another fork's answer may follow (RFC 3261 §13.2.1). */
  preview(answer: string): Negotiated | undefined;
}

/** Our end of a call. */
export interface LocalEnd {
  readonly address: string;
  readonly port: number;
  /** Of a line for ICE and DTLS-SRTP. */
  readonly fingerprint?: Fingerprint | undefined;
}

/** @param codecs the most wanted first */
export function openMediaSession(
  { address, port, fingerprint }: LocalEnd,
  codecs: readonly Codec[] = USUAL_CODECS,
): MediaSession {
  let secure = fingerprint && { fingerprint, ice: newIce() };
  let remoteUfrag: string | undefined;
  const sessionId = randomInt(1, 2 ** 47);
  let version = 1;
  let told: string | undefined;
  let open: string | undefined;
  let current: Codec | undefined;

  /** What is spoken already is not changed without need. */
  const preferred = () =>
    current === undefined ? codecs : [current, ...codecs.filter((codec) => codec !== current)];
  const settled = (negotiated: Negotiated): Negotiated => {
    if (!negotiated.ok) return negotiated;
    current = negotiated.audio.codec;
    remoteUfrag = negotiated.audio.secure?.remoteUfrag;
    return negotiated;
  };
  /** RFC 8839 §4.4.2: who begins ICE anew is answered with new credentials. */
  const restarted = (negotiated: Negotiated) =>
    negotiated.ok && remoteUfrag !== undefined && negotiated.audio.secure?.remoteUfrag !== remoteUfrag;

  /** RFC 3264 §8: the version counts up when, and only when, the description differs from the one before. */
  const describe = (make: (version: number) => string): string => {
    const same = make(version);
    told = told === undefined || told === same ? same : make(++version);
    return told;
  };
  const at = (version: number) => ({ address, port, secure, sessionId, version });

  return {
    answer(offer) {
      let negotiated = answerOffer(offer, at(version), preferred());
      if (restarted(negotiated)) {
        secure = secure && { ...secure, ice: newIce() };
        negotiated = answerOffer(offer, at(version), preferred());
      }
      if (!negotiated.ok) return negotiated;
      const first = negotiated;
      const sdp = describe((version) => {
        const again = answerOffer(offer, at(version), preferred());
        return again.ok ? again.sdp : first.sdp;
      });
      return settled({ ...first, sdp });
    },
    offer() {
      open = describe((version) => makeOffer(at(version), preferred()));
      return open;
    },
    get waiting() {
      return open !== undefined;
    },
    accept(answer) {
      if (open === undefined) return undefined;
      const negotiated = acceptAnswer(answer, open, secure);
      if (negotiated.ok) open = undefined;
      return settled(negotiated);
    },
    preview: (answer) => (open === undefined ? undefined : acceptAnswer(answer, open, secure)),
  };
}

/** RFC 8445 §5.3: at least 24 bits of randomness in the one, 128 in the other. */
function newIce() {
  return { ufrag: randomBytes(6).toString('base64'), password: randomBytes(18).toString('base64') };
}

/** What kind of line an offer needs, before there is one; or why it cannot be met. */
export function lineFor(
  offer: string,
  codecs?: readonly Codec[],
): { readonly ok: true; readonly secure: boolean } | { readonly ok: false; readonly why: string } {
  const session = { address: '127.0.0.1', port: 9, sessionId: 1, version: 1 };
  const plain = answerOffer(offer, session, codecs);
  if (plain.ok) return { ok: true, secure: false };
  const secure = { ice: { ufrag: '', password: '' }, fingerprint: { hash: '', value: '' } };
  const secured = answerOffer(offer, { ...session, secure }, codecs);
  if (secured.ok) return { ok: true, secure: true };
  return { ok: false, why: /RTP\/SAVP/.test(offer) ? secured.why : plain.why };
}
