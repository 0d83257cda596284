/**
 * Delivers the outbox: one task a lane, alive only while the lane has something to deliver now. Retries follow retry-schedule.ts.
 */
import { lookup } from 'node:dns/promises';
import type { Clock, Timer } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { Connections } from '../outbound/connections.ts';
import { maskedUrl } from '../outbound/masked-url.ts';
import { type Resolve, sharedResolve } from '../outbound/request.ts';
import { type Attempt, type DeliveryOptions, deliver } from './delivery.ts';
import { openLanes } from './lanes.ts';
import type { Notifier, StoredNotification } from './outbox.ts';
import { defaultSchedule, pauseAfter, type RetrySchedule } from './retry-schedule.ts';
import type { Bounds, NextOfLane, PendingNotification, SqliteOutbox } from './sqlite-outbox.ts';
import { steadyOutbox } from './steady-outbox.ts';
import { openTurns } from './turns.ts';

export interface NotifierOptions {
  /** Stays open when the notifier closes: whoever opened it closes it. */
  readonly outbox: SqliteOutbox;
  readonly authorize: DeliveryOptions['authorize'];
  readonly callbacks: DeliveryOptions['callbacks'];
  readonly callbackOf: DeliveryOptions['callbackOf'];
  readonly clock: Clock;
  readonly log: Log;
  readonly schedule?: Partial<RetrySchedule>;
  /** Makes one attempt; default: over HTTP. Tests pass one without a network. */
  readonly deliver?: typeof deliver;
  /** Told of each attempt when it is over, before the next one of its lane. Must not throw. */
  readonly onAttempt?: ((made: AttemptMade) => void) | undefined;
  /** Default 10,000. */
  readonly attemptTimeoutMs?: number;
  /** Attempts at one time to one application at one origin; default 64. */
  readonly concurrencyPerTarget?: number;
  /** Attempts at one time to one application, wherever; default 256. */
  readonly concurrencyPerApplication?: number;
  /** How long a delivered one is remembered, so that its key is known when it is appended again; default 24 h. */
  readonly keepDeliveredMs?: number;
  /** How long an undelivered one can be listed and sent again; default 7 days. */
  readonly keepUndeliveredMs?: number;
  /** How many of one application may wait (default 50,000), and be undelivered (100,000): the oldest go to make room. */
  readonly most?: Bounds;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
  /** 0 ≤ random < 1; default Math.random. */
  readonly random?: () => number;
}

/** One attempt, as it ended. */
export interface AttemptMade {
  readonly notification: StoredNotification;
  /** Counts from 1. */
  readonly attempt: number;
  /** The bot's answer; `undefined`: there was none. */
  readonly status: number | undefined;
  /** `undefined`: it was received. */
  readonly error: string | undefined;
  readonly ms: number;
  /** `undefined`: there will be no other. */
  readonly nextAttemptInMs: number | undefined;
}

/** What is not broken off. */
type Settled = Exclude<Attempt, { outcome: 'aborted' }>;

const DAY = 86_400_000;
const SWEEP_EVERY_MS = 60_000;
/** The command line may have revived some. */
const LOOK_EVERY_MS = 2000;
const MOST: Bounds = { pending: 50_000, undelivered: 100_000 };
/** A lane that was not used for so long may count from 1 again. */
const KEEP_LANES_MS = 30 * DAY;

