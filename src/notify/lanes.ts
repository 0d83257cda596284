/** Lanes: one task each while there is something to do, a timer while there will be, and nothing else: they may be many. */
import type { Clock, Timer } from '../clock.ts';

export interface Lanes {
  /** Has the lane looked at: at once, or when the task that it has comes to its end. */
  wake(name: string): void;
  /** Resolves when the lane has nothing more to do, or all are closed. */
  settled(name: string): Promise<void>;
  /** Resolves when the tasks that run have ended; those that rest are dropped. */
  close(): Promise<void>;
}

interface Lane {
  task: Promise<void> | undefined;
  rest: Timer | undefined;
  /** Since its task began. */
  isWoken: boolean;
  settled: PromiseWithResolvers<void> | undefined;
}

/** `run` does what there is to do, and tells in how many milliseconds there will be more; `undefined`: nothing is left. It never rejects. */
export function openLanes(clock: Clock, run: (name: string) => Promise<number | undefined>): Lanes {
  const lanes = new Map<string, Lane>();
  let isClosed = false;

  const work = async (name: string, lane: Lane) => {
    let restMs: number | undefined;
    do {
      lane.isWoken = false;
      restMs = await run(name);
    } while (lane.isWoken && !isClosed);
    lane.task = undefined;
    if (isClosed) return;
    if (restMs === undefined) {
      lanes.delete(name);
      lane.settled?.resolve();
    } else {
      lane.rest = clock.after(restMs, () => start(name, lane));
    }
  };

  const start = (name: string, lane: Lane) => {
    lane.rest = undefined;
    lane.task = work(name, lane);
  };

  return {
    wake(name) {
      if (isClosed) return;
      const known = lanes.get(name);
      const lane = known ?? { task: undefined, rest: undefined, isWoken: false, settled: undefined };
      lanes.set(name, lane);
      lane.isWoken = true;
      lane.rest?.cancel();
      if (known === undefined || lane.rest !== undefined) start(name, lane);
    },
    async settled(name) {
      const lane = lanes.get(name);
      if (lane !== undefined && !isClosed) await (lane.settled ??= Promise.withResolvers()).promise;
    },
    async close() {
      isClosed = true;
      for (const { rest } of lanes.values()) rest?.cancel();
      await Promise.all([...lanes.values()].map(({ task }) => task));
      for (const { settled } of lanes.values()) settled?.resolve();
    },
  };
}
