/** A call's line and what offer/answer settled for it, whichever side offered. */

import type { Codec } from '../media/codecs.ts';
import { KEYS } from '../media/keys.ts';
import type { Negotiated } from '../media/offer-answer.ts';
import type { AudioParameters } from '../media/session-description.ts';
import type { MediaLine } from '../operation/media-engine.ts';
import type { DialogHandler } from '../sip/user-agent.ts';
import { MediaSession } from './media-session.ts';

export interface ConnectionEvents {
  /** The far end put us on hold, or took us off it; told with every description that was agreed on. */
  onHeld(held: boolean): void;
  /** The far end's answer to our offer cannot be used, and believes in a session that there is not. */
  onUnusable(why: string): void;
}

/** The direction in which the far end hears nothing of us. */
const UNHEARD = {
  sendrecv: 'recvonly',
  recvonly: 'recvonly',
  sendonly: 'inactive',
  inactive: 'inactive',
} as const satisfies Record<AudioParameters['direction'], AudioParameters['direction']>;

/** The line is closed by its owner. */
export class Connection {
  readonly line: MediaLine;
  readonly #session: MediaSession;
  readonly #events: ConnectionEvents;
  #held = false;
  readonly #signalledFrom: string | undefined;
  #isConfirmed = false;
  /** Agreed on, until it is confirmed. */
  #audio: AudioParameters | undefined;

  constructor(
    line: MediaLine,
    options: {
      /** Ours, as our SDP has it. */
      readonly address: string;
      readonly codecs: readonly Codec[] | undefined;
      /** Where the far end's SIP comes from, where that is known beforehand. */
      readonly signalledFrom: string | undefined;
      readonly events: ConnectionEvents;
    },
  ) {
    const { address, codecs, signalledFrom, events } = options;
    this.line = line;
    this.#session = new MediaSession({ address, port: line.port, fingerprint: line.fingerprint }, codecs);
    this.#signalledFrom = signalledFrom;
    this.#events = events;
  }

  /**
   * The far end was heard to get what we send: from now on it is sent media, too. Before, anybody's address may stand in the description
   * (docs/security.md), and it is only listened to.
   */
  confirm(): void {
    if (this.#isConfirmed) return;
    this.#isConfirmed = true;
    if (this.#audio !== undefined) this.#connect(this.#audio);
    this.#audio = undefined;
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
    onKey: (event, durationMs) => {
      const key = KEYS[event];
      if (key !== undefined) this.line.takeKey(key, durationMs);
    },
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
    if (negotiated?.ok) this.#connect(negotiated.audio);
  }

  #follow(negotiated: Negotiated): string | undefined {
    if (!negotiated.ok) return undefined;
    if (!this.#isConfirmed) this.#audio = negotiated.audio;
    const { direction } = negotiated.audio;
    this.#connect(negotiated.audio);
    this.#held = direction === 'recvonly' || direction === 'inactive';
    this.#events.onHeld(this.#held);
    return negotiated.sdp;
  }

  #connect({ remote, direction, ...audio }: AudioParameters): void {
    this.line.connect({
      ...audio,
      remote: { ...remote, ...(this.#signalledFrom !== undefined && { signalledFrom: this.#signalledFrom }) },
      direction: this.#isConfirmed ? direction : UNHEARD[direction],
    });
  }
}
