/**
 * Pairs of UDP ports for RTP and RTCP out of a configured range: even for RTP, the next one for RTCP (RFC 3550 §11).
 * Each worker has a share of the range to itself, so that they need not speak to each other.
 */
import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { lookup as resolve } from 'node:dns';
import { isIP, isIPv6 } from 'node:net';
import { reasonOf, TonearmError } from '../errors.ts';

/** Both ends belong to it. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** Two bound sockets. Whoever opened the pair closes it. */
export interface PortPair {
  /** The even port, of `rtp`; `rtcp` has the next one. */
  readonly port: number;
  readonly rtp: Socket;
  readonly rtcp: Socket;
  /** Closes both sockets and gives the ports back. Idempotent. */
  close(): void;
}

export interface PortPairs {
  /** Pairs that are not in use by us. */
  readonly free: number;
  /**
   * Binds the pair that has been free for longest, so that packets that still come for an ended call meet nobody. Pairs that another
   * process holds are passed over. Throws TonearmError `noPorts` when none is left, `mediaAddress` when the address is not ours.
   */
  open(address: string): Promise<PortPair>;
}

/** The part of `range` that worker `index` of `workers` has: whole pairs, as even as they divide. */
export function shareOfPorts(range: PortRange, index: number, workers: number): PortRange {
  const first = range.min + (range.min % 2);
  const pairs = Math.max(0, Math.floor((range.max - first + 1) / 2));
  const from = Math.floor((pairs * index) / workers);
  const to = Math.floor((pairs * (index + 1)) / workers);
  return { min: first + from * 2, max: first + to * 2 - 1 };
}

/** The pairs of `range`, or of a worker's share of it. */
export function createPortPairs(range: PortRange): PortPairs {
  const free: number[] = [];
  for (let port = range.min + (range.min % 2); port + 1 <= range.max; port += 2) free.push(port);

  return {
    get free() {
      return free.length;
    },
    async open(address) {
      for (let tries = free.length; tries > 0; tries--) {
        const port = free.shift();
        if (port === undefined) break;
        const pair = await bindPair(address, port).catch((error: unknown) => {
          free.push(port);
          throw error;
        });
        if (pair === undefined) {
          free.push(port);
          continue;
        }
        let open = true;
        const close = () => {
          if (!open) return;
          open = false;
          pair.rtp.close();
          pair.rtcp.close();
          free.push(port);
        };
        return { port, ...pair, close };
      }
      throw new TonearmError(
        'noPorts',
        `no pair of UDP ports is free among ${range.min}-${range.max} on ${address}: widen media.ports, ` +
          'or free ports that other programs hold',
      );
    },
  };
}

/** `undefined`: another process has one of the two. */
async function bindPair(address: string, port: number): Promise<{ rtp: Socket; rtcp: Socket } | undefined> {
  const rtp = await bind(address, port);
  if (rtp === undefined) return undefined;
  try {
    const rtcp = await bind(address, port + 1);
    if (rtcp !== undefined) return { rtp, rtcp };
  } catch (error) {
    rtp.close();
    throw error;
  }
  rtp.close();
  return undefined;
}

function bind(address: string, port: number): Promise<Socket | undefined> {
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', lookup });
  return new Promise((done, fail) => {
    const onError = (error: NodeJS.ErrnoException) => {
      socket.close();
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') return done(undefined);
      const message = `can't open UDP port ${port} on ${address}: ${reasonOf(error)}; check media.address`;
      fail(new TonearmError('mediaAddress', message, { cause: error }));
    };
    socket.once('error', onError);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', onError);
      done(socket);
    });
  });
}

/** Addresses are nearly always numeric: those are taken as they are, without a turn through the resolver for each packet. */
const lookup: NonNullable<SocketOptions['lookup']> = (hostname, options, callback) => {
  const family = isIP(hostname);
  if (family === 0) resolve(hostname, options, callback);
  else callback(null, hostname, family);
};
