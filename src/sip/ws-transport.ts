/**
 * SIP over WebSocket (RFC 7118). The connections are the peers' to open, and come from the HTTP server: a browser can't be reached but
 * over the one that it has.
 */

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { MAX_MESSAGE_BYTES } from '../wire/sip-message.ts';
import { makeRoom, type OpenConnection } from './connection-room.ts';
import { deliver } from './deliver.ts';
import type { Peer, Transport, TransportHandler } from './transport.ts';
import type { ListenAddress } from './user-agent.ts';

/** A WebSocket with the subprotocol `sip`, whoever speaks its framing. */
export interface SipSocket {
  /** Where the peer is, and what it reached us at. */
  readonly remote: { readonly address: string; readonly port: number };
  readonly local: { readonly address: string; readonly port: number };
  /** Once: `onMessage` gets each message, text or binary, and an empty one for a ping of the framing; `onClosed` is told once. */
  listen(onMessage: (bytes: Uint8Array) => void, onClosed: () => void): void;
  /** Sends a text message; what can't be sent any more is dropped. */
  send(text: string): void;
  close(): void;
  /** Closes at once, whether the peer takes note or not. */
  destroy(): void;
}

export interface WsTransport extends Transport {
  /** Whether one more connection from there is to be taken: by what holds for TCP, too (connection-room.ts). */
  mayAdopt(address: string): boolean;
  /** Takes a connection in; it is closed with the transport. */
  adopt(socket: SipSocket): void;
}

/** A connection with its number is a peer. `onClosed`: this one is gone, and a peer that comes back has another. */
export function openWs(options: {
  readonly handler: TransportHandler;
  /** At one time. */
  readonly connections: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly onClosed: (connection: number) => void;
}): WsTransport {
  const { handler, connections, clock, log, onClosed } = options;
  const sockets = new Map<number, OpenSocket>();
  let last = 0;
  let closed = false;
  const socketOf = (peer: Pick<Peer, 'connection'>) =>
    peer.connection === undefined ? undefined : sockets.get(peer.connection);

  /** RFC 5626 §3.5.1, which SIP.js keeps to over WebSocket too: a ping is answered, a pong is not. */
  const onKeepAlive = (open: OpenSocket, { length }: Uint8Array): void => {
    if (handler.hear(open.peer, length)) {
      if (length >= 4) open.socket.send('\r\n');
    } else if (++open.unanswered === MOST_UNANSWERED) open.destroy();
  };

  const transport: WsTransport = {
    listening: NOWHERE,
    localAddress: (to) => socketOf(to)?.socket.local ?? NOWHERE,
    send(bytes, to) {
      handler.onWire?.('out', bytes, to);
      const socket = socketOf(to)?.socket;
      if (socket !== undefined) socket.send(Buffer.from(bytes).toString('utf8'));
      else queueMicrotask(() => handler.onSendError(to, new Error('The WebSocket is closed')));
    },
    mayAdopt: (address) => !closed && makeRoom(sockets.values(), connections, address, handler),
    adopt(socket) {
      if (closed) return socket.close();
      const connection = ++last;
      const peer: Peer = { transport: 'ws', ...socket.remote, connection };
      const open: OpenSocket = {
        socket,
        peer,
        heardAt: clock.monotonic(),
        unanswered: 0,
        destroy: () => socket.destroy(),
      };
      sockets.set(connection, open);
      socket.listen(
        (bytes) => {
          open.heardAt = clock.monotonic();
          if (isBlank(bytes)) return onKeepAlive(open, bytes);
          if (bytes.length <= MAX_MESSAGE_BYTES) deliver(bytes, peer, transport, handler, log);
        },
        () => {
          sockets.delete(connection);
          handler.onSendError(peer, new Error('The WebSocket was closed'));
          onClosed(connection);
        },
      );
    },
    async close() {
      closed = true;
      for (const { socket } of sockets.values()) socket.close();
    },
  };
  return transport;
}

interface OpenSocket extends OpenConnection {
  readonly peer: Peer;
  readonly socket: SipSocket;
  heardAt: number;
  /** Keep-alives beyond what its source may send, all in all. */
  unanswered: number;
}

/** Nobody who wants to keep a connection alive comes near. */
const MOST_UNANSWERED = 1000;

const NOWHERE: ListenAddress = { transport: 'ws', address: '0.0.0.0', port: 0 };

function isBlank(bytes: Uint8Array): boolean {
  return bytes.length <= 4 && bytes.every((byte) => byte === 13 || byte === 10);
}
