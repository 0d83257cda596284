/** Turns: so many at a time for each name, the others wait in the order they came. */
export interface Turns {
  /** Resolves with a function that ends the turn, or `undefined` when the signal of all turns has aborted. */
  take(name: string): Promise<(() => void) | undefined>;
}

interface Desk {
  taken: number;
  readonly waiting: Set<(mayEnter: boolean) => void>;
}

/** One signal for all: those that wait may be many, and a listener for each would make each next one slower. */
export function openTurns(atATime: number, signal: AbortSignal): Turns {
  const desks = new Map<string, Desk>();
  const sendAway = () => {
    for (const { waiting } of desks.values()) for (const enter of waiting) enter(false);
  };
  signal.addEventListener('abort', sendAway, { once: true });

  return {
    take(name) {
      if (signal.aborted) return Promise.resolve(undefined);
      const desk = desks.get(name) ?? { taken: 0, waiting: new Set() };
      desks.set(name, desk);
      const leave = () => {
        const [next] = desk.waiting;
        if (next !== undefined) return next(true);
        if (--desk.taken === 0) desks.delete(name);
      };
      if (desk.taken < atATime) {
        desk.taken++;
        return Promise.resolve(leave);
      }
      return new Promise((resolve) => {
        const enter = (mayEnter: boolean) => {
          desk.waiting.delete(enter);
          resolve(mayEnter ? leave : undefined);
        };
        desk.waiting.add(enter);
      });
    },
  };
}
