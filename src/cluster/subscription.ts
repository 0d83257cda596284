/**
 * One consumer of facts: a queue with a promise for each fact that it was taken. Hand-written rather than a generator,
 * because a subscription counts from the call of `events`, not from the first `next`.
 */
export interface Subscription<Fact> {
  /** Resolves when the consumer has taken the fact, or will never take any more. */
  offer(fact: Fact): Promise<void>;
  readonly facts: AsyncIterable<Fact>;
}

interface Offered<Fact> {
  readonly fact: Fact;
  readonly taken: () => void;
}

/** Ends when `signal` aborts or the consumer leaves its loop; `onEnd` is then called once. */
export function subscribe<Fact>(signal: AbortSignal, onEnd: () => void): Subscription<Fact> {
  const waiting: Offered<Fact>[] = [];
  let inHand: Offered<Fact> | undefined;
  let wake: ((result: IteratorResult<Fact>) => void) | undefined;
  let ended = signal.aborted;

  const end = () => {
    if (ended) return;
    ended = true;
    signal.removeEventListener('abort', end);
    onEnd();
    inHand?.taken();
    for (const { taken } of waiting.splice(0)) taken();
    wake?.({ done: true, value: undefined });
  };
  signal.addEventListener('abort', end, { once: true });

  const iterator: AsyncIterator<Fact> = {
    next() {
      inHand?.taken();
      inHand = waiting.shift();
      if (inHand !== undefined) return Promise.resolve({ done: false, value: inHand.fact });
      if (ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => {
        wake = resolve;
      });
    },
    return() {
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
  };

  return {
    facts: { [Symbol.asyncIterator]: () => iterator },
    offer(fact) {
      if (ended) return Promise.resolve();
      return new Promise((taken) => {
        const offered = { fact, taken };
        if (wake === undefined) {
          waiting.push(offered);
        } else {
          inHand = offered;
          const resolve = wake;
          wake = undefined;
          resolve({ done: false, value: fact });
        }
      });
    },
  };
}
