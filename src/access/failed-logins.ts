import type { Clock } from '../clock.ts';
import { networkOf } from '../network-of.ts';

/** Counts logins that failed, by where they came from (of IPv6, the network of 64 bits): whoever guesses is made to wait. Bounded, whoever comes. */
export interface FailedLogins {
  /** Seconds until `address` may try again; 0: now. */
  waitFor(address: string): number;
  failed(address: string): void;
}

const WINDOW_MS = 60_000;
const MOST_FAILURES = 30;
const MOST_NETWORKS = 10_000;

export function createFailedLogins(clock: Clock): FailedLogins {
  const byNetwork = new Map<string, { readonly since: number; failures: number }>();
  const recent = (network: string) => {
    const seen = byNetwork.get(network);
    return seen !== undefined && seen.since + WINDOW_MS > clock.now() ? seen : undefined;
  };
  return {
    waitFor(address) {
      const seen = recent(networkOf(address));
      if (seen === undefined || seen.failures < MOST_FAILURES) return 0;
      return Math.ceil((seen.since + WINDOW_MS - clock.now()) / 1000);
    },
    failed(address) {
      const network = networkOf(address);
      const seen = recent(network) ?? { since: clock.now(), failures: 0 };
      seen.failures++;
      // Deleted first, so that the order of the map is that of the last failure.
      byNetwork.delete(network);
      byNetwork.set(network, seen);
      if (byNetwork.size > MOST_NETWORKS) byNetwork.delete(byNetwork.keys().next().value ?? '');
    },
  };
}
