import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../log.ts';
import { makeRoom } from './connection-room.ts';
import { deliver } from './deliver.ts';
import { facing } from './local-address.ts';
import { TcpConnection, type TcpConnectionOwner, type TcpLimits } from './tcp-connection.ts';
import type { Peer, Transport, TransportHandler } from './transport.ts';
import { cannotListen } from './udp-transport.ts';
import type { ListenAddress } from './user-agent.ts';

const DEFAULT_LIMITS: TcpLimits = {
  connections: 1000,
  idleMs: 3_600_000,
  messageMs: 30_000,
  closingMs: 1_000,
  unsentBytes: 1 << 18,
};

/**
 * SIP over TCP (RFC 3261 §18). An answer goes back on its request's connection; a request goes over any connection to its
 * peer, or over a new one. Throws TonearmError `sipPortBusy` when the address can't be bound.
 */
export async function openTcp(
  listen: ListenAddress,
  handler: TransportHandler,
  log: Log,
  limits: TcpLimits = DEFAULT_LIMITS,
): Promise<Transport> {
  const server = createServer();
  server.listen(listen.port, listen.address);
  await once(server, 'listening').catch((error) => {
    throw cannotListen(listen, error);
  });
  return new TcpTransport(server, listen, handler, log, limits);
}

class TcpTransport implements Transport, TcpConnectionOwner {
  readonly listening: ListenAddress;
  readonly #server: Server;
  readonly #handler: TransportHandler;
  readonly #log: Log;
  readonly #limits: TcpLimits;
  readonly #connections = new Map<number, TcpConnection>();
  #lastId = 0;
  #closed: Promise<void> | undefined;

  constructor(server: Server, listen: ListenAddress, handler: TransportHandler, log: Log, limits: TcpLimits) {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : listen.port;
    this.listening = { ...listen, port };
    this.#server = server;
    this.#handler = handler;
    this.#log = log;
    this.#limits = limits;
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', (error) => log.warn({ error: error.message }, 'SIP over TCP: listening failed'));
  }

  localAddress(to: Pick<Peer, 'address'>): { readonly address: string; readonly port: number } {
    return { address: facing(this.listening.address, to.address), port: this.listening.port };
  }

  send(bytes: Uint8Array, to: Peer): void {
    this.#handler.onWire?.('out', bytes, to);
    try {
      this.#connectionTo(to).write(bytes);
    } catch (thrown) {
      // No room for one more connection, or a port that is none. Told later, as every failure to send is.
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      queueMicrotask(() => this.#handler.onSendError(to, error));
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  onMessage(bytes: Uint8Array, from: Peer): void {
    deliver(bytes, from, this, this.#handler, this.#log);
  }

  onBroken(bytes: Uint8Array, from: Peer, reason: string): void {
    this.#log.debug({ peer: `${from.address}:${from.port}`, reason }, 'SIP over TCP: not SIP, closed');
    deliver(bytes, from, this, this.#handler, this.#log, reason);
  }

  onError(of: Peer, error: Error): void {
    this.#log.debug({ peer: `${of.address}:${of.port}`, error: error.message }, 'SIP over TCP: broken off');
    this.#handler.onSendError(of, error);
  }

  onClosed(of: Peer): void {
    if (of.connection !== undefined) this.#connections.delete(of.connection);
  }

  #accept(socket: Socket): void {
    // A dual-stack socket gives IPv4 peers as mapped addresses; Via and SDP know them by their own.
    const address = socket.remoteAddress?.replace(/^::ffff:(?=[\d.]+$)/, '');
    const { remotePort } = socket;
    if (address === undefined || remotePort === undefined || !this.#mayConnect(address))
      return void socket.destroy();
    this.#adopt(socket, address, remotePort, true);
  }

  #mayConnect(address: string): boolean {
    if (this.#closed !== undefined) return false;
    return makeRoom(this.#connections.values(), this.#limits.connections, address, this.#handler);
  }

  #connectionTo(to: Peer): TcpConnection {
    const same = to.connection === undefined ? undefined : this.#connections.get(to.connection);
    if (same?.writable) return same;
    for (const one of this.#connections.values()) {
      if (one.peer.port === to.port && one.peer.address === to.address && one.writable) return one;
    }
    if (this.#full) throw new Error('Too many SIP connections');
    return this.#adopt(connect({ port: to.port, host: to.address }), to.address, to.port, false);
  }

  #adopt(socket: Socket, address: string, port: number, accepted: boolean): TcpConnection {
    const peer: Peer = { transport: 'tcp', address, port, connection: ++this.#lastId };
    const connection = new TcpConnection(socket, peer, accepted, this, this.#limits);
    this.#connections.set(this.#lastId, connection);
    return connection;
  }

  get #full(): boolean {
    return this.#closed !== undefined || this.#connections.size >= this.#limits.connections;
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const connection of this.#connections.values()) connection.closeSoon();
    await closed;
  }
}
