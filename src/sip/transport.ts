/**
 * What carries SIP messages (RFC 3261 §18), as the transaction layer sees it. udp-transport.ts, tcp-transport.ts and
 * ws-transport.ts implement it.
 */
import type { ParsedSip, SipMessage } from '../wire/sip-message.ts';
import type { ListenAddress, TransportName } from './user-agent.ts';

/** The other end of one hop. Of a WebSocket `connection` says all. */
export interface Peer {
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
  /** The connection that a message came over: an answer goes back on it while it lasts. */
  readonly connection?: number;
}

export interface Transport {
  readonly listening: ListenAddress;
  /** What a peer can reach us at: the listening address, or of a wildcard the one that faces the peer. */
  localAddress(to: Pick<Peer, 'address' | 'connection'>): { readonly address: string; readonly port: number };
  /** Never throws and never waits; what can't be sent is told by `onSendError`. */
  send(bytes: Uint8Array, to: Peer): void;
  close(): Promise<void>;
}

export type OnWire = (direction: 'in' | 'out', bytes: Uint8Array, peer: Peer) => void;

export interface TransportHandler {
  /** A message of so many bytes came. `false`: it is not to be read. */
  hear(from: Peer, bytes: number): boolean;
  /** Whether a connection from there is to be taken, beside those that are `open`; sources that are trusted have no limit of their own. */
  mayConnect(address: string, open: number): boolean;
  isTrusted(address: string): boolean;
  /** Told of each message as it is on the wire, before it is read, and before it is sent. The bytes are good for the length of the call. */
  readonly onWire?: OnWire | undefined;
  onMessage(message: SipMessage, from: Peer, via: Transport, bytes: number): void;
  onUnparsable(parsed: Extract<ParsedSip, { ok: false }>, from: Peer, via: Transport): void;
  /** Sending to this peer failed for good: RFC 3261 §18.4. */
  onSendError(to: Peer, error: Error): void;
}
