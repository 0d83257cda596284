import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { SipRequest } from '../wire/sip-message.ts';
import { Authenticator } from './authentication.ts';
import type { DialogHost, FinalAnswer, SipDialog } from './dialog.ts';
import { type DialogState, nextHop } from './dialog-state.ts';
import { contactFor } from './local-address.ts';
import { locate, type resolveName } from './next-hop.ts';
import type { Source, Sources } from './sources.ts';
import type { TimerValues } from './timers.ts';
import type { TransactionLayer } from './transactions.ts';
import type { Peer, Transport } from './transport.ts';

/** What all dialogs of an endpoint ask of it. */
export interface DialogServices {
  readonly clock: Clock;
  readonly log: Log;
  readonly values: TimerValues;
  readonly referPatienceMs: number;
  readonly resolve: typeof resolveName | undefined;
  readonly layer: TransactionLayer;
  readonly sources: Sources;
  /** The endpoint does not close before this is over. */
  hold(work: Promise<unknown>): void;
  onEnded(dialog: SipDialog): void;
}

/** What is not the same for every dialog. */
export interface DialogParts {
  readonly authenticator?: Authenticator;
  /** Where its INVITE came from; `undefined`: it was ours. */
  readonly source?: Source;
  readonly onEnded?: () => void;
}

/** The way from a dialog to its far end. A class: there is one a call, for as long as it lasts. */
export class DialogRoute implements DialogHost {
  /** Where its requests go; a browser may come back over another connection. */
  peer: Peer;
  readonly authenticator: Authenticator;
  readonly contact: string;
  readonly #services: DialogServices;
  readonly #state: DialogState;
  readonly #transport: Transport;
  readonly #source: Source | undefined;
  readonly #onEnded: (() => void) | undefined;

  constructor(
    services: DialogServices,
    state: DialogState,
    transport: Transport,
    peer: Peer,
    { authenticator = new Authenticator(undefined), source, onEnded }: DialogParts,
  ) {
    this.#services = services;
    this.#state = state;
    this.#transport = transport;
    this.#source = source;
    this.#onEnded = onEnded;
    this.peer = peer;
    this.authenticator = authenticator;
    this.contact = contactFor(transport, peer);
  }

  get clock(): Clock {
    return this.#services.clock;
  }

  get values(): TimerValues {
    return this.#services.values;
  }

  get referPatienceMs(): number {
    return this.#services.referPatienceMs;
  }

  isReached(): boolean {
    return this.#source === undefined || this.#source.known;
  }

  onReached(): void {
    // Also when the ACK itself came from elsewhere: our tag was sent there.
    if (this.#source !== undefined) this.#services.sources.recognize(this.#source);
  }

  async send(request: SipRequest): Promise<FinalAnswer> {
    const { layer, log } = this.#services;
    const to = await this.#locate();
    if (to === undefined) return { status: 503, reason: 'the host is not known', headers: [] };
    return new Promise((resolve) => {
      layer.send(request, to, this.#transport, {
        onResponse: (response) => response.status >= 200 && resolve(response),
        onFailure: (status, reason) => {
          log.warn(
            { to: `${to.address}:${to.port}`, method: request.method, reason },
            'SIP: a request was not answered',
          );
          resolve({ status, reason, headers: [] });
        },
      });
    });
  }

  async sendAck(ack: SipRequest): Promise<void> {
    const to = await this.#locate();
    if (to !== undefined) this.#services.layer.sendStateless(ack, to, this.#transport);
  }

  hold(work: Promise<unknown>): void {
    this.#services.hold(work);
  }

  onEnded(dialog: SipDialog): void {
    this.#services.onEnded(dialog);
    this.#onEnded?.();
  }

  #locate(): Promise<Peer | undefined> {
    return locate(nextHop(this.#state), this.peer, this.#services.resolve);
  }
}
