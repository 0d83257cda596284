/**
 * Delivers the outbox: one task a lane, alive only while the lane has something pending. Retries follow retry-schedule.ts.
 */
import { type Clock, pause, type Timer } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Attempt, type DeliveryOptions, deliver } from './delivery.ts';
import type { Notifier } from './outbox.ts';
import { defaultSchedule, pauseAfter, type RetrySchedule } from './retry-schedule.ts';
import type { PendingNotification, SqliteOutbox } from './sqlite-outbox.ts';
import { steadyOutbox } from './steady-outbox.ts';
import { openTurns } from './turns.ts';

export interface NotifierOptions {
  /** Stays open when the notifier closes: whoever opened it closes it. */
  readonly outbox: SqliteOutbox;
  readonly authorize: DeliveryOptions['authorize'];
  readonly allowHttp: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly schedule?: Partial<RetrySchedule>;
  /** Default 10,000. */
  readonly attemptTimeoutMs?: number;
  /** Attempts at one time to one application at one origin; default 64. */
  readonly concurrencyPerTarget?: number;
  /** How long a delivered one is remembered, so that its key is known when it is appended again; default 24 h. */
  readonly keepDeliveredMs?: number;
  /** How long an undelivered one can be listed and sent again; default 7 days. */
  readonly keepUndeliveredMs?: number;
  /** 0 ≤ random < 1; default Math.random. */
  readonly random?: () => number;
}

const DAY = 86_400_000;
const SWEEP_EVERY_MS = 60_000;
/** A lane that was not used for so long may count from 1 again. */
const KEEP_LANES_MS = 30 * DAY;

/** Takes up, at once, whatever an earlier process left pending, each where its retries stood. */
export function startNotifier(options: NotifierOptions): Notifier {
  const { clock, log } = options;
  const outbox = steadyOutbox(options.outbox, options);
  const schedule = { ...defaultSchedule, ...options.schedule };
  const delivery = { ...options, attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000 };
  const random = options.random ?? Math.random;
  const turns = openTurns(options.concurrencyPerTarget ?? 64);
  const closing = new AbortController();
  const running = new Map<string, Promise<void>>();
  let sweeping: Timer | undefined;

  const wake = (lane: string) => {
    if (closing.signal.aborted || running.has(lane)) return;
    running.set(lane, runLane(lane));
  };

  const runLane = async (lane: string) => {
    // The first step is put off so that `running` holds this task before it can end.
    await Promise.resolve();
    while (!closing.signal.aborted) {
      try {
        return await deliverAll(lane);
      } catch (thrown) {
        log.error({ lane, error: reasonOf(thrown) }, 'the outbox failed: its lane waits a little');
        await pause(clock, schedule.longestPauseMs, closing.signal);
      }
    }
  };

  /** Until nothing of the lane is pending, or the notifier closes. Throws what the outbox throws. */
  const deliverAll = async (lane: string) => {
    for (let next = outbox.head(lane); next !== undefined; next = outbox.head(lane)) {
      const waitMs = (next.nextAttemptAt ?? 0) - clock.now();
      if (waitMs > 0) await pause(clock, waitMs, closing.signal);
      const leave = await turns.take(nameOf(next), closing.signal);
      if (leave === undefined) return;
      const startedAt = clock.now();
      const attempt = await deliver(next, delivery, closing.signal).finally(leave);
      if (attempt.outcome === 'aborted') return;
      settle(next, attempt, startedAt);
    }
    // In the same step as the look that found nothing: what is appended from here on wakes the lane anew.
    running.delete(lane);
  };

  const settle = (
    notification: PendingNotification,
    attempt: Exclude<Attempt, { outcome: 'aborted' }>,
    startedAt: number,
  ) => {
    const now = clock.now();
    if (attempt.outcome === 'received') return outbox.delivered(notification.id, now);
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
      target: withoutQuery(notification.target),
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
  };

  const sweep = () => {
    const now = clock.now();
    try {
      outbox.sweep({
        delivered: now - (options.keepDeliveredMs ?? DAY),
        undelivered: now - (options.keepUndeliveredMs ?? 7 * DAY),
        lanes: now - KEEP_LANES_MS,
      });
    } catch (thrown) {
      log.error({ error: reasonOf(thrown) }, 'the outbox could not be swept');
    }
    sweeping = clock.after(SWEEP_EVERY_MS, sweep);
  };

  // Not at once: what an earlier process may not have noted as told is told again first, and known by its key.
  sweeping = clock.after(SWEEP_EVERY_MS, sweep);
  for (const lane of outbox.lanes()) wake(lane);

  return {
    async append(notification) {
      try {
        outbox.append(notification, clock.now());
      } catch (cause) {
        throw new TonearmError('outboxFailed', `a notification could not be kept: ${reasonOf(cause)}`, {
          cause,
        });
      }
      wake(notification.lane);
    },
    async undelivered(applicationId) {
      return outbox.undelivered(applicationId);
    },
    async resend(id) {
      const lane = outbox.revive(id);
      if (lane !== undefined) wake(lane);
      return lane !== undefined;
    },
    async settled(lane) {
      await running.get(lane);
    },
    async close() {
      closing.abort();
      sweeping?.cancel();
      await Promise.all(running.values());
      outbox.close();
    },
  };
}

/** Bots behind one gateway do not wait for each other. */
function nameOf(notification: PendingNotification): string {
  return `${notification.applicationId} ${URL.parse(notification.target)?.origin}`;
}

/** For the log: the query of a callback may be a secret. */
function withoutQuery(target: string): string {
  const url = URL.parse(target);
  return url === null ? 'not a URL' : `${url.origin}${url.pathname}`;
}
