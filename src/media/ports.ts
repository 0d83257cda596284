/**
 * Pairs of UDP ports for RTP and RTCP out of a configured range: even for RTP, the next one for RTCP (RFC 3550 §11).
 * Each worker has a share of the range to itself, so that they need not speak to each other.
 */
import { TonearmError } from '../errors.ts';
import type { RtpSocket, RtpSockets } from './rtp-sockets.ts';

/** Both ends belong to it. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** Two bound sockets. Whoever opened the pair closes it. */
export interface PortPair {
  /** The even port, of `rtp`; `rtcp` has the next one. */
  readonly port: number;
  readonly rtp: RtpSocket;
  readonly rtcp: RtpSocket;
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
export function createPortPairs(range: PortRange, sockets: RtpSockets): PortPairs {
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
        const pair = await bindPair(sockets, address, port).catch((error: unknown) => {
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
async function bindPair(
  sockets: RtpSockets,
  address: string,
  port: number,
): Promise<Pick<PortPair, 'rtp' | 'rtcp'> | undefined> {
  const rtp = await sockets.bind(address, port);
  if (rtp === undefined) return undefined;
  try {
    const rtcp = await sockets.bind(address, port + 1);
    if (rtcp !== undefined) return { rtp, rtcp };
  } catch (error) {
    rtp.close();
    throw error;
  }
  rtp.close();
  return undefined;
}
