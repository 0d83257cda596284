/** Turns: so many at a time for each name, the others wait in the order they came. */
export interface Turns {
  /** Resolves with a function that ends the turn, or `undefined` when `signal` aborted first. */
  take(name: string, signal: AbortSignal): Promise<(() => void) | undefined>;
}

interface Desk {
  taken: number;
  readonly waiting: Set<() => void>;
}

export function openTurns(atATime: number): Turns {
  const desks = new Map<string, Desk>();

  return {
    take(name, signal) {
      if (signal.aborted) return Promise.resolve(undefined);
      const desk = desks.get(name) ?? { taken: 0, waiting: new Set() };
      desks.set(name, desk);
      const leave = () => {
        const [next] = desk.waiting;
        if (next !== undefined) return next();
        if (--desk.taken === 0) desks.delete(name);
      };
      if (desk.taken < atATime) {
        desk.taken++;
        return Promise.resolve(leave);
      }
      return new Promise((resolve) => {
        const enter = () => {
          desk.waiting.delete(enter);
          signal.removeEventListener('abort', giveUp);
          resolve(leave);
        };
        const giveUp = () => {
          desk.waiting.delete(enter);
          resolve(undefined);
        };
        desk.waiting.add(enter);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}
