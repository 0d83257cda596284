import { formatSipMessage, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import type { TransactionOptions } from './client-transaction.ts';
import { MachineRunner } from './machine-runner.ts';
import { identityOf } from './matching.ts';
import { newTag, responseTo } from './messages.ts';
import type { Source, Sources } from './sources.ts';
import { type Action, INVITE_SERVER, NON_INVITE_SERVER, received } from './transaction-tables.ts';
import type { Peer, Transport } from './transport.ts';

export interface ServerTransactionOptions extends TransactionOptions {
  readonly sources: Sources;
  /** An ACK of a 2xx that came with its INVITE's branch: some user agents do so. */
  readonly onAck: (ack: SipRequest) => void;
}

/** RFC 3261 §17.2. */
export class ServerTransaction {
  /** Where its responses go. */
  readonly peer: Peer;
  readonly transport: Transport;
  readonly source: Source;
  /** Of every response to this request that makes or refuses a dialog (§8.2.6.2). */
  readonly toTag = newTag();
  readonly #runner: MachineRunner;
  readonly #onAck: (ack: SipRequest) => void;
  readonly #sources: Sources;
  #ack: SipRequest | undefined;
  #request: SipRequest;
  #whenUnanswered: (() => void) | undefined;
  #last: Buffer | undefined;
  #final = false;

  constructor(
    request: SipRequest,
    peer: Peer,
    transport: Transport,
    source: Source,
    options: ServerTransactionOptions,
  ) {
    this.#onAck = options.onAck;
    this.#sources = options.sources;
    this.source = source;
    this.#request = request;
    this.peer = peer;
    this.transport = transport;
    this.#runner = new MachineRunner({
      ...options,
      onTerminated: () => {
        options.onTerminated();
        this.#last = undefined;
        this.#whenUnanswered?.();
      },
      machine: request.method === 'INVITE' ? INVITE_SERVER : NON_INVITE_SERVER,
      reliable: peer.transport !== 'udp',
      perform: (action) => this.#perform(action),
    });
  }

  /** With `received` and `rport` filled in. Once a 2xx was sent, no more of it than tells whether a CANCEL is about it. */
  get request(): SipRequest {
    return this.#request;
  }

  /** Whether a final response went out. */
  get answered(): boolean {
    return this.#final;
  }

  /** Sends a response; after a final one only retransmissions of a 2xx (§13.3.1.4) go out. */
  respond(response: SipResponse): void {
    const kind = received(response.status);
    if (this.#final && kind !== '2xx') return;
    const wasFinal = this.#final;
    this.#final ||= kind !== '1xx';
    if (this.#final) this.#whenUnanswered = undefined;
    this.#last = formatSipMessage(response);
    this.#runner.fire(`send ${kind}`);
    // What comes in Accepted is not answered from here (RFC 6026 §8.7): half a minute's worth of calls need not be kept.
    if (this.#runner.state !== 'accepted') return;
    this.#last = undefined;
    if (!wasFinal) this.#request = identityOf(this.#request);
  }

  /** Told when the transaction is over and had no final response. */
  whenUnanswered(action: () => void): void {
    this.#whenUnanswered = action;
  }

  onRetransmission(): void {
    this.#runner.fire('request');
  }

  onAck(ack: SipRequest): void {
    this.#ack = ack;
    this.#runner.fire('ack');
    this.#ack = undefined;
  }

  onSendError(): void {
    this.#runner.fire('send error');
  }

  terminate(): void {
    this.#runner.terminate();
  }

  get #isWorthRepeating(): boolean {
    return this.#last !== undefined && this.#sources.mayRepeat(this.source, this.#last.length);
  }

  #send(): void {
    if (this.#last === undefined) return;
    this.#sources.tell(this.source, this.#last.length);
    this.transport.send(this.#last, this.peer);
  }

  #perform(action: Action): void {
    if (action === 'try') this.#last = formatSipMessage(responseTo(this.#request, 100));
    if (action === 'report' && this.#ack !== undefined) this.#onAck(this.#ack);
    else if (action === 'try' || action === 'send') this.#send();
    else if (action === 'repeat' && this.#isWorthRepeating) this.#send();
  }
}
