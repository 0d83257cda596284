/**
 * The transaction layer (RFC 3261 §17): matches messages to transactions, creates and forgets them. Above it is the
 * transaction user (the endpoint), below it the transports.
 */
import type { Clock } from '../clock.ts';
import { parseVia } from '../wire/sip-header.ts';
import {
  formatSipMessage,
  header,
  headerList,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../wire/sip-message.ts';
import { ClientTransaction, type ClientUser } from './client-transaction.ts';
import { hostOf } from './local-address.ts';
import { answerPeer, inviteKey, isCancelOf, mergeKey, serverKey, toTagOf, withReceived } from './matching.ts';
import { newBranch, responseTo } from './messages.ts';
import { ServerTransaction } from './server-transaction.ts';
import type { Source, Sources } from './sources.ts';
import type { TimerValues } from './timers.ts';
import type { Peer, Transport } from './transport.ts';

/** What the layer asks of the layer above. */
export interface TransactionUser {
  /** A request that no transaction knew; it is to be answered through the transaction. */
  onRequest(transaction: ServerTransaction): void;
  /** An ACK of a 2xx: it has no transaction (§17). `true`: it was for one of our dialogs. */
  onAck(ack: SipRequest): boolean;
  /** Whether a request is within one of our dialogs. */
  knows(request: SipRequest): boolean;
}

export interface TransactionLayerOptions {
  readonly clock: Clock;
  readonly values: TimerValues;
  readonly sources: Sources;
  /** Server transactions at one time; beyond them requests are answered 503 without a transaction. */
  readonly limit: number;
}

const CLOSED = 'the agent has closed';

export class TransactionLayer {
  readonly #options: TransactionLayerOptions;
  readonly #user: TransactionUser;
  readonly #clients = new Map<string, ClientTransaction>();
  readonly #servers = new Map<string, ServerTransaction>();
  readonly #merging = new Map<string, string>();
  #closed = false;

  constructor(user: TransactionUser, options: TransactionLayerOptions) {
    this.#user = user;
    this.#options = options;
  }

  /** Transactions that live: for tests, metrics and draining. */
  get size(): number {
    return this.#clients.size + this.#servers.size;
  }

  onMessage(message: SipMessage, from: Peer, via: Transport, bytes: number): void {
    if (message.kind === 'response') this.#onResponse(message, from);
    else this.#onRequest(withReceived(message, from), from, via, bytes);
  }

  /** Answers 400 what could not be parsed but can be answered; no transaction is made for it. */
  refuse(request: SipRequest, reason: string, from: Peer, via: Transport): void {
    const status = reason === 'Version not supported' ? 505 : 400;
    const known = withReceived(request, from);
    const source = this.#options.sources.of(from);
    this.#answerOnce(responseTo(known, status, { reason }), answerPeer(known, from), via, source);
  }

  /** Sends a request in a transaction of its own. `request` has no Via yet, except a CANCEL, which has its INVITE's. */
  send(request: SipRequest, to: Peer, via: Transport, user: ClientUser): ClientTransaction {
    const branch = request.method === 'CANCEL' ? branchOf(request) : newBranch();
    const key = `${branch} ${request.method}`;
    const stamped = request.method === 'CANCEL' ? request : withVia(request, branch, to, via);
    const transaction = new ClientTransaction(stamped, to, via, user, {
      ...this.#options,
      onTerminated: () => this.#clients.delete(key),
    });
    if (this.#closed) {
      transaction.abandon(CLOSED);
      return transaction;
    }
    this.#clients.set(key, transaction);
    transaction.start();
    return transaction;
  }

  /** Sends a request that has no transaction: the ACK of a 2xx (§13.2.2.4). */
  sendStateless(request: SipRequest, to: Peer, via: Transport): void {
    via.send(formatSipMessage(withVia(request, newBranch(), to, via)), to);
  }

  /** The INVITE's transaction that this CANCEL is about (§9.2). */
  inviteOf(cancel: SipRequest): ServerTransaction | undefined {
    const found = this.#servers.get(inviteKey(cancel));
    return found !== undefined && isCancelOf(cancel, found.request) ? found : undefined;
  }

  onSendError(to: Peer, error: Error): void {
    const concerned = (peer: Peer) =>
      peer.transport === to.transport && peer.address === to.address && peer.port === to.port;
    for (const one of this.#clients.values()) if (concerned(one.peer)) one.onSendError(error);
    for (const one of this.#servers.values()) if (concerned(one.peer)) one.onSendError();
  }

  /** Ends every transaction; who waits for an answer is told that there will be none, also to what is sent from now on. */
  close(): void {
    this.#closed = true;
    for (const one of [...this.#clients.values()]) one.abandon(CLOSED);
    for (const one of [...this.#servers.values()]) one.terminate();
  }

  #onResponse(response: SipResponse, from: Peer): void {
    const method = header(response, 'cseq')?.split(/\s+/)[1] ?? '';
    // RFC 3261 §18.1.2 and §8.1.3.3: a response with more than our own Via is not for us.
    if (headerList(response, 'via').length > 1) return;
    const transaction = this.#clients.get(`${branchOf(response)} ${method}`);
    if (transaction === undefined) return;
    // It knows the branch.
    const { sources } = this.#options;
    sources.recognize(sources.of(from));
    transaction.onResponse(response);
  }

  #onRequest(request: SipRequest, from: Peer, via: Transport, bytes: number): void {
    const { limit, sources } = this.#options;
    const key = serverKey(request);
    const known = this.#servers.get(key);
    const source = sources.of(from);
    if (request.method === 'ACK') return this.#onAck(request, known, source);
    if (known !== undefined) return known.onRetransmission();
    const peer = answerPeer(request, from);
    const admitted = sources.admit(source, bytes, this.#user.knows(request));
    if (admitted === 'ignore') return;
    if (admitted === 'refuse' || this.#servers.size >= limit)
      return this.#answerOnce(
        responseTo(request, 503, { headers: { 'Retry-After': '10' } }),
        peer,
        via,
        source,
      );
    const merging = mergeKey(request);
    const merged = merging !== undefined && this.#merging.has(merging);
    const transaction = new ServerTransaction(request, peer, via, source, {
      ...this.#options,
      onAck: (ack) => this.#user.onAck(ack),
      onTerminated: () => {
        if (this.#servers.get(key) !== transaction) return;
        this.#servers.delete(key);
        source.transactions--;
        if (merging !== undefined && this.#merging.get(merging) === key) this.#merging.delete(merging);
      },
    });
    this.#servers.set(key, transaction);
    source.transactions++;
    // RFC 3261 §8.2.2.2: the same request came over another path.
    if (merged) return transaction.respond(responseTo(request, 482));
    if (merging !== undefined) this.#merging.set(merging, key);
    this.#user.onRequest(transaction);
  }

  #onAck(ack: SipRequest, known: ServerTransaction | undefined, source: Source): void {
    const isOurs = known === undefined ? this.#user.onAck(ack) : toTagOf(ack) === known.toTag;
    // Only who got our answer knows its tag.
    if (isOurs) this.#options.sources.recognize(source);
    known?.onAck(ack);
  }

  /** Without a transaction: a repeated request is answered anew. */
  #answerOnce(response: SipResponse, peer: Peer, via: Transport, source: Source): void {
    const bytes = formatSipMessage(response);
    this.#options.sources.tell(source, bytes.length);
    via.send(bytes, peer);
  }
}

function branchOf(message: SipMessage): string {
  return parseVia(headerList(message, 'via')[0] ?? '')?.parameters.branch ?? '';
}

/** RFC 3261 §18.1.1, with rport (RFC 3581 §3). */
function withVia(request: SipRequest, branch: string, to: Peer, via: Transport): SipRequest {
  const { address, port } = via.localAddress(to);
  const value = `SIP/2.0/${to.transport.toUpperCase()} ${hostOf(address)}:${port};rport;branch=${branch}`;
  return { ...request, headers: [{ name: 'via', value }, ...request.headers] };
}
