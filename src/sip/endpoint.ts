/**
 * The user agent: transaction user of the transaction layer, owner of the dialogs (RFC 3261 §8, §12–15). Methods are dispatched here;
 * what they do is in dialog.ts, incoming-call.ts and outgoing-call.ts.
 */
import { type Clock, pause } from '../clock.ts';
import type { Log } from '../log.ts';
import { header, type SipRequest } from '../wire/sip-message.ts';
import { parseNameAddr } from '../wire/sip-uri.ts';
import { Authenticator } from './authentication.ts';
import { refusalOf } from './checks.ts';
import { type DialogHost, type FinalAnswer, SipDialog } from './dialog.ts';
import { type DialogState, dialogOfInvite, keyOfRequest, nextHop } from './dialog-state.ts';
import { IncomingCall } from './incoming-call.ts';
import { contactFor } from './local-address.ts';
import { ALLOW, responseTo } from './messages.ts';
import { locate } from './next-hop.ts';
import { placeCall } from './outgoing-call.ts';
import { Queue } from './queue.ts';
import type { ServerTransaction } from './server-transaction.ts';
import { openTcp } from './tcp-transport.ts';
import { DEFAULT_TIMERS, type TimerValues } from './timers.ts';
import { TransactionLayer, type TransactionUser } from './transactions.ts';
import type { Peer, Transport, TransportHandler } from './transport.ts';
import { openUdp } from './udp-transport.ts';
import type {
  DialogHandler,
  IncomingInvite,
  InviteOutcome,
  ListenAddress,
  OutgoingInvite,
  UserAgent,
} from './user-agent.ts';
import { openWs, type SipSocket, type WsTransport } from './ws-transport.ts';

export interface UserAgentOptions {
  readonly listen: readonly ListenAddress[];
  readonly clock: Clock;
  readonly log: Log;
  readonly timers?: TimerValues;
  /** Server transactions at one time; default 20,000. */
  readonly transactionLimit?: number;
  /** How long a REFER waits after the last that was heard of it; default 60,000. */
  readonly referPatienceMs?: number;
  /** Opens a transport; default: real sockets. Tests pass one without a network. */
  readonly open?: (listen: ListenAddress, handler: TransportHandler, log: Log) => Promise<Transport>;
}

/** Opens the transports and serves. Throws TonearmError `sipPortBusy` when an address can't be had; nothing is left open then. */
export async function createUserAgent(options: UserAgentOptions): Promise<UserAgent> {
  const endpoint = new Endpoint(options);
  try {
    for (const listen of options.listen) await endpoint.open(listen);
  } catch (thrown) {
    await endpoint.close();
    throw thrown;
  }
  return endpoint;
}

/** How long a closing agent waits for answers to its last requests: three retransmissions (RFC 3261 §17.1.2.1). */
const LAST_ANSWERS_MS = 4000;

/** A page that lost its WebSocket has so long to come back: JsSIP tries for the first time after 2 s, SIP.js after 3. */
const COME_BACK_MS = 30_000;

/** Where a dialog's requests go; a browser may come back over another connection. */
interface Hop {
  readonly transport: Transport;
  peer: Peer;
}

class Endpoint implements UserAgent, TransactionUser {
  readonly #options: UserAgentOptions;
  readonly #values: TimerValues;
  readonly #layer: TransactionLayer;
  readonly #transports: Transport[] = [];
  readonly #dialogs = new Map<string, SipDialog>();
  /** Of the dialogs with browsers. */
  readonly #browsers = new Map<SipDialog, Hop>();
  #webSockets: WsTransport | undefined;
  readonly #ringing = new Map<ServerTransaction, IncomingCall>();
  readonly #invites = new Queue<IncomingInvite>();
  readonly #closing = new AbortController();
  /** Calls that are being placed and requests of dialogs: closing lets them finish. */
  readonly #pending = new Set<Promise<unknown>>();
  #draining = false;

