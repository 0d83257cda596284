/**
 * Which samples of a timeline have arrived: a short sorted list of stretches, kept in fixed arrays so that a packet costs no memory.
 */

/** More stretches than any packet time, loss and reordering leave open at once; a sender of crumbs loses the rest. */
const MOST_STRETCHES = 32;

export interface Coverage {
  /** End of the last stretch that arrived, 0 when nothing did. */
  readonly furthest: number;
  /** Adds `[start, end)`, joined with what it touches. `false` when it was refused: too many stretches. */
  add(start: number, end: number): boolean;
  /** End of what has arrived without a hole from `position` on: `position` itself when it is in a hole. */
  reach(position: number): number;
  /** Start of the first stretch after `position`, `Infinity` when there is none. */
  next(position: number): number;
  /** Forgets stretches that end at or before `position`, but for the last of all. */
  forget(position: number): void;
}

/** The last stretch is kept by itself: while nothing is missing it is the only one, and costs no look into the arrays. */
export function createCoverage(): Coverage {
  const starts = new Float64Array(MOST_STRETCHES);
  const ends = new Float64Array(MOST_STRETCHES);
  /** Stretches in the arrays, all before the last. */
  let count = 0;
  let lastStart = 0;
  let lastEnd = 0;

  const replace = (index: number, removed: number, start: number, end: number) => {
    starts.copyWithin(index + 1, index + removed, count);
    ends.copyWithin(index + 1, index + removed, count);
    starts[index] = start;
    ends[index] = end;
    count += 1 - removed;
  };
  const takeLast = () => {
    count--;
    lastStart = starts[count]!;
    lastEnd = ends[count]!;
  };
  const addAnywhere = (start: number, end: number) => {
    if (count === MOST_STRETCHES) return false;
    // The last stretch joins the others, and the last of all is taken out again.
    if (lastEnd > lastStart) replace(count, 0, lastStart, lastEnd);
    let first = 0;
    while (first < count && ends[first]! < start) first++;
    let after = first;
    while (after < count && starts[after]! <= end) after++;
    const room = after > first || count < MOST_STRETCHES;
    if (after > first)
      replace(first, after - first, Math.min(start, starts[first]!), Math.max(end, ends[after - 1]!));
    else if (room) replace(first, 0, start, end);
    takeLast();
    return room;
  };

  return {
    get furthest() {
      return lastEnd;
    },
    add(start, end) {
      if (start !== lastEnd || lastStart === lastEnd) return addAnywhere(start, end);
      lastEnd = end;
      return true;
    },
    reach(position) {
      if (position >= lastStart) return Math.max(position, lastEnd);
      for (let index = 0; index < count && starts[index]! <= position; index++) {
        if (position < ends[index]!) return ends[index]!;
      }
      return position;
    },
    next(position) {
      if (position >= lastStart) return Infinity;
      for (let index = 0; index < count; index++) if (starts[index]! > position) return starts[index]!;
      return lastStart;
    },
    forget(position) {
      if (count === 0) return;
      let gone = 0;
      while (gone < count && ends[gone]! <= position) gone++;
      starts.copyWithin(0, gone, count);
      ends.copyWithin(0, gone, count);
      count -= gone;
    },
  };
}
