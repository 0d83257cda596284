import type { Clock, Timer } from '../clock.ts';
import { parseCSeq } from '../wire/sip-header.ts';
import { header, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import type { ServerTransaction } from './server-transaction.ts';
import type { TimerValues } from './timers.ts';

/**
 * Sends a 2xx to an INVITE and goes on sending it until its ACK (RFC 3261 §13.3.1.4): also over TCP, because a proxy on the way may lose it.
 * `onDone` is told once: the ACK, or nothing after 64·T1.
 */
export class AnswerKeeper {
  readonly #sequence: number | undefined;
  readonly #onDone: (ack: SipRequest | undefined) => void;
  #resend: Timer | undefined;
  #giveUp: Timer | undefined;

  constructor(
    transaction: ServerTransaction,
    response: SipResponse,
    options: { readonly clock: Clock; readonly values: TimerValues },
    onDone: (ack: SipRequest | undefined) => void,
  ) {
    const { clock, values } = options;
    this.#sequence = parseCSeq(header(transaction.request, 'cseq') ?? '')?.sequence;
    this.#onDone = onDone;
    const again = (delayMs: number) => {
      this.#resend = clock.after(delayMs, () => {
        transaction.respond(response);
        again(Math.min(delayMs * 2, values.t2Ms));
      });
    };
    transaction.respond(response);
    again(values.t1Ms);
    this.#giveUp = clock.after(64 * values.t1Ms, () => this.#finish(undefined));
  }

  /** Whether this ACK is for this answer; it then ends. */
  onAck(ack: SipRequest): boolean {
    if (parseCSeq(header(ack, 'cseq') ?? '')?.sequence !== this.#sequence) return false;
    this.#finish(ack);
    return true;
  }

  /** Stops without telling. */
  stop(): void {
    this.#resend?.cancel();
    this.#giveUp?.cancel();
    this.#giveUp = undefined;
  }

  #finish(ack: SipRequest | undefined): void {
    if (this.#giveUp === undefined) return;
    this.stop();
    this.#onDone(ack);
  }
}
