/**
 * The user agent: transaction user of the transaction layer, owner of the dialogs (RFC 3261 §8, §12–15). Methods are dispatched here;
 * what they do is in dialog.ts, incoming-call.ts and outgoing-call.ts.
 */
import { type Clock, pause } from '../clock.ts';
import type { Log } from '../log.ts';
import type { SipRequest } from '../wire/sip-message.ts';
import { refusalOf } from './checks.ts';
import { SipDialog } from './dialog.ts';
import { type DialogParts, DialogRoute, type DialogServices } from './dialog-route.ts';
import { type DialogState, dialogOfInvite, keyOfRequest } from './dialog-state.ts';
import { IncomingCall } from './incoming-call.ts';
import { contactFor } from './local-address.ts';
import { toTagOf } from './matching.ts';
import { ALLOW, responseTo } from './messages.ts';
import type { resolveName } from './next-hop.ts';
import { placeCall } from './outgoing-call.ts';
import { Queue } from './queue.ts';
import type { ServerTransaction } from './server-transaction.ts';
import { createSources, DEFAULT_LIMITS, type SourceLimits, type Sources } from './sources.ts';
import { openTcp } from './tcp-transport.ts';
import { DEFAULT_TIMERS, type TimerValues } from './timers.ts';
import { TransactionLayer, type TransactionUser } from './transactions.ts';
import type { OnWire, Peer, Transport, TransportHandler } from './transport.ts';
import { openUdp } from './udp-transport.ts';
import type {
  DialogHandler,
  IncomingInvite,
  InviteOutcome,
  ListenAddress,
  OutgoingInvite,
  SipCounts,
  UserAgent,
} from './user-agent.ts';
import { openWs, type SipSocket, type WsTransport } from './ws-transport.ts';

export interface UserAgentOptions {
  readonly listen: readonly ListenAddress[];
  readonly clock: Clock;
  readonly log: Log;
  readonly timers?: TimerValues;
  /** What sources may do; default: sources.ts. */
  readonly limits?: Partial<SourceLimits>;
  /** WebSockets at one time; default 1000. */
  readonly webSockets?: number;
  /** Server transactions at one time; default 20,000. */
  readonly transactionLimit?: number;
  /** How long a REFER waits after the last that was heard of it; default 60,000. */
  readonly referPatienceMs?: number;
  /** An address of a name that a far end gives; default: asks name servers. */
  readonly resolve?: typeof resolveName;
  /** Told of each message that is read or sent, retransmissions included: for whoever watches. Must not throw. */
  readonly onWire?: OnWire | undefined;
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

class Endpoint implements UserAgent, TransactionUser {
  readonly #options: UserAgentOptions;
  readonly #values: TimerValues;
  readonly #services: DialogServices;
  readonly #sources: Sources;
  readonly #layer: TransactionLayer;
  readonly #transports: Transport[] = [];
  readonly #dialogs = new Map<string, SipDialog>();
  /** Of the dialogs with browsers. */
  readonly #browsers = new Map<SipDialog, DialogRoute>();
  readonly #webSockets: WsTransport;
  readonly #ringing = new Map<ServerTransaction, IncomingCall>();
  readonly #invites = new Queue<IncomingInvite>();
  readonly #closing = new AbortController();
  /** Calls that are being placed and requests of dialogs: closing lets them finish. */
  readonly #pending = new Set<Promise<unknown>>();
  #draining = false;

