/** From what happens to calls to what bots are told: every fact is spelled, and in the outbox before the next one is taken. */
import type { Command, Fact, Reply } from './call/model.ts';
import { type Clock, pause } from './clock.ts';
import type { Cluster } from './cluster/cluster.ts';
import { reasonOf } from './errors.ts';
import { spellFact } from './graph/notifications.ts';
import type { Log } from './log.ts';
import type { Notifier } from './notify/outbox.ts';

export interface Telling {
  /** Resolves when all that was told has been received, or after `limitMs`. */
  settled(limitMs: number): Promise<void>;
  /** Takes no more facts. Resolves when the last one is in the outbox. */
  stop(): Promise<void>;
}

/** Tells from here on. Whoever began it stops it, before the notifier is closed. */
export function tellBots(parts: {
  readonly cluster: Cluster<Command, Reply, Fact>;
  readonly notifier: Pick<Notifier, 'append' | 'settled'>;
  readonly clock: Clock;
  readonly log: Log;
}): Telling {
  const { cluster, notifier, clock, log } = parts;
  const stopping = new AbortController();
  /** Of calls whose bots may still have something to receive. */
  const lanes = new Set<string>();

  const told = (async () => {
    for await (const fact of cluster.events(stopping.signal)) {
      const notification = spellFact(fact);
      if (notification === undefined) continue;
      const { lane } = notification;
      lanes.add(lane);
      await notifier
        .append(notification)
        .catch((thrown) =>
          log.error({ callId: lane, error: reasonOf(thrown) }, 'a notification could not be kept'),
        );
      // Only now: a lane with nothing in it is settled already.
      if (fact.kind === 'call' && fact.change === 'deleted')
        void notifier.settled(lane).then(() => lanes.delete(lane));
    }
  })();

  return {
    async settled(limitMs) {
      const done = new AbortController();
      const all = Promise.all([...lanes].map((lane) => notifier.settled(lane))).then(() => done.abort());
      await Promise.race([all, pause(clock, limitMs, done.signal)]);
    },
    async stop() {
      stopping.abort();
      await told;
    },
  };
}
