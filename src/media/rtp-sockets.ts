/**
 * The sockets that RTP is received and sent on: one for each call, as symmetric RTP wants it. Two implementations, with one contract (its tests run over
 * both): Node.js's own, and native ones that are read many at a time (native-sockets.ts).
 */
import { createSocket, type RemoteInfo, type SocketOptions } from 'node:dgram';
import { lookup as resolve } from 'node:dns';
import { isIP, isIPv6 } from 'node:net';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Prefetched } from './line-memory.ts';

/** Who hears what comes to a socket. Nothing in it may throw. */
export interface DatagramListener extends Partial<Prefetched> {
  /** A datagram: `bytes[from…to)`, good until it returns, from `port` at `address`, read at `now` of the clock's `monotonic`. */
  datagram(bytes: Uint8Array, from: number, to: number, address: string, port: number, now: number): void;
  /** The network reported that something that was sent is lost. */
  failed(): void;
}

export interface RtpSocket {
  /** `send` is done with the bytes when it returns: they may be written over. */
  readonly sendsAtOnce: boolean;
  /** Where it is bound. */
  readonly port: number;
  /** Tells of each datagram from now on; once a socket. */
  listen(listener: DatagramListener): void;
  /** `bytes` stay as they are until `onSent`, which may be called before this returns (and is, where `sendsAtOnce`). `address` is numeric, or a name that Node.js resolves. */
  send(bytes: Uint8Array, port: number, address: string, onSent: (error: Error | null) => void): void;
  close(): void;
}

export interface RtpSockets {
  /** `undefined`: another process has the port. Throws TonearmError `mediaAddress` when the address is not ours. */
  bind(address: string, port: number): Promise<RtpSocket | undefined>;
  /** Reads what has come until now, or a good deal of it: `false`, there is more. For those that are not read by the event loop. */
  poll(): boolean;
}

/** Node.js's own. `monotonic`: the clock's. */
export function createNodeSockets(monotonic: () => number): RtpSockets {
  return {
    async bind(address, port) {
      const socket = await bindDatagrams(address, port);
      return (
        socket && {
          port,
          sendsAtOnce: false,
          listen(listener) {
            socket.on('message', (bytes: Buffer, from: RemoteInfo) =>
              listener.datagram(bytes, 0, bytes.length, from.address, from.port, monotonic()),
            );
            socket.on('error', () => listener.failed());
          },
          send(bytes, toPort, toAddress, onSent) {
            socket.send(bytes, 0, bytes.length, toPort, toAddress, onSent);
          },
          close: () => socket.close(),
        }
      );
    },
    poll: () => true,
  };
}

function bindDatagrams(address: string, port: number) {
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', lookup });
  return new Promise<typeof socket | undefined>((done, fail) => {
    const onError = (error: NodeJS.ErrnoException) => {
      socket.close();
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') return done(undefined);
      fail(cannotBind(address, port, reasonOf(error), error));
    };
    socket.once('error', onError);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', onError);
      done(socket);
    });
  });
}

export function cannotBind(address: string, port: number, reason: string, cause?: unknown): TonearmError {
  const message = `can't open UDP port ${port} on ${address}: ${reason}; check media.address`;
  return new TonearmError('mediaAddress', message, { cause });
}

/** Addresses are nearly always numeric: those are taken as they are, without a turn through the resolver for each packet. */
const lookup: NonNullable<SocketOptions['lookup']> = (hostname, options, callback) => {
  const family = isIP(hostname);
  if (family === 0) resolve(hostname, options, callback);
  else callback(null, hostname, family);
};
