import type { Socket } from 'node:net';
import { SipFramer } from '../wire/sip-framing.ts';
import type { Peer } from './transport.ts';

export interface TcpLimits {
  /** Connections at one time, of both directions; what would be one more is refused. */
  readonly connections: number;
  /** A connection without a byte for so long is closed; longer than a call's silence between requests is unusual. */
  readonly idleMs: number;
  /** A message that has begun must be whole within this, and an accepted connection must bring its first. */
  readonly messageMs: number;
  /** The last of what was written must be taken within this once the connection is to be closed. */
  readonly closingMs: number;
  /** A peer that does not read: more unsent bytes than this close its connection. */
  readonly unsentBytes: number;
}

/** What a connection tells its transport. */
export interface TcpConnectionOwner {
  onMessage(bytes: Uint8Array, from: Peer): void;
  /** What comes is no SIP; the connection closes after what is written now. */
  onBroken(bytes: Uint8Array, from: Peer, reason: string): void;
  onError(of: Peer, error: Error): void;
  onClosed(of: Peer): void;
}

/** One TCP connection with a SIP peer, either side having opened it. It closes itself when a limit is passed. */
export class TcpConnection {
  readonly peer: Peer;
  /** Of the system's clock, monotonic: when the peer last sent something, or the connection began. */
  heardAt = performance.now();
  readonly #socket: Socket;
  readonly #owner: TcpConnectionOwner;
  readonly #limits: TcpLimits;
  readonly #framer = new SipFramer();
  #patience: NodeJS.Timeout | undefined;
  #closing = false;

  /** `accepted`: the peer opened it, and so has to say something. */
  constructor(socket: Socket, peer: Peer, accepted: boolean, owner: TcpConnectionOwner, limits: TcpLimits) {
    this.#socket = socket;
    this.peer = peer;
    this.#owner = owner;
    this.#limits = limits;
    socket.setNoDelay(true).setTimeout(limits.idleMs, () => socket.destroy());
    socket.on('error', (error) => owner.onError(peer, error));
    socket.on('close', () => {
      this.#stopWaiting();
      owner.onClosed(peer);
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    if (accepted) this.#wait(limits.messageMs);
  }

  /** Whether what is written may still arrive; true while it is being opened. */
  get writable(): boolean {
    return this.#socket.writable;
  }

  /** Closes at once, whatever is under way. */
  destroy(): void {
    this.#socket.destroy();
  }

  write(bytes: Uint8Array | string): void {
    if (this.#socket.writableLength > this.#limits.unsentBytes)
      this.#socket.destroy(new Error('The peer does not read what it is sent'));
    else this.#socket.write(bytes);
  }

  /** Closes after what has been written, or after `closingMs` when the peer does not take it. What still comes is not read. */
  closeSoon(): void {
    this.#closing = true;
    this.#socket.destroySoon();
    this.#stopWaiting();
    this.#wait(this.#limits.closingMs);
  }

  #read(chunk: Buffer): void {
    this.heardAt = performance.now();
    if (this.#closing) return;
    for (const frame of this.#framer.push(chunk)) {
      this.#stopWaiting();
      // RFC 5626 §3.5.1
      if (frame.kind === 'ping') this.write('\r\n');
      else if (frame.kind === 'message') this.#owner.onMessage(frame.bytes, this.peer);
      else {
        this.#owner.onBroken(frame.bytes, this.peer, frame.reason);
        return this.closeSoon();
      }
      if (this.#closing || this.#socket.destroyed) return;
    }
    if (this.#framer.pending > 0) this.#wait(this.#limits.messageMs);
  }

  #wait(delayMs: number): void {
    if (!this.#socket.destroyed) this.#patience ??= setTimeout(() => this.#socket.destroy(), delayMs).unref();
  }

  #stopWaiting(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }
}
