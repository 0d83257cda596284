/** The timers of RFC 3261 §17 (table 4) and RFC 6026 §7.1. */

export interface TimerValues {
  /** Round-trip estimate; default 500. */
  readonly t1Ms: number;
  /** Longest pause between retransmissions; default 4000. */
  readonly t2Ms: number;
  /** Longest life of a message in the network; default 5000. */
  readonly t4Ms: number;
}

export const DEFAULT_TIMERS: TimerValues = { t1Ms: 500, t2Ms: 4000, t4Ms: 5000 };

/** By their letters; P is the time until 100 Trying, which has none. */
export type TimerName = 'A' | 'B' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M' | 'P';

/** RFC 3261 §17.1.1.2: at least 32 s over an unreliable transport. */
const TIMER_D_MS = 32_000;

/** RFC 3261 §17.2.1. */
const TRYING_MS = 200;

export interface TimerSituation {
  readonly reliable: boolean;
  /** How often this timer has fired before. */
  readonly fired: number;
  /** Non-INVITE client: a provisional response came, so retransmissions are T2 apart (§17.1.2.2). */
  readonly proceeding: boolean;
}

/** Milliseconds until a timer fires; `undefined`: it is not used over this transport. */
export function timerMs(
  name: TimerName,
  { reliable, fired, proceeding }: TimerSituation,
  values: TimerValues,
): number | undefined {
  const { t1Ms, t2Ms, t4Ms } = values;
  switch (name) {
    case 'A':
      return reliable ? undefined : t1Ms * 2 ** fired;
    case 'E':
      return reliable ? undefined : proceeding ? t2Ms : Math.min(t1Ms * 2 ** fired, t2Ms);
    case 'G':
      return reliable ? undefined : Math.min(t1Ms * 2 ** fired, t2Ms);
    case 'P':
      return TRYING_MS;
    case 'D':
      return reliable ? 0 : TIMER_D_MS;
    case 'I':
    case 'K':
      return reliable ? 0 : t4Ms;
    case 'J':
      return reliable ? 0 : 64 * t1Ms;
    case 'B':
    case 'F':
    case 'H':
    case 'L':
    case 'M':
      return 64 * t1Ms;
  }
}
