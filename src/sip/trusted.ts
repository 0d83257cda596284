/** Who is trusted: networks of the configuration, and hosts by name, which are looked up again and again. */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { type Clock, pause } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';

export interface Trusted {
  has(address: string): boolean;
  close(): void;
}

const LOOK_AGAIN_MS = 300_000;

/**
 * `networks`: addresses, or networks such as `192.0.2.0/24`; of IPv6 at least 64 bits wide, as sources are. `hosts`: names or addresses, of IPv6 in
 * brackets. Whoever opens it closes it.
 *
 * @param resolve gives all addresses of a name; rejects when there are none
 */
export function openTrusted(options: {
  readonly networks: readonly string[];
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}): Trusted {
  const { networks, clock, log, resolve = addressesOf } = options;
  const closing = new AbortController();
  const hosts = [...new Set(options.hosts.map((host) => host.replace(/^\[|\]$/g, '')))];
  const names = hosts.filter((host) => isIP(host) === 0);
  const fixed = [...networks, ...hosts.filter((host) => isIP(host) !== 0)];
  const found = new Map<string, readonly string[]>();
  let list = listOf(fixed);

  const look = async () => {
    await Promise.all(
      names.map(async (name) => {
        try {
          found.set(name, await resolve(name));
        } catch (thrown) {
          // It keeps the addresses that it had.
          log.warn({ host: name, error: reasonOf(thrown) }, 'SIP: a trunk is not found, and so not trusted');
        }
      }),
    );
    list = listOf([...fixed, ...[...found.values()].flat()]);
  };
  const keepLooking = async () => {
    do await look();
    while (await pause(clock, LOOK_AGAIN_MS, closing.signal));
  };
  if (names.length > 0) void keepLooking();

  return {
    has: (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'),
    close: () => closing.abort(),
  };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const isWide = isIPv6(address);
    // A source is 64 bits of an IPv6 address.
    const most = isWide ? 64 : 32;
    list.addSubnet(
      address,
      Math.min(most, bits === undefined ? most : Number(bits)),
      isWide ? 'ipv6' : 'ipv4',
    );
  }
  return list;
}
