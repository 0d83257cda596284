import type { Clock } from '../clock.ts';
import { formatSipMessage, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { MachineRunner } from './machine-runner.ts';
import { ackOf } from './messages.ts';
import type { TimerValues } from './timers.ts';
import { type Action, INVITE_CLIENT, NON_INVITE_CLIENT, received } from './transaction-tables.ts';
import type { Peer, Transport } from './transport.ts';

/** What a client transaction tells its user. */
export interface ClientUser {
  /** Provisional and final responses; of an INVITE every 2xx, each of which wants an ACK (RFC 6026). */
  onResponse(response: SipResponse): void;
  /** Nobody answered (408 to the layers above, §8.1.3.1), or the transport failed (503). */
  onFailure(status: 408 | 503, reason: string): void;
}

export interface TransactionOptions {
  readonly clock: Clock;
  readonly values: TimerValues;
  readonly onTerminated: () => void;
}

/** RFC 3261 §17.1. */
export class ClientTransaction {
  readonly request: SipRequest;
  readonly peer: Peer;
  readonly #transport: Transport;
  readonly #user: ClientUser;
  readonly #options: TransactionOptions;
  #runner: MachineRunner | undefined;
  #last: SipResponse | undefined;
  #failure = '';

  constructor(
    request: SipRequest,
    peer: Peer,
    transport: Transport,
    user: ClientUser,
    options: TransactionOptions,
  ) {
    this.request = request;
    this.peer = peer;
    this.#transport = transport;
    this.#user = user;
    this.#options = options;
  }

  start(): void {
    this.#runner = new MachineRunner({
      ...this.#options,
      machine: this.request.method === 'INVITE' ? INVITE_CLIENT : NON_INVITE_CLIENT,
      reliable: this.peer.transport !== 'udp',
      perform: (action) => this.#perform(action),
    });
    this.#perform('send');
  }

  onResponse(response: SipResponse): void {
    this.#last = response;
    this.#runner?.fire(received(response.status));
  }

  onSendError(error: Error): void {
    this.#failure = error.message;
    this.#runner?.fire('send error');
  }

  terminate(): void {
    this.#runner?.terminate();
  }

  /** Ends it at once; if no final answer has come, as if the transport had failed. */
  abandon(why: string): void {
    const waits = this.#last === undefined || this.#last.status < 200;
    this.terminate();
    if (waits) this.#user.onFailure(503, why);
  }

  #perform(action: Action): void {
    if (action === 'send') this.#transport.send(formatSipMessage(this.request), this.peer);
    else if (action === 'timeout') this.#user.onFailure(408, 'no answer');
    else if (action === 'fail') this.#user.onFailure(503, this.#failure);
    else if (this.#last === undefined) return;
    else if (action === 'report') this.#user.onResponse(this.#last);
    else this.#transport.send(formatSipMessage(ackOf(this.request, this.#last)), this.peer);
  }
}
