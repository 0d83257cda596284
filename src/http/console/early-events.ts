/** What was seen of calls before they had their id: it waits for them for a moment. */
import type { Clock } from '../../clock.ts';
import type { Happened } from './traces.ts';

export interface EarlyEvents {
  has(key: string): boolean;
  /** Dropped when there is too much of it. */
  add(key: string, happened: Happened): void;
  /** In the order in which it happened, of all keys together; it is then no longer here. */
  take(keys: readonly string[]): readonly (Happened & { readonly at: number })[];
}

/** Calls become known within milliseconds; of what never becomes one, a flood must not cost memory. */
const MOST_CALLS = 64;
const MOST_EVENTS = 8;
const KEPT_MS = 10_000;

type Dated = Happened & { readonly at: number };

export function openEarlyEvents(clock: Clock): EarlyEvents {
  /** The oldest first. */
  const waiting = new Map<string, Dated[]>();

  const forget = () => {
    for (const [key, [first]] of waiting) {
      const isOld = first !== undefined && first.at < clock.now() - KEPT_MS;
      if (!isOld && waiting.size < MOST_CALLS) return;
      waiting.delete(key);
    }
  };

  return {
    has: (key) => waiting.has(key),
    add(key, happened) {
      let events = waiting.get(key);
      if (events === undefined) {
        forget();
        events = [];
        waiting.set(key, events);
      }
      if (events.length < MOST_EVENTS) events.push({ ...happened, at: happened.at ?? clock.now() });
    },
    take(keys) {
      const taken = keys.flatMap((key) => waiting.get(key) ?? []);
      for (const key of keys) waiting.delete(key);
      return taken.sort((a, b) => a.at - b.at);
    },
  };
}
