/**
 * Which samples of a timeline have arrived: a short sorted list of stretches, kept in fixed arrays so that a packet costs no memory.
 */

/** More stretches than any packet time, loss and reordering leave open at once; a sender of crumbs loses the rest. */
const MOST_STRETCHES = 32;

export interface Coverage {
  /** End of the last stretch, 0 when there is none. */
  readonly furthest: number;
  /** Adds `[start, end)`, joined with what it touches. `false` when it was refused: too many stretches. */
  add(start: number, end: number): boolean;
  /** End of what has arrived without a hole from `position` on: `position` itself when it is in a hole. */
  reach(position: number): number;
  /** Start of the first stretch after `position`, `Infinity` when there is none. */
  next(position: number): number;
  /** Forgets stretches that end at or before `position`. */
  forget(position: number): void;
}

export function createCoverage(): Coverage {
  const starts = new Float64Array(MOST_STRETCHES);
  const ends = new Float64Array(MOST_STRETCHES);
  let count = 0;

  const replace = (index: number, removed: number, start: number, end: number) => {
    starts.copyWithin(index + 1, index + removed, count);
    ends.copyWithin(index + 1, index + removed, count);
    starts[index] = start;
    ends[index] = end;
    count += 1 - removed;
  };

  return {
    get furthest() {
      return count === 0 ? 0 : ends[count - 1]!;
    },
    add(start, end) {
      if (count > 0 && ends[count - 1] === start) {
        ends[count - 1] = end;
        return true;
      }
      let first = 0;
      while (first < count && ends[first]! < start) first++;
      let after = first;
      while (after < count && starts[after]! <= end) after++;
      if (after === first) {
        if (count === MOST_STRETCHES) return false;
        replace(first, 0, start, end);
      } else {
        replace(first, after - first, Math.min(start, starts[first]!), Math.max(end, ends[after - 1]!));
      }
      return true;
    },
    reach(position) {
      for (let index = 0; index < count && starts[index]! <= position; index++) {
        if (position < ends[index]!) return ends[index]!;
      }
      return position;
    },
    next(position) {
      for (let index = 0; index < count; index++) if (starts[index]! > position) return starts[index]!;
      return Infinity;
    },
    forget(position) {
      let gone = 0;
      while (gone < count && ends[gone]! <= position) gone++;
      if (gone === 0) return;
      starts.copyWithin(0, gone, count);
      ends.copyWithin(0, gone, count);
      count -= gone;
    },
  };
}
