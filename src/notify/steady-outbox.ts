/**
 * The outbox while its disk refuses: what cannot be written down is delivered all the same, from memory, in the same order and under the same
 * numbers and ids, and is written down when the disk takes it again. A process that is killed meanwhile has lost it.
 */
import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { NewNotification } from './outbox.ts';
import type { NextOfLane, PendingNotification, SqliteOutbox } from './sqlite-outbox.ts';

/** What the notifier does with an outbox. */
export interface SteadyOutbox
  extends Pick<
    SqliteOutbox,
    | 'lanes'
    | 'failed'
    | 'delivered'
    | 'gaveUp'
    | 'undelivered'
    | 'revive'
    | 'counts'
    | 'version'
    | 'bound'
    | 'sweep'
  > {
  /** Throws when too much waits for the disk already. */
  append(notification: NewNotification, now: number): void;
  next(lane: string): NextOfLane | undefined;
  head(lane: string): PendingNotification | undefined;
  /** Makes a last attempt to write what waits for the disk. */
  close(): void;
}

export interface SteadyOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How many steps may wait for the disk; default 20,000. */
  readonly most?: number;
}

const RETRY_MS = 5000;

/** Closing it leaves `file` open. */
export function steadyOutbox(file: SqliteOutbox, { clock, log, most = 20_000 }: SteadyOptions): SteadyOutbox {
  /** To be written, in this order; what is below stands in for them. */
  const unwritten: (() => void)[] = [];
  const settled = new Set<string>();
  const failed = new Map<
    string,
    Pick<PendingNotification, 'attempts' | 'firstAttemptAt' | 'nextAttemptAt'>
  >();
  const appended = new Map<string, PendingNotification[]>();
  let retry: Timer | undefined;

  /** Whether nothing waits any more. */
  const catchUp = (): boolean => {
    try {
      for (let step = unwritten[0]; step !== undefined; step = unwritten[0]) {
        step();
        unwritten.shift();
      }
    } catch {
      return false;
    }
    retry?.cancel();
    retry = undefined;
    for (const kept of [settled, failed, appended]) kept.clear();
    log.info({}, 'the outbox is written again');
    return true;
  };
  const retryLater = () => {
    retry = clock.after(RETRY_MS, () => {
      if (!catchUp()) retryLater();
    });
  };

  const write = (step: () => void, remember: () => void) => {
    if (unwritten.length === 0 || catchUp()) {
      try {
        return step();
      } catch (thrown) {
        log.error(
          { error: reasonOf(thrown) },
          'the outbox cannot be written: notifications go on from memory',
        );
        retryLater();
      }
    }
    if (unwritten.length >= most) throw new Error(`${most} steps wait for the disk already`);
    remember();
    unwritten.push(step);
  };

  const current = (notification: PendingNotification): PendingNotification => ({
    ...notification,
    ...failed.get(notification.id),
  });

  const settle = (id: string, step: () => void) => write(step, () => settled.add(id));

  const head = (lane: string): PendingNotification | undefined => {
    for (let next = file.head(lane); next !== undefined; next = file.head(lane, next.sequence))
      if (!settled.has(next.id)) return current(next);
    const next = appended.get(lane)?.find(({ id }) => !settled.has(id));
    return next && current(next);
  };

  return {
    append(notification, now) {
      const { lane, key } = notification;
      const id = randomUUID();
      const step = () => void file.append(notification, now, id);
      write(step, () => {
        const before = appended.get(lane) ?? [];
        if (before.some((one) => one.key === key) || file.knows(lane, key)) return;
        const sequence = Math.max(before.at(-1)?.sequence ?? 0, file.lastOf(lane)) + 1;
        const fresh = {
          attempts: 0,
          lastError: undefined,
          firstAttemptAt: undefined,
          nextAttemptAt: undefined,
        };
        const kept = { ...notification, id, sequence, createdAt: now, state: 'pending', ...fresh } as const;
        appended.set(lane, [...before, kept]);
      });
    },
    next(lane) {
      if (unwritten.length === 0) return file.next(lane);
      const first = head(lane);
      if (first === undefined) return undefined;
      const { id, target, applicationId, nextAttemptAt } = first;
      return { id, target, applicationId, nextAttemptAt };
    },
    head,
    failed(id, error, startedAt, nextAttemptAt) {
      const step = () => file.failed(id, error, startedAt, nextAttemptAt);
      write(step, () => {
        const { attempts = 0, firstAttemptAt = startedAt } = failed.get(id) ?? file.pending(id) ?? {};
        failed.set(id, { attempts: attempts + 1, firstAttemptAt, nextAttemptAt });
      });
    },
    delivered: (id, now) => settle(id, () => file.delivered(id, now)),
    gaveUp: (id, error, now) => settle(id, () => file.gaveUp(id, error, now)),
    lanes: () => file.lanes(),
    undelivered: (applicationId, page) => file.undelivered(applicationId, page),
    revive(applicationId, id) {
      if (unwritten.length > 0) catchUp();
      const lane = file.revive(applicationId, id);
      // That it was given up is written; what is not, behind it, keeps it here.
      if (lane !== undefined) for (const kept of [settled, failed]) kept.delete(id);
      return lane;
    },
    counts: () => file.counts(),
    version: () => file.version(),
    bound(most, now) {
      // What was delivered meanwhile is not to be given up.
      if (unwritten.length > 0 && !catchUp()) return { gaveUp: 0, forgotten: 0 };
      return file.bound(most, now);
    },
    sweep: (before) => file.sweep(before),
    close() {
      retry?.cancel();
      if (unwritten.length > 0 && !catchUp())
        log.error({ steps: unwritten.length }, 'the outbox ends without what its disk refused');
    },
  };
}
