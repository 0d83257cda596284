import type { Peer, TransportHandler } from './transport.ts';

/** A connection that a peer opened. */
export interface OpenConnection {
  readonly peer: Pick<Peer, 'address'>;
  /** Of one clock, monotonic: when the peer last said something, or the connection began. */
  readonly heardAt: number;
  /** Closes at once, whatever is under way. */
  destroy(): void;
}

/**
 * Whether a connection from there is to be taken beside those that are open, of which there may be `most`. When there are, whoever
 * holds the most gives up the one that has been silent for longest.
 */
export function makeRoom(
  connections: Iterable<OpenConnection>,
  most: number,
  address: string,
  handler: Pick<TransportHandler, 'mayConnect' | 'isTrusted'>,
): boolean {
  const bySource = Map.groupBy(connections, ({ peer }) => peer.address);
  const open = bySource.get(address)?.length ?? 0;
  if (!handler.mayConnect(address, open)) return false;
  const inAll = [...bySource.values()].reduce((sum, { length }) => sum + length, 0);
  if (inAll < most) return true;
  const [largest = []] = [...bySource]
    .filter(([source]) => !handler.isTrusted(source))
    .map(([, held]) => held)
    .sort((a, b) => b.length - a.length);
  if (largest.length <= (handler.isTrusted(address) ? 0 : open + 1)) return false;
  largest.reduce((first, one) => (one.heardAt < first.heardAt ? one : first)).destroy();
  return true;
}
