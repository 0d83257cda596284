/**
 * When a notification is tried again.
 *
 * The pause after the n-th failed attempt is `firstPauseMs` · 2^(n-1), at most `longestPauseMs`, then jittered by ±20 %; by default
 * about 1, 2, 4, 8, 16, 32, 60, 60 … seconds. A `Retry-After` of the bot makes it longer, never shorter. `retryForMs` after the first attempt
 * (default one hour, restarts included) the last attempt is made: a pause that would reach beyond that moment ends at it, and
 * a failure at or after it is final. So a notification is always tried again after a restart, however long that took.
 */
export interface RetrySchedule {
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** Share of the pause by which it varies to either side, 0–1. */
  readonly jitter: number;
  readonly retryForMs: number;
}

export const defaultSchedule: RetrySchedule = {
  firstPauseMs: 1000,
  longestPauseMs: 60_000,
  jitter: 0.2,
  retryForMs: 3_600_000,
};

export interface FailedAttempt {
  /** How many attempts have failed, this one included: 1 or more. */
  readonly attempts: number;
  readonly firstAttemptAt: number;
  /** When this attempt had failed. */
  readonly now: number;
  /** What the bot asked for; 0 when it asked for nothing. */
  readonly retryAfterMs: number;
  /** 0 ≤ random < 1. */
  readonly random: number;
}

/** The pause before the next attempt in milliseconds, or `undefined` to give up. */
export function pauseAfter(attempt: FailedAttempt, schedule: RetrySchedule): number | undefined {
  const left = attempt.firstAttemptAt + schedule.retryForMs - attempt.now;
  if (left <= 0) return undefined;
  const grown = Math.min(schedule.firstPauseMs * 2 ** (attempt.attempts - 1), schedule.longestPauseMs);
  const jittered = grown * (1 + schedule.jitter * (2 * attempt.random - 1));
  return Math.ceil(Math.min(Math.max(jittered, attempt.retryAfterMs), left));
}

/** Retry-After (RFC 9110 §10.2.3), seconds or a date, in milliseconds from `now`; 0 for none and for nonsense. */
export function retryAfterMs(value: string | null, now: number): number {
  if (value === null) return 0;
  if (/^\s*\d{1,9}\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
