/**
 * The lite side of ICE (RFC 8445 §2.5, §6.1.1, §7.3): it has one candidate, asks nobody, and answers the connectivity checks of who knows its
 * password. Media then goes to where the far end's chosen check came from.
 */
import { formatBindingError, formatBindingSuccess, isAuthentic, parseBindingRequest } from '../wire/stun.ts';
import type { SecureParameters } from './session-description.ts';

/** A browser has a handful of addresses; of more the latest are remembered. */
const MOST_CHECKED = 32;

export interface IceLiteOptions {
  readonly send: (bytes: Buffer, port: number, address: string) => void;
  /** The far end is to be reached there from now on; told when that changes. */
  readonly onSelected: (address: string, port: number) => void;
}

export class IceLite {
  readonly #options: IceLiteOptions;
  /** In the order in which they were checked last. */
  readonly #checked = new Set<string>();
  #username = '';
  #password = '';
  #selected = '';

  constructor(options: IceLiteOptions) {
    this.#options = options;
  }

  /** Takes what the descriptions say, first or anew. With other credentials than before all is checked again (RFC 8445 §9). */
  connect({ ice, remoteUfrag }: SecureParameters): void {
    // RFC 8445 §7.2.2: who is asked, then who asks.
    const username = `${ice.ufrag}:${remoteUfrag}`;
    // RFC 8839 §4.4.1.1.1: a restart changes both, ours always do.
    if (username === this.#username) return;
    this.#username = username;
    this.#password = ice.password;
    this.#checked.clear();
    this.#selected = '';
  }

  /** Whether a check from there was answered. */
  knows(address: string, port: number): boolean {
    return this.#checked.has(`${address} ${port}`);
  }

  /** Answers a check; `false`: it is none, or of somebody who does not know the password, who hears nothing. Never throws. */
  hear(message: Uint8Array, address: string, port: number): boolean {
    const parsed = parseBindingRequest(message);
    if (!parsed.ok || this.#username === '') return false;
    const { transactionId, username, integrityAt, useCandidate, controlled, unknown } = parsed.request;
    if (username !== this.#username || !isAuthentic(message, integrityAt, this.#password)) return false;
    const answer = (bytes: Buffer) => this.#options.send(bytes, port, address);
    if (unknown.length > 0) answer(formatBindingError(transactionId, 420, this.#password, unknown));
    // RFC 8445 §6.1.1: a lite agent is the controlled one, always.
    else if (controlled) answer(formatBindingError(transactionId, 487, this.#password));
    else {
      answer(formatBindingSuccess(transactionId, address, port, this.#password));
      this.#valid(address, port, useCandidate);
    }
    return true;
  }

  /** RFC 8445 §8.1.1: the controlling side's choice counts; until it has made one, the first that works. */
  #valid(address: string, port: number, chosen: boolean): void {
    const source = `${address} ${port}`;
    this.#checked.delete(source);
    this.#checked.add(source);
    if (this.#checked.size > MOST_CHECKED) this.#checked.delete(this.#checked.values().next().value ?? '');
    if (source === this.#selected || (!chosen && this.#selected !== '')) return;
    this.#selected = source;
    this.#options.onSelected(address, port);
  }
}
