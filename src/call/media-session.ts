/** Our side of offer/answer over the life of one call (RFC 3264): which version stands, which offer of ours is open. */
import { randomInt } from 'node:crypto';
import type { Codec } from '../media/codecs.ts';
import {
  acceptAnswer,
  answerOffer,
  makeOffer,
  type Negotiated,
  USUAL_CODECS,
} from '../media/offer-answer.ts';

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

/** @param codecs the most wanted first */
export function openMediaSession(
  local: { readonly address: string; readonly port: number },
  codecs: readonly Codec[] = USUAL_CODECS,
): MediaSession {
  const sessionId = randomInt(1, 2 ** 47);
  let version = 1;
  let told: string | undefined;
  let open: string | undefined;
  let current: Codec | undefined;

  /** What is spoken already is not changed without need. */
  const preferred = () =>
    current === undefined ? codecs : [current, ...codecs.filter((codec) => codec !== current)];
  const settled = (negotiated: Negotiated): Negotiated => {
    if (negotiated.ok) current = negotiated.audio.codec;
    return negotiated;
  };

  /** RFC 3264 §8: the version counts up when, and only when, the description differs from the one before. */
  const describe = (make: (version: number) => string): string => {
    const same = make(version);
    told = told === undefined || told === same ? same : make(++version);
    return told;
  };
  const at = (version: number) => ({ ...local, sessionId, version });

  return {
    answer(offer) {
      const negotiated = answerOffer(offer, at(version), preferred());
      if (!negotiated.ok) return negotiated;
      const sdp = describe((version) => {
        const again = answerOffer(offer, at(version), preferred());
        return again.ok ? again.sdp : negotiated.sdp;
      });
      return settled({ ...negotiated, sdp });
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
      const negotiated = acceptAnswer(answer, open);
      if (negotiated.ok) open = undefined;
      return settled(negotiated);
    },
    preview: (answer) => (open === undefined ? undefined : acceptAnswer(answer, open)),
  };
}

/** Why an offer cannot be met, before there is a line for it; `undefined`: it can. */
export function whyUnmet(offer: string, codecs?: readonly Codec[]): string | undefined {
  const negotiated = answerOffer(offer, { address: '127.0.0.1', port: 9, sessionId: 1, version: 1 }, codecs);
  return negotiated.ok ? undefined : negotiated.why;
}
