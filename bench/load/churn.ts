/** Callers who come and go: each call has a length of its own and ends in its own way, and another one follows it. */
import { once } from 'node:events';
import { pause, systemClock } from '../../src/clock.ts';
import type { Random } from '../hearing/sounds.ts';
import type { Caller, Callers } from './callers.ts';

export interface Churn {
  /** Hangs up on all; resolves, once they are down, with what came of it. */
  calm(): Promise<ChurnCounts>;
}

export interface ChurnCounts {
  readonly answered: number;
  /** Ended by the far end. */
  readonly hungUpOn: number;
  readonly refused: number;
  /** What the first few were refused with. */
  readonly refusals: readonly string[];
}

const SHORTEST_MS = 500;
const MEAN_MS = 30_000;
const LONGEST_MS = 90_000;
/** Set up in a second at first; later as calls end. */
const FIRST_PER_SECOND = 25;
/** Of calls: in the end the caller says nothing more and waits for the far end. */
const SHARE_WAITING = 0.2;
const PATIENCE_MS = 20_000;

/** Keeps so many calls up. */
export function startChurn(callers: Callers, calls: number, random: Random): Churn {
  const calming = new AbortController();
  const { signal } = calming;
  const counts = { answered: 0, hungUpOn: 0, refused: 0, refusals: [] as string[] };

  const keepCalling = async (place: number) => {
    await pause(systemClock, (place * 1000) / FIRST_PER_SECOND, signal);
    while (!signal.aborted) {
      const caller = await callers.place();
      if (typeof caller === 'string') {
        counts.refused++;
        if (counts.refusals.length < 5) counts.refusals.push(caller);
        await pause(systemClock, 1000, signal);
        continue;
      }
      counts.answered++;
      await live(caller);
      caller.stream.close();
      await pause(systemClock, random() * 500, signal);
    }
  };

  const live = async ({ dialog, stream }: Caller) => {
    const over = AbortSignal.any([dialog.ended, signal]);
    let leftMs = Math.min(LONGEST_MS, SHORTEST_MS - Math.log(1 - random()) * MEAN_MS);
    while (!over.aborted && leftMs > 0) {
      const stepMs = Math.min(leftMs, 500 + random() * 4000);
      await pause(systemClock, stepMs, over);
      leftMs -= stepMs;
      if (random() < 0.2) await Promise.race([stream.press(), once(over, 'abort')]);
      else stream.hush(random() < 0.3);
    }
    if (random() < SHARE_WAITING) {
      stream.hush(true);
      await pause(systemClock, PATIENCE_MS, over);
    }
    if (dialog.ended.aborted) counts.hungUpOn++;
    else await dialog.bye();
  };

  const places = Array.from({ length: calls }, (_, place) => keepCalling(place));
  return {
    async calm() {
      calming.abort();
      await Promise.all(places);
      return counts;
    },
  };
}
