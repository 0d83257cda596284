import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Log } from '../log.ts';
import { SipFramer } from '../wire/sip-framing.ts';
import { parseSipMessage } from '../wire/sip-message.ts';
import { facing } from './local-address.ts';
import type { Peer, Transport, TransportHandler } from './transport.ts';
import { cannotListen } from './udp-transport.ts';
import type { ListenAddress } from './user-agent.ts';

export interface TcpLimits {
  /** More connections than this at once are refused. */
  readonly connections: number;
  /** A connection without a byte for so long is closed; longer than a call's silence between requests is unusual. */
  readonly idleMs: number;
  /** A message that has begun must be whole within this. */
  readonly messageMs: number;
  /** A peer that does not read: more unsent bytes than this close its connection. */
  readonly unsentBytes: number;
}

const DEFAULT_LIMITS: TcpLimits = {
  connections: 1000,
  idleMs: 3_600_000,
  messageMs: 30_000,
  unsentBytes: 1 << 20,
};

interface Connection {
  readonly id: number;
  readonly peer: Peer;
  readonly socket: Socket;
}

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
  const connections = new Map<number, Connection>();
  let lastId = 0;

  const adopt = (socket: Socket, address: string, port: number): Connection => {
    const connection: Connection = {
      id: ++lastId,
      peer: { transport: 'tcp', address, port, connection: lastId },
      socket,
    };
    connections.set(connection.id, connection);
    socket.setNoDelay(true).setTimeout(limits.idleMs, () => socket.destroy());
    socket.on('close', () => connections.delete(connection.id));
    socket.on('error', (error) => {
      log.debug({ peer: `${address}:${port}`, error: error.message }, 'SIP over TCP: connection failed');
      handler.onSendError(connection.peer, error);
    });
    readMessages(connection, transport, handler, log, limits);
    return connection;
  };

  const connectionTo = (to: Peer): Connection => {
    const own = to.connection === undefined ? undefined : connections.get(to.connection);
    if (own !== undefined && !own.socket.destroyed) return own;
    for (const one of connections.values()) {
      if (one.peer.port === to.port && one.peer.address === to.address && !one.socket.destroyed) return one;
    }
    return adopt(connect({ port: to.port, host: to.address }), to.address, to.port);
  };

  const server = createServer((socket) => {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined || connections.size >= limits.connections)
      return void socket.destroy();
    adopt(socket, remoteAddress.replace(/^::ffff:/, ''), remotePort);
  });
  server.listen(listen.port, listen.address);
  await once(server, 'listening').catch((error) => {
    throw cannotListen(listen, error);
  });
  server.on('error', (error) => log.warn({ error: error.message }, 'SIP over TCP: listening failed'));
  const address = server.address();
  const transport: Transport = {
    listening: {
      ...listen,
      port: typeof address === 'object' && address !== null ? address.port : listen.port,
    },
    localAddress: (to) => ({ address: facing(listen.address, to.address), port: transport.listening.port }),
    send(bytes, to) {
      const { socket, peer } = connectionTo(to);
      if (socket.writableLength > limits.unsentBytes) {
        log.warn(
          { peer: `${peer.address}:${peer.port}` },
          'SIP over TCP: a peer does not read; its connection is closed',
        );
        socket.destroy(new Error('the peer does not read'));
        return;
      }
      socket.write(bytes);
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const { socket } of connections.values()) socket.destroySoon();
      await closed;
    },
  };
  return transport;
}

/** Frames what comes, answers pings, and closes what can't be framed or takes too long. */
function readMessages(
  connection: Connection,
  transport: Transport,
  handler: TransportHandler,
  log: Log,
  limits: TcpLimits,
): void {
  const { socket, peer } = connection;
  const framer = new SipFramer();
  let patience: NodeJS.Timeout | undefined;
  socket.on('close', () => clearTimeout(patience));
  socket.on('data', (chunk: Buffer) => {
    for (const frame of framer.push(chunk)) {
      clearTimeout(patience);
      patience = undefined;
      if (frame.kind === 'ping') {
        socket.write('\r\n');
        continue;
      }
      const parsed = parseSipMessage(frame.bytes);
      if (frame.kind === 'broken') {
        log.debug(
          { peer: `${peer.address}:${peer.port}`, reason: frame.reason },
          'SIP over TCP: not SIP, closed',
        );
        handler.onUnparsable(
          parsed.ok ? { ok: false, reason: frame.reason } : { ...parsed, reason: frame.reason },
          peer,
          transport,
        );
        return void socket.destroySoon();
      }
      if (parsed.ok) handler.onMessage(parsed.message, peer, transport);
      else handler.onUnparsable(parsed, peer, transport);
    }
    if (framer.pending > 0 && patience === undefined)
      patience = setTimeout(() => socket.destroy(), limits.messageMs).unref();
  });
}
