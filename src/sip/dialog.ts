import type { Clock } from '../clock.ts';
import { DTMF_INFO_TYPES, parseDtmfInfo } from '../wire/dtmf-info.ts';
import { parseCSeq } from '../wire/sip-header.ts';
import { header, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { parseSipUri } from '../wire/sip-uri.ts';
import { AnswerKeeper } from './answer-keeper.ts';
import { type Authenticator, credentialsOf } from './authentication.ts';
import { contactOf, type DialogState, dialogKey, requestIn } from './dialog-state.ts';
import { ALLOW, inBrackets, requestAgain, responseTo, sdpOf } from './messages.ts';
import { Referral, readNotify } from './referral.ts';
import type { ServerTransaction } from './server-transaction.ts';
import type { TimerValues } from './timers.ts';
import type { Dialog, DialogEnd, DialogHandler, ReferOutcome, ReferRequest } from './user-agent.ts';

/** How a request ended: by a response, or (408, 503) without one. */
export type FinalAnswer = Pick<SipResponse, 'status' | 'reason' | 'headers'>;

/** What a dialog needs of the endpoint that owns it. */
export interface DialogHost {
  readonly clock: Clock;
  readonly values: TimerValues;
  /** How long news of a REFER may be missing. */
  readonly referPatienceMs: number;
  readonly authenticator: Authenticator;
  /** Whether the far end was ever heard to get what we send. */
  isReached(): boolean;
  /** It was: it knows our tag. */
  onReached(): void;
  /** Sends a request of this dialog; never rejects. */
  send(request: SipRequest): Promise<FinalAnswer>;
  /** The endpoint does not close before this is over. */
  hold(work: Promise<unknown>): void;
  /** Sends an ACK, which has no transaction. */
  sendAck(ack: SipRequest): void;
  readonly contact: string;
  onEnded(dialog: SipDialog): void;
}

/** A request of ours and what goes with it until its final answer. */
interface ExchangeParts {
  readonly headers: Readonly<Record<string, string>>;
  readonly contact?: string;
  /** Told the CSeq number, each time it is sent. */
  readonly onSent?: (sequence: number) => void;
  /** Whether it is worth sending again with credentials; default: always. */
  readonly isWanted?: () => boolean;
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
  /** Until our first 200 has its ACK, was given up, or the dialog is over. */
  #unconfirmed: PromiseWithResolvers<void> | undefined;
  #bye: Promise<void> | undefined;
  #referral: Referral | undefined;

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

  get replaces(): string {
    const { callId, remoteTag, localTag } = this.state;
    // RFC 3891 §3: 0 stands for the tag that an RFC 2543 peer does not have.
    return `${callId};to-tag=${remoteTag || '0'};from-tag=${localTag}`;
  }

  get remoteTarget(): string {
    return this.state.remoteTarget;
  }

  get ended(): AbortSignal {
    return this.#over.signal;
  }

  /** As the called side: sends our 2xx until the ACK comes; without one the dialog ends with BYE (§13.3.1.4). */
  answer(transaction: ServerTransaction, sdp: string): void {
    const offered = sdpOf(transaction.request) !== undefined;
    this.#unconfirmed = Promise.withResolvers();
    this.#keep(transaction, sdp, (ack) => {
      this.#settle();
      if (ack === undefined) return this.#lost();
      const ackSdp = sdpOf(ack);
      if (!offered && ackSdp !== undefined) this.#handler.onAnswer(ackSdp);
      this.#confirm({ ackSdp });
    });
  }

  /** As the calling side: acknowledges a 2xx, each time it comes (§13.2.2.4). */
  acknowledge(invite: SipRequest): void {
    const sequence = parseCSeq(header(invite, 'cseq') ?? '')?.sequence ?? 1;
    this.#host.sendAck(requestIn(this.state, 'ACK', { sequence, headers: credentialsOf(invite) }));
    this.#confirm({ ackSdp: undefined });
  }

  onAck(ack: SipRequest): void {
    this.#host.onReached();
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
      case 'NOTIFY':
        return this.#onNotify(transaction);
      case 'INFO':
        return this.#onInfo(transaction);
      default:
        return transaction.respond(
          responseTo(request, 200, { headers: { Allow: ALLOW, Accept: 'application/sdp' } }),
        );
    }
  }

  bye(reason?: string): Promise<void> {
    if (this.#bye === undefined && this.#over.signal.aborted) return Promise.resolve();
    const send = () => this.#sendBye({ by: 'local' }, reason);
    // §15: not before the ACK has come, or was waited for in vain. Until then our 200 is sent again, should it have been lost.
    this.#bye ??= this.#unconfirmed === undefined ? send() : this.#unconfirmed.promise.then(send);
    this.#host.hold(this.#bye);
    return this.#bye;
  }

  async refer(request: ReferRequest, signal?: AbortSignal): Promise<ReferOutcome> {
    const refused = (status: number, reason: string) => ({ accepted: false, status, reason });
    if (this.#over.signal.aborted) return refused(487, 'the dialog ended');
    if (signal?.aborted) return refused(487, 'given up');
    if (this.#referral !== undefined) return refused(491, 'another REFER is open');
    if (parseSipUri(request.referTo) === undefined) return refused(416, 'Refer-To is no URI of ours');
    const referral = new Referral(request, this.#host);
    this.#referral = referral;
    const giveUp = () => referral.end(487, 'given up');
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      const answered = this.#request('REFER', {
        contact: this.#host.contact,
        headers: {
          'Refer-To': `<${request.referTo}>`,
          ...(request.referredBy !== undefined && { 'Referred-By': inBrackets(request.referredBy) }),
        },
        onSent: (sequence) => referral.sent(sequence),
        isWanted: () => !referral.over,
      });
      void answered.then((answer) => referral.onAnswer(answer));
      return await referral.outcome;
    } finally {
      signal?.removeEventListener('abort', giveUp);
      this.#referral = undefined;
    }
  }

  /** The dialog is over; idempotent. */
  end(how: DialogEnd): void {
    if (this.#over.signal.aborted) return;
    this.#keeper?.stop();
    this.#keeper = undefined;
    this.#over.abort(how);
    this.#referral?.end(487, 'the dialog ended');
    this.#confirm('lost');
    this.#settle();
    this.#host.onEnded(this);
  }

  #settle(): void {
    this.#unconfirmed?.resolve();
    this.#unconfirmed = undefined;
  }

  async #sendBye(how: DialogEnd, reason?: string): Promise<void> {
    // Departs from RFC 3261 §13.3.1.4: without an ACK there may be nobody, and the Contact anybody else.
    if (!this.#host.isReached()) this.end(how);
    if (this.#over.signal.aborted) return;
    const headers: Record<string, string> =
      reason === undefined ? {} : { Reason: `SIP;text="${reason.replace(/["\\]/g, '\\$&')}"` };
    const answered = this.#request('BYE', { headers });
    this.end(how);
    await answered;
  }

  #request(method: 'BYE' | 'REFER', parts: ExchangeParts): Promise<FinalAnswer> {
    const answered = this.#exchange(method, parts);
    this.#host.hold(answered);
    return answered;
  }

  async #exchange(method: string, { onSent, isWanted, ...parts }: ExchangeParts): Promise<FinalAnswer> {
    const challenged = this.#host.authenticator.forRequest();
    let request = requestIn(this.state, method, parts);
    for (;;) {
      onSent?.(this.state.localSequence);
      const answer = await this.#host.send(request);
      const credentials = isWanted?.() === false ? undefined : challenged(request, answer);
      if (credentials === undefined) return answer;
      request = requestAgain(request, ++this.state.localSequence, credentials);
    }
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

  /** Legacy use, for keys (RFC 6086 §2); what has an Info Package is none that was agreed on. */
  #onInfo(transaction: ServerTransaction): void {
    const { request } = transaction;
    const answer = (status: number, headers = {}) =>
      transaction.respond(responseTo(request, status, { headers }));
    // §4.2.2
    if (header(request, 'info-package') !== undefined) return answer(469, { 'Recv-Info': '' });
    if (request.body.length === 0) return answer(200);
    const key = parseDtmfInfo(header(request, 'content-type') ?? '', request.body);
    const { onKey } = this.#handler;
    if (onKey === undefined || (!key.ok && key.wrong === 'type'))
      return answer(415, { Accept: onKey === undefined ? '' : DTMF_INFO_TYPES });
    if (!key.ok) return answer(400);
    answer(200);
    onKey(key.event, key.durationMs);
  }

  /** RFC 6665 §4.1.3. */
  #onNotify(transaction: ServerTransaction): void {
    const { request } = transaction;
    const read = readNotify(request);
    if (!read.ok) return transaction.respond(responseTo(request, read.status, read.parts));
    const referral = this.#referral;
    if (!referral?.concerns(read.notice)) return transaction.respond(responseTo(request, 481));
    transaction.respond(responseTo(request, 200));
    referral.onNotice(read.notice);
  }

  #keep(transaction: ServerTransaction, sdp: string, onDone: (ack: SipRequest | undefined) => void): void {
    const headers = { Contact: this.#host.contact, Allow: ALLOW };
    const response = responseTo(transaction.request, 200, { toTag: this.state.localTag, headers, sdp });
    this.#keeper = new AnswerKeeper(transaction, response, this.#host, onDone);
  }
}
