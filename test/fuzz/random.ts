/** Numbers that look random, and are the same ones for the same seed. */
export interface Random {
  /** From 0 to `below` − 1. */
  int(below: number): number;
  /** Whether it is one of so many times. */
  oneIn(times: number): boolean;
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Buffer;
  /** Mostly small, at times up to `most`: lengths and counts at which programs break. */
  length(most: number): number;
}

/** Mulberry32 (public domain, T. Ettinger): 32 bits of state are enough to choose mutations by. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const int = (below: number) => Math.floor((next() / 2 ** 32) * below);
  return {
    int,
    oneIn: (times) => int(times) === 0,
    pick(from) {
      const found = from[int(from.length)];
      if (found === undefined) throw new RangeError('nothing to pick from');
      return found;
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => int(256))),
    length: (most) => int(1 + Math.min(most, [4, 20, 300, most][int(4)] ?? most)),
  };
}

/** The seed of one case of a run: each can be made again without those before it. */
export function seedOfCase(seed: number, target: string, number: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${seed} ${target} ${number}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