  constructor(options: UserAgentOptions) {
    this.#options = options;
    this.#values = options.timers ?? DEFAULT_TIMERS;
    this.#layer = new TransactionLayer(this, {
      clock: options.clock,
      values: this.#values,
      limit: options.transactionLimit ?? 20_000,
    });
  }

  get listening(): readonly ListenAddress[] {
    return this.#transports.map((transport) => transport.listening);
  }

  async open(listen: ListenAddress): Promise<void> {
    const open = this.#options.open ?? (listen.transport === 'udp' ? openUdp : openTcp);
    this.#transports.push(await open(listen, this.#handler, this.#options.log));
  }

  adopt(socket: SipSocket): void {
    const { log } = this.#options;
    if (this.#closing.signal.aborted) return socket.close();
    this.#webSockets ??= openWs(this.#handler, log, (connection) => this.#onGone(connection));
    this.#webSockets.adopt(socket);
  }

  readonly #handler: TransportHandler = {
    onMessage: (message, from, via) => this.#layer.onMessage(message, from, via),
    onUnparsable: ({ reason, answerable }, from, via) => {
      this.#options.log.debug(
        { from: `${from.address}:${from.port}`, reason },
        'SIP: a message that is none',
      );
      if (answerable !== undefined) this.#layer.refuse(answerable, reason, from, via);
    },
    onSendError: (to, error) => this.#layer.onSendError(to, error),
  };

  /** A connection of a browser is gone, and with it a call that nobody takes up again. */
  #onGone(connection: number): void {
    const left = [...this.#browsers].filter(([, { peer }]) => peer.connection === connection);
    for (const [dialog, hop] of left)
      this.#options.clock.after(COME_BACK_MS, () => {
        if (hop.peer.connection === connection) dialog.end({ by: 'gone' });
      });
  }

  invites(): AsyncIterable<IncomingInvite> {
    return this.#invites;
  }

  invite(request: OutgoingInvite, signal: AbortSignal): Promise<InviteOutcome> {
    const cancelled = AbortSignal.any([signal, this.#closing.signal]);
    const outcome = placeCall(request, cancelled, {
      clock: this.#options.clock,
      values: this.#values,
      layer: this.#layer,
      transport: this.#transports.find(({ listening }) => listening.transport === request.transport),
      openDialog: (...parts) => this.#openDialog(...parts),
    });
    this.#hold(outcome);
    return outcome;
  }

  drain(): void {
    this.#draining = true;
  }

  async close(): Promise<void> {
    this.#draining = true;
    this.#invites.end();
    this.#closing.abort();
    for (const call of this.#ringing.values()) call.cancel(503);
    for (const dialog of [...this.#dialogs.values()]) void dialog.bye('server closes');
    await this.#settled();
    this.#layer.close();
    await this.#webSockets?.close();
    await Promise.all(this.#transports.splice(0).map((transport) => transport.close()));
  }

  /** Who answers at all does so at once; a phone that is gone would hold a stop up for timer B or F. */
  async #settled(): Promise<void> {
    const done = new AbortController();
    const patience = pause(this.#options.clock, LAST_ANSWERS_MS, done.signal);
    const settle = async () => {
      // What ends may leave a BYE: of a call that was answered while it was being cancelled.
      while (this.#pending.size > 0 && !done.signal.aborted) await Promise.allSettled(this.#pending);
    };
    await Promise.race([settle(), patience]);
    done.abort();
  }

  onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (request.method === 'CANCEL') return this.#onCancel(transaction);
    const refusal = refusalOf(request);
    if (refusal !== undefined)
      return transaction.respond(
        responseTo(request, refusal.status, { toTag: transaction.toTag, ...refusal.parts }),
      );
    if (parseNameAddr(header(request, 'to') ?? '')?.parameters.tag !== undefined) {
      const dialog = this.#dialogs.get(keyOfRequest(request));
      if (dialog === undefined) return transaction.respond(responseTo(request, 481));
      const hop = this.#browsers.get(dialog);
      if (hop !== undefined && transaction.peer.transport === 'ws') hop.peer = transaction.peer;
      dialog.onRequest(transaction);
    } else if (request.method === 'OPTIONS') this.#onOptions(transaction);
    else if (request.method === 'INVITE') this.#onInvite(transaction);
    else transaction.respond(responseTo(request, 481, { toTag: transaction.toTag }));
  }

  onAck(ack: SipRequest): void {
    this.#dialogs.get(keyOfRequest(ack))?.onAck(ack);
  }

  #onOptions(transaction: ServerTransaction): void {
    const headers = { Allow: ALLOW, Accept: 'application/sdp', 'Accept-Encoding': 'identity', Supported: '' };
    const parts = { toTag: transaction.toTag, headers: this.#draining ? { 'Retry-After': '30' } : headers };
    transaction.respond(responseTo(transaction.request, this.#draining ? 503 : 200, parts));
  }

  #onInvite(transaction: ServerTransaction): void {
    const { request, toTag, transport, peer } = transaction;
    if (this.#draining)
      return transaction.respond(responseTo(request, 503, { toTag, headers: { 'Retry-After': '30' } }));
    transaction.respond(responseTo(request, 100));
    const call = new IncomingCall(transaction, contactFor(transport, peer), (sdp, handler) => {
      this.#ringing.delete(transaction);
      const state = dialogOfInvite(request, toTag);
      if (state === undefined) return undefined;
      const dialog = this.#openDialog(state, handler, transport, peer);
      dialog.answer(transaction, sdp);
      return dialog;
    });
    this.#ringing.set(transaction, call);
    transaction.whenTerminated(() => {
      // The transport failed under it; after a final answer this does nothing.
      call.cancel(503);
      this.#ringing.delete(transaction);
    });
    this.#invites.push(call);
  }

  /** RFC 3261 §9.2. */
  #onCancel(transaction: ServerTransaction): void {
    const invite = this.#layer.inviteOf(transaction.request);
    const status = invite === undefined ? 481 : 200;
    transaction.respond(
      responseTo(transaction.request, status, { toTag: invite?.toTag ?? transaction.toTag }),
    );
    if (invite !== undefined) this.#ringing.get(invite)?.cancel(487);
  }

  #openDialog(
    state: DialogState,
    handler: DialogHandler,
    transport: Transport,
    peer: Peer,
    authenticator = new Authenticator(undefined),
  ): SipDialog {
    const hop: Hop = { transport, peer };
    const host: DialogHost = {
      clock: this.#options.clock,
      values: this.#values,
      referPatienceMs: this.#options.referPatienceMs ?? 60_000,
      authenticator,
      contact: contactFor(transport, peer),
      send: (request) => this.#sendInDialog(state, request, hop),
      hold: (work) => this.#hold(work),
      sendAck: (ack) => {
        void locate(nextHop(state), hop.peer).then(
          (to) => to !== undefined && this.#layer.sendStateless(ack, to, transport),
        );
      },
      onEnded: (dialog) => {
        this.#dialogs.delete(dialog.key);
        this.#browsers.delete(dialog);
      },
    };
    const dialog = new SipDialog(state, handler, host);
    this.#dialogs.set(dialog.key, dialog);
    if (peer.transport === 'ws') this.#browsers.set(dialog, hop);
    return dialog;
  }

  #hold(work: Promise<unknown>): void {
    const done = () => this.#pending.delete(work);
    this.#pending.add(work);
    work.then(done, done);
  }

  async #sendInDialog(
    state: DialogState,
    request: SipRequest,
    { transport, peer }: Hop,
  ): Promise<FinalAnswer> {
    const to = await locate(nextHop(state), peer);
    if (to === undefined) return { status: 503, reason: 'the host is not known', headers: [] };
    return new Promise((resolve) => {
      this.#layer.send(request, to, transport, {
        onResponse: (response) => response.status >= 200 && resolve(response),
        onFailure: (status, reason) => {
          this.#options.log.warn(
            { to: `${to.address}:${to.port}`, method: request.method, reason },
            'SIP: a request was not answered',
          );
          resolve({ status, reason, headers: [] });
        },
      });
    });
  }
}
