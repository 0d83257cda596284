/** Our side of offer/answer over the life of one call (RFC 3264): which version stands, which offer of ours is open. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Codec } from '../media/codecs.ts';
import {
  acceptAnswer,
  answerOffer,
  type LocalSession,
  makeOffer,
  type Negotiated,
  USUAL_CODECS,
} from '../media/offer-answer.ts';
import type { Fingerprint, SecureEnd } from '../wire/sdp.ts';

/** Our end of a call. */
export interface LocalEnd {
  readonly address: string;
  readonly port: number;
  /** Of a line for ICE and DTLS-SRTP. */
  readonly fingerprint?: Fingerprint | undefined;
}

export class MediaSession {
  readonly #end: LocalEnd;
  readonly #codecs: readonly Codec[];
  readonly #sessionId = randomInt(1, 2 ** 47);
  #version = 1;
  /** Of a secure line. */
  #ice: SecureEnd['ice'] | undefined;
  #remoteUfrag: string | undefined;
  /** Our last description, and our offer that has no answer yet. */
  #told: string | undefined;
  #open: string | undefined;
  #current: Codec | undefined;

  /** @param codecs the most wanted first */
  constructor(end: LocalEnd, codecs: readonly Codec[] = USUAL_CODECS) {
    this.#end = end;
    this.#codecs = codecs;
    if (end.fingerprint !== undefined) this.#ice = newIce();
  }

  /** Answers an offer of the caller. When it can't be met the session stays as it was. */
  answer(offer: string): Negotiated {
    let negotiated = this.#answerAs(offer, this.#version);
    // RFC 8839 §4.4.2: who begins ICE anew is answered with new credentials.
    if (this.#isRestarted(negotiated)) {
      this.#ice &&= newIce();
      negotiated = this.#answerAs(offer, this.#version);
    }
    if (!negotiated.ok) return negotiated;
    const first = negotiated;
    const sdp = this.#describe(first.sdp, (version) => {
      const again = this.#answerAs(offer, version);
      return again.ok ? again.sdp : first.sdp;
    });
    return this.#settled({ ...first, sdp });
  }

  /** Makes an offer of ours, to be answered in an ACK. */
  offer(): string {
    const make = (version: number) => makeOffer(this.#as(version), this.#preferred());
    this.#open = this.#describe(make(this.#version), make);
    return this.#open;
  }

  /** Whether an offer of ours has no answer yet. */
  get waiting(): boolean {
    return this.#open !== undefined;
  }

  /** Takes the answer to our offer; `undefined` when none is open. */
  accept(answer: string): Negotiated | undefined {
    if (this.#open === undefined) return undefined;
    const negotiated = acceptAnswer(answer, this.#open, this.#secure);
    if (negotiated.ok) this.#open = undefined;
    return this.#settled(negotiated);
  }

  /** Reads an answer that is not final: early media, which another fork's answer may follow (RFC 3261 §13.2.1). */
  preview(answer: string): Negotiated | undefined {
    return this.#open === undefined ? undefined : acceptAnswer(answer, this.#open, this.#secure);
  }

  get #secure(): SecureEnd | undefined {
    const { fingerprint } = this.#end;
    return fingerprint && this.#ice && { fingerprint, ice: this.#ice };
  }

  #as(version: number): LocalSession {
    const { address, port } = this.#end;
    return { address, port, secure: this.#secure, sessionId: this.#sessionId, version };
  }

  #answerAs(offer: string, version: number): Negotiated {
    return answerOffer(offer, this.#as(version), this.#preferred());
  }

  /** What is spoken already is not changed without need. */
  #preferred(): readonly Codec[] {
    const current = this.#current;
    return current === undefined
      ? this.#codecs
      : [current, ...this.#codecs.filter((codec) => codec !== current)];
  }

  #settled(negotiated: Negotiated): Negotiated {
    if (!negotiated.ok) return negotiated;
    this.#current = negotiated.audio.codec;
    this.#remoteUfrag = negotiated.audio.secure?.remoteUfrag;
    return negotiated;
  }

  #isRestarted(negotiated: Negotiated): boolean {
    const before = this.#remoteUfrag;
    return negotiated.ok && before !== undefined && negotiated.audio.secure?.remoteUfrag !== before;
  }

  /** RFC 3264 §8: the version counts up when, and only when, the description differs from the one before. `same`: with the version as it is. */
  #describe(same: string, make: (version: number) => string): string {
    this.#told = this.#told === undefined || this.#told === same ? same : make(++this.#version);
    return this.#told;
  }
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
