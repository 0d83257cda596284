import type { Clock } from '../clock.ts';
import { parseCSeq } from '../wire/sip-header.ts';
import { header, type SipRequest } from '../wire/sip-message.ts';
import { AnswerKeeper } from './answer-keeper.ts';
import { contactOf, type DialogState, dialogKey, requestIn } from './dialog-state.ts';
import { ALLOW, responseTo, sdpOf } from './messages.ts';
import type { ServerTransaction } from './server-transaction.ts';
import type { TimerValues } from './timers.ts';
import type { Dialog, DialogEnd, DialogHandler } from './user-agent.ts';

/** What a dialog needs of the endpoint that owns it. */
export interface DialogHost {
  readonly clock: Clock;
  readonly values: TimerValues;
  /** Sends a request of this dialog; resolves with its final status (408, 503: it failed). */
  send(request: SipRequest): Promise<number>;
  /** Sends an ACK, which has no transaction. */
  sendAck(ack: SipRequest): void;
  readonly contact: string;
  onEnded(dialog: SipDialog): void;
}

/** A confirmed, or soon to be confirmed, dialog (RFC 3261 §12), whichever side made it. */
export class SipDialog implements Dialog {
  readonly state: DialogState;
  readonly confirmed: Dialog['confirmed'];
  readonly #handler: DialogHandler;
  readonly #host: DialogHost;
  readonly #over = new AbortController();
  readonly #confirm: (outcome: { readonly ackSdp: string | undefined } | 'lost') => void;
  #keeper: AnswerKeeper | undefined;
  #bye: Promise<void> | undefined;

  constructor(state: DialogState, handler: DialogHandler, host: DialogHost) {
    this.state = state;
    this.#handler = handler;
    this.#host = host;
    const { promise, resolve } = Promise.withResolvers<Awaited<Dialog['confirmed']>>();
    this.confirmed = promise;
    this.#confirm = resolve;
  }

  get key(): string {
    return dialogKey(this.state.callId, this.state.localTag, this.state.remoteTag);
  }

  get callId(): string {
    return this.state.callId;
  }

  get localUri(): string {
    return this.state.local;
  }

  get remoteUri(): string {
    return this.state.remote;
  }

  get ended(): AbortSignal {
    return this.#over.signal;
  }

  /** As the called side: sends our 2xx until the ACK comes; without one the dialog ends with BYE (§13.3.1.4). */
  answer(transaction: ServerTransaction, sdp: string): void {
    const offered = sdpOf(transaction.request) !== undefined;
    this.#keep(transaction, sdp, (ack) => {
      if (ack === undefined) return this.#lost();
      const ackSdp = sdpOf(ack);
      if (!offered && ackSdp !== undefined) this.#handler.onAnswer(ackSdp);
      this.#confirm({ ackSdp });
    });
  }

  /** As the calling side: acknowledges a 2xx, each time it comes (§13.2.2.4). */
  acknowledge(sequence: number): void {
    this.#host.sendAck(requestIn(this.state, 'ACK', { sequence }));
    this.#confirm({ ackSdp: undefined });
  }

  onAck(ack: SipRequest): void {
    if (this.#keeper?.onAck(ack)) this.#keeper = undefined;
  }

  /** A request within the dialog (§12.2.2). */
  onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    const sequence = parseCSeq(header(request, 'cseq') ?? '')?.sequence ?? 0;
    if (this.state.remoteSequence !== undefined && sequence <= this.state.remoteSequence) {
      return transaction.respond(responseTo(request, 500, { reason: 'CSeq out of order' }));
    }
    this.state.remoteSequence = sequence;
    switch (request.method) {
      case 'BYE':
        transaction.respond(responseTo(request, 200));
        return this.end({ by: 'remote', reasonHeader: header(request, 'reason') });
      case 'INVITE':
        return this.#onReinvite(transaction);
      case 'UPDATE':
        return this.#onUpdate(transaction);
      case 'INFO':
        // RFC 6086 §3.2: no Info Package was agreed on.
        return transaction.respond(
          request.body.length === 0 ? responseTo(request, 200) : responseTo(request, 415),
        );
      default:
        return transaction.respond(
          responseTo(request, 200, { headers: { Allow: ALLOW, Accept: 'application/sdp' } }),
        );
    }
  }

  bye(reason?: string): Promise<void> {
    if (this.#bye === undefined && this.#over.signal.aborted) return Promise.resolve();
    this.#bye ??= this.#sendBye({ by: 'local' }, reason);
    return this.#bye;
  }

  /** The dialog is over; idempotent. */
  end(how: DialogEnd): void {
    if (this.#over.signal.aborted) return;
    this.#keeper?.stop();
    this.#keeper = undefined;
    this.#over.abort(how);
    this.#confirm('lost');
    this.#host.onEnded(this);
  }

  async #sendBye(how: DialogEnd, reason?: string): Promise<void> {
    const headers: Record<string, string> =
      reason === undefined ? {} : { Reason: `SIP;text="${reason.replace(/["\\]/g, '\\$&')}"` };
    const answered = this.#host.send(requestIn(this.state, 'BYE', { headers }));
    this.end(how);
    await answered;
  }

  #lost(): void {
    this.#keeper = undefined;
    this.#bye ??= this.#sendBye({ by: 'no-ack' });
  }

  #onReinvite(transaction: ServerTransaction): void {
    const { request } = transaction;
    // §14.2: the one before is not acknowledged yet.
    if (this.#keeper !== undefined)
      return transaction.respond(responseTo(request, 500, { headers: { 'Retry-After': '2' } }));
    const offer = sdpOf(request);
    const decided = this.#handler.onOffer(offer);
    if ('status' in decided) return transaction.respond(responseTo(request, decided.status));
    this.state.remoteTarget = contactOf(request) ?? this.state.remoteTarget;
    this.#keep(transaction, decided.sdp, (ack) => {
      if (ack === undefined) return this.#lost();
      const answer = sdpOf(ack);
      if (offer === undefined && answer !== undefined) this.#handler.onAnswer(answer);
    });
  }

  /** RFC 3311 §5.2. */
  #onUpdate(transaction: ServerTransaction): void {
    const { request } = transaction;
    const offer = sdpOf(request);
    if (offer !== undefined && this.#keeper !== undefined)
      return transaction.respond(responseTo(request, 491));
    const decided = offer === undefined ? { sdp: undefined } : this.#handler.onOffer(offer);
    if ('status' in decided) return transaction.respond(responseTo(request, decided.status));
    this.state.remoteTarget = contactOf(request) ?? this.state.remoteTarget;
    transaction.respond(
      responseTo(request, 200, { headers: { Contact: this.#host.contact }, sdp: decided.sdp }),
    );
  }

  #keep(transaction: ServerTransaction, sdp: string, onDone: (ack: SipRequest | undefined) => void): void {
    const headers = { Contact: this.#host.contact, Allow: ALLOW };
    const response = responseTo(transaction.request, 200, { toTag: this.state.localTag, headers, sdp });
    this.#keeper = new AnswerKeeper(transaction, response, this.#host, onDone);
  }
}
