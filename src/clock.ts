/**
 * Time as a value that is passed in, so that tests can turn it by hand.
 * Level 0: everything may import it.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds on a clock that never jumps; only differences mean anything. */
  monotonic(): number;
  /** Runs `action` once, `delayMs` from now. The timer never keeps the process alive by itself. */
  after(delayMs: number, action: () => void): Timer;
}

export interface Timer {
  /** Does nothing when the timer has already fired. */
  cancel(): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, action) {
    const handle = setTimeout(action, delayMs).unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves `true` after `delayMs`, or `false` as soon as `signal` aborts. Never rejects. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const onAbort = () => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve(true);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