  constructor(options: UserAgentOptions) {
    this.#options = options;
    this.#values = options.timers ?? DEFAULT_TIMERS;
    const { clock, log } = options;
    this.#sources = createSources({ limits: { ...DEFAULT_LIMITS, ...options.limits }, clock, log });
    this.#layer = new TransactionLayer(this, {
      clock,
      values: this.#values,
      sources: this.#sources,
      limit: options.transactionLimit ?? 20_000,
    });
    this.#services = {
      clock,
      log,
      values: this.#values,
      referPatienceMs: options.referPatienceMs ?? 60_000,
      resolve: options.resolve,
      layer: this.#layer,
      sources: this.#sources,
      hold: (work) => this.#hold(work),
      onEnded: (dialog) => {
        this.#dialogs.delete(dialog.key);
        this.#browsers.delete(dialog);
      },
    };
    this.#webSockets = openWs({
      handler: this.#handler,
      connections: options.webSockets ?? 1000,
      clock,
      log,
      onClosed: (connection) => this.#onGone(connection),
    });
  }

  get listening(): readonly ListenAddress[] {
    return this.#transports.map((transport) => transport.listening);
  }

  get counts(): SipCounts {
    return {
      transactions: this.#layer.size,
      dialogs: this.#dialogs.size,
      pending: this.#pending.size,
      sources: this.#sources.size,
      turnedAway: this.#sources.turnedAway,
    };
  }

  async open(listen: ListenAddress): Promise<void> {
    const open = this.#options.open ?? (listen.transport === 'udp' ? openUdp : openTcp);
    this.#transports.push(await open(listen, this.#handler, this.#options.log));
  }

  mayAdopt(address: string): boolean {
    return !this.#closing.signal.aborted && this.#webSockets.mayAdopt(address);
  }

  adopt(socket: SipSocket): void {
    if (this.#closing.signal.aborted) socket.close();
    else this.#webSockets.adopt(socket);
  }

  readonly #handler: TransportHandler = {
    onWire: (direction, bytes, peer) => this.#options.onWire?.(direction, bytes, peer),
    hear: (from, bytes) => this.#sources.hear(from, bytes),
    mayConnect: (address, open) => this.#sources.mayConnect(address, open),
    isTrusted: (address) => this.#sources.isTrusted(address),
    onMessage: (...message) => this.#layer.onMessage(...message),
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
    for (const [dialog, route] of left)
      this.#options.clock.after(COME_BACK_MS, () => {
        if (route.peer.connection === connection) dialog.end({ by: 'gone' });
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
      openDialog: (state, handler, transport, peer, authenticator) =>
        this.#openDialog(state, handler, transport, peer, { authenticator }),
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
    // Whose ACK has not come by now.
    for (const dialog of [...this.#dialogs.values()]) dialog.end({ by: 'closed' });
    this.#layer.close();
    await this.#webSockets.close();
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
    if (toTagOf(request) !== undefined) {
      const dialog = this.#dialogs.get(keyOfRequest(request));
      if (dialog === undefined) return transaction.respond(responseTo(request, 481));
      this.#sources.recognize(transaction.source);
      const route = this.#browsers.get(dialog);
      if (route !== undefined && transaction.peer.transport === 'ws') route.peer = transaction.peer;
      dialog.onRequest(transaction);
    } else if (request.method === 'OPTIONS') this.#onOptions(transaction);
    else if (request.method === 'INVITE') this.#onInvite(transaction);
    else transaction.respond(responseTo(request, 481, { toTag: transaction.toTag }));
  }

  onAck(ack: SipRequest): boolean {
    const dialog = this.#dialogs.get(keyOfRequest(ack));
    dialog?.onAck(ack);
    return dialog !== undefined;
  }

  knows(request: SipRequest): boolean {
    return toTagOf(request) !== undefined && this.#dialogs.has(keyOfRequest(request));
  }

  #onOptions(transaction: ServerTransaction): void {
    const headers = { Allow: ALLOW, Accept: 'application/sdp', 'Accept-Encoding': 'identity', Supported: '' };
    const parts = { toTag: transaction.toTag, headers: this.#draining ? { 'Retry-After': '30' } : headers };
    transaction.respond(responseTo(transaction.request, this.#draining ? 503 : 200, parts));
  }

  #onInvite(transaction: ServerTransaction): void {
    const { request, toTag, transport, peer, source } = transaction;
    const release = this.#draining ? undefined : this.#sources.takeCall(source);
    if (release === undefined)
      return transaction.respond(responseTo(request, 503, { toTag, headers: { 'Retry-After': '30' } }));
    const accept = (sdp: string, handler: DialogHandler) => {
      this.#ringing.delete(transaction);
      const state = dialogOfInvite(request, toTag);
      if (state === undefined) return undefined;
      const dialog = this.#openDialog(state, handler, transport, peer, { source, onEnded: release });
      dialog.answer(transaction, sdp);
      return dialog;
    };
    const onRefused = () => {
      this.#ringing.delete(transaction);
      release();
    };
    const call = new IncomingCall(transaction, contactFor(transport, peer), { accept, onRefused });
    this.#ringing.set(transaction, call);
    // The transport failed under it.
    transaction.whenUnanswered(() => call.cancel(503));
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
    parts: DialogParts = {},
  ): SipDialog {
    const route = new DialogRoute(this.#services, state, transport, peer, parts);
    const dialog = new SipDialog(state, handler, route);
    this.#dialogs.set(dialog.key, dialog);
    if (peer.transport === 'ws') this.#browsers.set(dialog, route);
    return dialog;
  }

  #hold(work: Promise<unknown>): void {
    const done = () => this.#pending.delete(work);
    this.#pending.add(work);
    work.then(done, done);
  }
}
