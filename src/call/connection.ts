/** A call's line and what offer/answer settled for it, whichever side offered. */

import type { Codec } from '../media/codecs.ts';
import type { Negotiated } from '../media/offer-answer.ts';
import type { MediaLine } from '../operation/media-engine.ts';
import type { DialogHandler } from '../sip/user-agent.ts';
import { type MediaSession, openMediaSession } from './media-session.ts';

export interface ConnectionEvents {
  /** The far end put us on hold, or took us off it; told with every description that was agreed on. */
  onHeld(held: boolean): void;
  /** The far end's answer to our offer cannot be used, and believes in a session that there is not. */
  onUnusable(why: string): void;
}

/** The line is closed by its owner. */
export class Connection {
  readonly line: MediaLine;
  readonly #session: MediaSession;
  readonly #events: ConnectionEvents;
  #held = false;

  constructor(
    line: MediaLine,
    address: string,
    codecs: readonly Codec[] | undefined,
    events: ConnectionEvents,
  ) {
    this.line = line;
    this.#session = openMediaSession({ address, port: line.port, fingerprint: line.fingerprint }, codecs);
    this.#events = events;
  }

  /** As the far end's last description had it. */
  get held(): boolean {
    return this.#held;
  }

  /** Whether an offer of ours has no answer yet. */
  get waiting(): boolean {
    return this.#session.waiting;
  }

  readonly handler: DialogHandler = {
    onOffer: (offer) => {
      if (offer === undefined) return { sdp: this.offer() };
      const answer = this.answer(offer);
      return answer === undefined ? { status: 488 } : { sdp: answer };
    },
    onAnswer: (sdp) => this.take(sdp),
  };

  offer(): string {
    return this.#session.offer();
  }

  /** Our answer; `undefined`: the offer cannot be met, and all stays as it was. */
  answer(offer: string): string | undefined {
    return this.#follow(this.#session.answer(offer));
  }

  /** The answer to our offer. */
  take(answer: string): void {
    const negotiated = this.#session.accept(answer);
    if (negotiated === undefined || this.#follow(negotiated) !== undefined) return;
    // An answer cannot be refused, and the far end believes in it: no session is left, after a re-INVITE neither.
    if (!negotiated.ok) this.#events.onUnusable(negotiated.why);
  }

  /** Early media: heard, and answered for by the far end's final answer. */
  preview(answer: string): void {
    const negotiated = this.#session.preview(answer);
    if (negotiated?.ok) this.line.connect(negotiated.audio);
  }

  #follow(negotiated: Negotiated): string | undefined {
    if (!negotiated.ok) return undefined;
    this.line.connect(negotiated.audio);
    const { direction } = negotiated.audio;
    this.#held = direction === 'recvonly' || direction === 'inactive';
    this.#events.onHeld(this.#held);
    return negotiated.sdp;
  }
}
