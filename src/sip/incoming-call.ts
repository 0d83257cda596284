import { header, onItsOwn } from '../wire/sip-message.ts';
import { parseNameAddr, parseSipUri, type SipUri } from '../wire/sip-uri.ts';
import { responseTo, sdpOf } from './messages.ts';
import type { ServerTransaction } from './server-transaction.ts';
import type { Dialog, DialogHandler, IncomingInvite } from './user-agent.ts';

/** What an incoming call asks of the endpoint. */
export interface IncomingCallOwner {
  /** Makes the dialog and sends the 200. */
  accept(sdp: string, handler: DialogHandler): Dialog | undefined;
  /** There will be no dialog. */
  onRefused(): void;
}

/** An initial INVITE until its final answer (RFC 3261 §13.3). */
export class IncomingCall implements IncomingInvite {
  readonly callId: string;
  readonly requestUri: SipUri;
  readonly from: IncomingInvite['from'];
  readonly to: IncomingInvite['to'];
  readonly source: IncomingInvite['source'];
  readonly offer: string | undefined;
  readonly #transaction: ServerTransaction;
  readonly #contact: string;
  readonly #owner: IncomingCallOwner;
  readonly #gone = new AbortController();

  constructor(transaction: ServerTransaction, contact: string, owner: IncomingCallOwner) {
    const { request, peer } = transaction;
    const anonymous = {
      displayName: undefined,
      uri: parseSipUri('sip:anonymous@anonymous.invalid') as SipUri,
      parameters: {},
    };
    this.#transaction = transaction;
    this.#contact = contact;
    this.#owner = owner;
    // The call keeps pieces of these for as long as it lasts.
    const own = (name: string) => onItsOwn(header(request, name) ?? '');
    this.callId = own('call-id');
    this.requestUri = parseSipUri(onItsOwn(request.uri)) ?? anonymous.uri;
    this.from = parseNameAddr(own('from')) ?? anonymous;
    this.to = parseNameAddr(own('to')) ?? anonymous;
    this.source = { transport: peer.transport, address: peer.address, port: peer.port };
    this.offer = sdpOf(request);
  }

  get cancelled(): AbortSignal {
    return this.#gone.signal;
  }

  ring(): void {
    const { request, toTag } = this.#transaction;
    this.#transaction.respond(responseTo(request, 180, { toTag, headers: { Contact: this.#contact } }));
  }

  accept(sdp: string, handler: DialogHandler): Dialog | undefined {
    return this.#transaction.answered || this.#gone.signal.aborted
      ? undefined
      : this.#owner.accept(sdp, handler);
  }

  reject(
    status: number,
    options: { reason?: string; headers?: Readonly<Record<string, string>> } = {},
  ): void {
    if (this.#transaction.answered) return;
    const { request, toTag } = this.#transaction;
    this.#transaction.respond(responseTo(request, status, { toTag, ...options }));
    this.#owner.onRefused();
  }

  /** CANCEL came, the transport failed, or the endpoint closes. */
  cancel(status: 487 | 503): void {
    if (this.#transaction.answered) return;
    this.reject(status);
    this.#gone.abort();
  }
}
