import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import { header, headerList, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { escapedUser, parseNameAddr, parseSipUri, quotedString } from '../wire/sip-uri.ts';
import { Authenticator } from './authentication.ts';
import type { ClientTransaction } from './client-transaction.ts';
import type { SipDialog } from './dialog.ts';
import { type DialogState, dialogOfAnswer } from './dialog-state.ts';
import { contactFor, hostOf } from './local-address.ts';
import { ALLOW, cancelOf, inBrackets, makeRequest, newTag, requestAgain, sdpOf } from './messages.ts';
import { locate } from './next-hop.ts';
import type { TimerValues } from './timers.ts';
import type { TransactionLayer } from './transactions.ts';
import type { Peer, Transport } from './transport.ts';
import type { DialogHandler, InviteOutcome, OutgoingInvite } from './user-agent.ts';

/** What a call that is being placed needs of the endpoint. */
export interface CallingHost {
  readonly clock: Clock;
  readonly values: TimerValues;
  readonly layer: TransactionLayer;
  /** `undefined`: the agent has none of that kind. */
  readonly transport: Transport | undefined;
  openDialog(
    state: DialogState,
    handler: DialogHandler,
    transport: Transport,
    peer: Peer,
    authenticator: Authenticator,
  ): SipDialog;
}

/** With the hop that the INVITE goes to. */
interface ReachingHost extends CallingHost {
  readonly transport: Transport;
  readonly peer: Peer;
}

/** Sends an INVITE and sees it through to its final outcome (RFC 3261 §13.2); `signal` cancels it (§9.1). */
export async function placeCall(
  call: OutgoingInvite,
  signal: AbortSignal,
  host: CallingHost,
): Promise<InviteOutcome> {
  const { transport } = host;
  if (transport === undefined) return failed(503, `no ${call.transport} transport`);
  const scheme = parseSipUri(call.requestUri)?.scheme;
  if (scheme === undefined) return failed(416, 'the Request-URI is none of ours');
  // RFC 3261 §26.2.2: sips demands TLS on every hop.
  if (scheme === 'sips') return failed(416, 'no TLS transport');
  const via: Peer = {
    transport: call.transport,
    address: call.destination?.address ?? '',
    port: call.destination?.port ?? 5060,
  };
  const peer = call.destination === undefined ? await locate(call.requestUri, via) : via;
  if (peer === undefined) return failed(404, 'the host is not known');
  if (signal.aborted) return failed(487, 'cancelled before it was sent');
  const invite = inviteOf(call, transport, peer);
  for (const name of ['from', 'to'])
    if (parseNameAddr(header(invite, name) ?? '') === undefined) return failed(400, `${name} is no address`);
  return new OutgoingCall(call, signal, { ...host, transport, peer }).place(invite);
}

/** An INVITE of ours until its final outcome. Owns the timer of its cancelling. */
class OutgoingCall {
  readonly #call: OutgoingInvite;
  readonly #signal: AbortSignal;
  readonly #host: ReachingHost;
  readonly #authenticator: Authenticator;
  readonly #challenged: ReturnType<Authenticator['forRequest']>;
  readonly #dialogs = new Map<string, SipDialog>();
  readonly #outcome = Promise.withResolvers<InviteOutcome>();
  readonly #onAbort = () => this.#cancel();
  #state: 'calling' | 'proceeding' | 'cancelling' | 'over' = 'calling';
  #transaction: ClientTransaction | undefined;
  #giveUp: Timer | undefined;

  constructor(call: OutgoingInvite, signal: AbortSignal, host: ReachingHost) {
    this.#call = call;
    this.#signal = signal;
    this.#host = host;
    this.#authenticator = new Authenticator(call.credentials);
    this.#challenged = this.#authenticator.forRequest();
  }

  place(invite: SipRequest): Promise<InviteOutcome> {
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#send(invite, 1);
    return this.#outcome.promise;
  }

  #send(invite: SipRequest, sequence: number): void {
    const { layer, peer, transport } = this.#host;
    this.#state = 'calling';
    this.#transaction = layer.send(invite, peer, transport, {
      onResponse: (response) => {
        if (response.status < 200) this.#onProvisional(response);
        else if (response.status < 300) this.#onAnswer(invite, response);
        else this.#onRefusal(invite, sequence, response);
      },
      onFailure: (status, reason) => this.#finish(failed(status, reason)),
    });
  }

  #onProvisional(response: SipResponse): void {
    if (this.#state === 'calling') this.#state = 'proceeding';
    if (this.#signal.aborted) this.#cancel();
    else if (this.#state === 'proceeding') this.#call.onProgress?.(response.status, sdpOf(response));
  }

  #onRefusal(invite: SipRequest, sequence: number, response: SipResponse): void {
    if (this.#state === 'over') return;
    const credentials = this.#challenged(invite, response);
    if (credentials !== undefined && !this.#signal.aborted)
      return this.#send(requestAgain(invite, sequence + 1, credentials), sequence + 1);
    const { status, reason } = response;
    this.#finish({ answered: false, status, reason, contacts: headerList(response, 'contact') });
  }

  #onAnswer(invite: SipRequest, response: SipResponse): void {
    const { transport, peer } = this.#host;
    const tag = parseNameAddr(header(response, 'to') ?? '')?.parameters.tag ?? '';
    const known = this.#dialogs.get(tag);
    if (known !== undefined) return known.acknowledge(invite);
    const state = dialogOfAnswer(invite, response);
    if (state === undefined) return this.#finish(failed(500, 'the answer has no usable Contact'));
    const dialog = this.#host.openDialog(state, this.#call.handler, transport, peer, this.#authenticator);
    this.#dialogs.set(tag, dialog);
    dialog.acknowledge(invite);
    const sdp = sdpOf(response);
    if (this.#state !== 'over' && !this.#signal.aborted && sdp !== undefined)
      return this.#finish({ answered: true, dialog, sdp });
    // A second fork's answer, one that crossed our CANCEL, or one without SDP: acknowledged, and ended (§13.2.2.4).
    void dialog.bye();
    this.#finish(failed(487, sdp === undefined ? 'the answer has no SDP' : 'cancelled'));
  }

  /** §9.1: not before a provisional response; the first one sends it then. */
  #cancel(): void {
    const transaction = this.#transaction;
    if (this.#state !== 'proceeding' || transaction === undefined) return;
    const { clock, layer, peer, transport, values } = this.#host;
    this.#state = 'cancelling';
    layer.send(cancelOf(transaction.request), peer, transport, { onResponse() {}, onFailure() {} });
    // §9.1: who does not answer the INVITE even now never will.
    this.#giveUp = clock.after(64 * values.t1Ms, () => {
      transaction.terminate();
      this.#finish(failed(487, 'cancelled, and never answered'));
    });
  }

  #finish(outcome: InviteOutcome): void {
    this.#state = 'over';
    this.#giveUp?.cancel();
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#outcome.resolve(outcome);
  }
}

function inviteOf(call: OutgoingInvite, transport: Transport, peer: Peer): SipRequest {
  const { displayName, user, host = hostOf(transport.localAddress(peer).address) } = call.from;
  const name = displayName ? `${quotedString(displayName.replace(/\p{Cc}+/gu, ' '))} ` : '';
  const at = user === '' ? '' : `${escapedUser(user)}@`;
  return makeRequest({
    method: 'INVITE',
    uri: call.requestUri,
    from: `${name}<sip:${at}${host}>;tag=${newTag()}`,
    to: inBrackets(call.to),
    callId: call.callId ?? randomBytes(16).toString('hex'),
    cseq: 1,
    contact: contactFor(transport, peer),
    headers: { Allow: ALLOW, ...call.headers },
    sdp: call.sdp,
  });
}

function failed(status: number, reason: string): InviteOutcome {
  return { answered: false, status, reason, contacts: [] };
}
