import type { Clock } from '../clock.ts';

/** Counts logins that failed, by where they came from: whoever guesses is made to wait. Bounded, whoever comes. */
export interface FailedLogins {
  /** Seconds until `address` may try again; 0: now. */
  waitFor(address: string): number;
  failed(address: string): void;
}

const WINDOW_MS = 60_000;
const MOST_FAILURES = 30;
const MOST_ADDRESSES = 10_000;

export function createFailedLogins(clock: Clock): FailedLogins {
  const byAddress = new Map<string, { readonly since: number; failures: number }>();
  const recent = (address: string) => {
    const seen = byAddress.get(address);
    return seen !== undefined && seen.since + WINDOW_MS > clock.now() ? seen : undefined;
  };
  return {
    waitFor(address) {
      const seen = recent(address);
      if (seen === undefined || seen.failures < MOST_FAILURES) return 0;
      return Math.ceil((seen.since + WINDOW_MS - clock.now()) / 1000);
    },
    failed(address) {
      const seen = recent(address) ?? { since: clock.now(), failures: 0 };
      seen.failures++;
      // Deleted first, so that the order of the map is that of the last failure.
      byAddress.delete(address);
      byAddress.set(address, seen);
      if (byAddress.size > MOST_ADDRESSES) byAddress.delete(byAddress.keys().next().value ?? '');
    },
  };
}
