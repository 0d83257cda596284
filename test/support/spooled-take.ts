/** A take and the spool that writes it, on one thread: what is appended goes through a ring as a line's audio does. */
import { createSpool, type TakeSpec } from '../../src/recording/spool.ts';
import type { TakeFiles } from '../../src/recording/spool-files.ts';
import { createWorkerTakes, type WorkerTakes } from '../../src/recording/spool-writer.ts';
import { type AudioRing, MARKS, type Take } from '../../src/recording/take.ts';

export interface SpooledTake extends Take {
  /** Says these samples into the line's ring, frame by frame, and appends them. */
  append(samples: Int16Array, from?: number, to?: number): void;
  /** The spool's thread gets its turn. */
  poll(): void;
  /** The worker dies. */
  abandon(): ReturnType<WorkerTakes['abandon']>;
}

const FRAME = 160;
const SIZE = 96 * FRAME;

/** A ring like a line's, after so many samples of the line. */
export function testRing(): AudioRing {
  return {
    samples: new Int16Array(new SharedArrayBuffer(2 * (SIZE + 320))),
    at: 320,
    base: 320,
    rate: 8000,
    channels: 1,
    size: SIZE,
    keep: 52 * FRAME,
    marks: new Int32Array(new SharedArrayBuffer(4 * (MARKS + 4))),
    marksAt: 4,
  };
}

/**
 * `slow`: the spool gets a turn only when `poll` is called, not with each `settle` as well. `after`: where in the line the take begins.
 */
export function openSpooledTake(
  spec: TakeSpec,
  onGrown: (samples: number) => void = () => {},
  {
    openFiles,
    slow = false,
    after = 0,
  }: { openFiles?: (spec: TakeSpec) => TakeFiles; slow?: boolean; after?: number } = {},
): SpooledTake {
  const ring = testRing();
  // What is sent crosses later, as between threads, and is not shared unless it says so.
  const later: (() => void)[] = [];
  const deliver = () => {
    for (let next = later.shift(); next !== undefined; next = later.shift()) next();
  };
  const spool = createSpool({
    postMessage(message) {
      const received = message.type === 'open' ? message : structuredClone(message);
      later.push(() => takes.take(received));
      queueMicrotask(deliver);
    },
  });
  const takes = createWorkerTakes((message) => {
    later.push(() => spool.take(message));
    queueMicrotask(deliver);
  }, openFiles);
  const take = spool.openTake(spec, ring, onGrown);
  let position = after;
  const poll = () => {
    deliver();
    takes.poll();
    deliver();
  };
  return {
    get length() {
      return take.length;
    },
    get written() {
      return take.written;
    },
    get refused() {
      return take.refused;
    },
    append(samples, from = 0, to = samples.length) {
      for (let at = from; at < to; ) {
        // A frame lies in one piece.
        const count = Math.min(to - at, FRAME - (position % FRAME));
        const index = ring.at + (position % SIZE);
        ring.samples.set(samples.subarray(at, at + count), index);
        take.append(ring.samples, index, index + count);
        at += count;
        position += count;
      }
    },
    settle(upTo) {
      take.settle(upTo);
      if (!slow) poll();
    },
    cut: (length) => take.cut(length),
    seal: () => take.seal(),
    poll,
    abandon() {
      deliver();
      return takes.abandon();
    },
  };
}