/** Takes up, at once, whatever an earlier process left pending, each where its retries stood. */
export function startNotifier(options: NotifierOptions): Notifier {
  const { clock, log } = options;
  const outbox = steadyOutbox(options.outbox, { clock, log });
  const schedule = { ...defaultSchedule, ...options.schedule };
  const connections = new Connections();
  const delivery = {
    ...options,
    connections,
    resolve: sharedResolve(options.resolve ?? ((host) => lookup(host, { all: true }))),
    attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000,
  };
  const random = options.random ?? Math.random;
  const closing = new AbortController();
  const perTarget = openTurns(options.concurrencyPerTarget ?? 64, closing.signal);
  const perApplication = openTurns(options.concurrencyPerApplication ?? 256, closing.signal);
  let sweeping: Timer | undefined;
  let looking: Timer | undefined;
  let version: number | undefined;

  /** What is due of a lane; gives the pause until the next is. */
  const deliverDue = async (lane: string): Promise<number | undefined> => {
    for (let next = outbox.next(lane); next !== undefined; next = outbox.next(lane)) {
      const waitMs = (next.nextAttemptAt ?? 0) - clock.now();
      if (waitMs > 0) return waitMs;
      const leave = await takeTurn(next);
      if (leave === undefined) return undefined;
      try {
        if (!(await attempt(lane, next))) return undefined;
      } finally {
        leave();
      }
    }
    return undefined;
  };

  const lanes = openLanes(clock, (lane) =>
    deliverDue(lane).catch((thrown: unknown) => {
      log.error({ lane, error: reasonOf(thrown) }, 'the outbox failed: its lane waits a little');
      return schedule.longestPauseMs;
    }),
  );

  /** A turn at its target, and then one of its application. */
  const takeTurn = async ({ applicationId, target }: NextOfLane) => {
    // Bots behind one gateway do not wait for each other.
    const leaveTarget = await perTarget.take(`${applicationId} ${URL.parse(target)?.origin}`);
    if (leaveTarget === undefined) return undefined;
    const leaveApplication = await perApplication.take(applicationId);
    if (leaveApplication === undefined) return leaveTarget();
    return () => {
      leaveApplication();
      leaveTarget();
    };
  };

  /** Only now is it read whole: of those that wait nothing is in memory. `false` when it was broken off. */
  const attempt = async (lane: string, next: NextOfLane): Promise<boolean> => {
    const notification = outbox.head(lane);
    // Meanwhile another may have been revived, or this one given up.
    if (notification?.id !== next.id) return true;
    const startedAt = clock.now();
    const outcome = await (options.deliver ?? deliver)(notification, delivery, closing.signal);
    if (outcome.outcome === 'aborted') return false;
    settle(notification, outcome, startedAt);
    return true;
  };

  const settle = (notification: PendingNotification, attempt: Settled, startedAt: number) => {
    const now = clock.now();
    const nextAttemptInMs = note(notification, attempt, startedAt, now);
    const received = attempt.outcome === 'received';
    options.onAttempt?.({
      notification,
      attempt: notification.attempts + 1,
      status: attempt.outcome === 'refused' ? undefined : attempt.status,
      error: received ? undefined : attempt.error,
      ms: now - startedAt,
      nextAttemptInMs,
    });
  };

  /** Gives the pause before the next attempt, when there is to be one. */
  const note = (
    notification: PendingNotification,
    attempt: Settled,
    startedAt: number,
    now: number,
  ): number | undefined => {
    if (attempt.outcome === 'received') {
      outbox.delivered(notification.id, now);
      return undefined;
    }
    const attempts = notification.attempts + 1;
    const pauseMs =
      attempt.outcome === 'refused'
        ? undefined
        : pauseAfter(
            {
              attempts,
              firstAttemptAt: notification.firstAttemptAt ?? startedAt,
              now,
              retryAfterMs: attempt.retryAfterMs,
              random: random(),
            },
            schedule,
          );
    const what = {
      lane: notification.lane,
      notification: notification.id,
      sequence: notification.sequence,
      target: maskedUrl(notification.target),
      attempts,
      error: attempt.error,
    };
    if (pauseMs === undefined) {
      outbox.gaveUp(notification.id, attempt.error, now);
      log.error(what, 'a notification is undelivered: given up, the ones after it go on');
    } else {
      outbox.failed(notification.id, attempt.error, startedAt, now + pauseMs);
      log.warn({ ...what, nextAttemptInMs: pauseMs }, 'a notification was not received: it is tried again');
    }
    return pauseMs;
  };

  const bound = (now: number) => {
    const { gaveUp, forgotten } = outbox.bound(options.most ?? MOST, now);
    if (gaveUp > 0)
      log.error({ notifications: gaveUp }, 'too many notifications wait: the oldest are undelivered');
    if (forgotten > 0)
      log.error({ notifications: forgotten }, 'too many notifications are undelivered: the oldest are lost');
  };

  const look = () => {
    looking = clock.after(LOOK_EVERY_MS, look);
    try {
      const now = outbox.version();
      if (version !== undefined && version !== now) for (const lane of outbox.lanes()) lanes.wake(lane);
      version = now;
    } catch (thrown) {
      log.error({ error: reasonOf(thrown) }, 'the outbox could not be looked at');
    }
  };

  const sweep = () => {
    const now = clock.now();
    try {
      outbox.sweep({
        delivered: now - (options.keepDeliveredMs ?? DAY),
        undelivered: now - (options.keepUndeliveredMs ?? 7 * DAY),
        lanes: now - KEEP_LANES_MS,
      });
      bound(now);
    } catch (thrown) {
      log.error({ error: reasonOf(thrown) }, 'the outbox could not be swept');
    }
    sweeping = clock.after(SWEEP_EVERY_MS, sweep);
  };

  // Not at once: what an earlier process may not have noted as told is told again first, and known by its key.
  sweeping = clock.after(SWEEP_EVERY_MS, sweep);
  look();
  for (const lane of outbox.lanes()) lanes.wake(lane);

  return {
    async append(notification) {
      try {
        outbox.append(notification, clock.now());
      } catch (cause) {
        throw new TonearmError('outboxFailed', `a notification could not be kept: ${reasonOf(cause)}`, {
          cause,
        });
      }
      lanes.wake(notification.lane);
    },
    isDurable: () => outbox.isWritten(),
    async undelivered(applicationId, page) {
      return outbox.undelivered(applicationId, page);
    },
    async resend(applicationId, id) {
      const lane = outbox.revive(applicationId, id);
      if (lane !== undefined) lanes.wake(lane);
      return lane !== undefined;
    },
    counts: () => outbox.counts(),
    settled: lanes.settled,
    async close() {
      closing.abort();
      sweeping?.cancel();
      looking?.cancel();
      await lanes.close();
      connections.close();
      outbox.close();
    },
  };
}
