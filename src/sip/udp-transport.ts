import { createSocket, type RemoteInfo } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { deliver } from './deliver.ts';
import { facing } from './local-address.ts';
import type { Transport, TransportHandler } from './transport.ts';
import type { ListenAddress } from './user-agent.ts';

/** Large enough for a burst of INVITEs while the main thread is busy; the system may give less. */
const RECEIVE_BUFFER_BYTES = 4 << 20;

/** SIP over UDP (RFC 3261 §18). Throws TonearmError `sipPortBusy` when the address can't be bound. */
export async function openUdp(
  listen: ListenAddress,
  handler: TransportHandler,
  log: Log,
): Promise<Transport> {
  const socket = createSocket({ type: isIPv6(listen.address) ? 'udp6' : 'udp4' });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(cannotListen(listen, error));
    });
    socket.bind(listen.port, listen.address, resolve);
  });
  // An ICMP error of some peer arrives here as an error of the socket: no reason to stop.
  socket
    .removeAllListeners('error')
    .on('error', (error) => log.warn({ error: error.message }, 'SIP over UDP: socket error'));
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch (thrown) {
    log.debug({ error: reasonOf(thrown) }, 'SIP over UDP: the receive buffer keeps its size');
  }
  let closed: Promise<void> | undefined;
  const transport: Transport = {
    listening: { ...listen, port: socket.address().port },
    localAddress: (to) => ({ address: facing(listen.address, to.address), port: transport.listening.port }),
    send(bytes, to) {
      handler.onWire?.('out', bytes, to);
      const failed = (error: Error | null) => error !== null && handler.onSendError(to, error);
      try {
        socket.send(bytes, to.port, to.address, failed);
      } catch (thrown) {
        // A closed socket, or a port that is none.
        queueMicrotask(() =>
          handler.onSendError(to, thrown instanceof Error ? thrown : new Error(String(thrown))),
        );
      }
    },
    close() {
      closed ??= new Promise((resolve) => socket.close(resolve));
      return closed;
    },
  };
  socket.on('message', (bytes: Buffer, { address, port }: RemoteInfo) => {
    if (isKeepAlive(bytes)) return;
    deliver(bytes, { transport: 'udp', address, port }, transport, handler, log);
  });
  return transport;
}

/** The error of a listening address that can't be had, for both transports. */
export function cannotListen(listen: ListenAddress, error: NodeJS.ErrnoException): TonearmError {
  const where = `${listen.transport}:${listen.address}:${listen.port}`;
  const why = {
    EADDRINUSE: 'another program uses it',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: 'ports below 1024 need privileges',
  };
  const known = why[error.code as keyof typeof why] ?? error.message;
  return new TonearmError('sipPortBusy', `SIP can't listen on ${where}: ${known}. Change it in sip.listen.`, {
    cause: error,
  });
}

/** Softphones keep NAT bindings open with CRLFs, NULs or blanks. */
function isKeepAlive(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 13 || byte === 10 || byte === 0 || byte === 32);
}
