/** Takes and the spool that writes them, on one thread: what crosses between threads crosses here a little later. */
import { createSpool, type TakeSpec } from '../../src/recording/spool.ts';
import type { TakeFiles } from '../../src/recording/spool-files.ts';
import { createWorkerTakes, type WorkerTakes } from '../../src/recording/spool-writer.ts';
import { type AudioRing, MARKS, type Take } from '../../src/recording/take.ts';

export type OpenFiles = (spec: TakeSpec, ring: Pick<AudioRing, 'rate' | 'channels'>) => TakeFiles;

export interface SpoolOnOneThread {
  openTake(spec: TakeSpec, ring: AudioRing, onGrown: (samples: number) => void): Take;
  /** The spool's thread gets its turn. */
  poll(): void;
  /** The worker dies. */
  abandon(): ReturnType<WorkerTakes['abandon']>;
}

export function spoolOnOneThread(openFiles?: OpenFiles): SpoolOnOneThread {
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
  return {
    openTake: (spec, ring, onGrown) => spool.openTake(spec, ring, onGrown),
    poll() {
      deliver();
      takes.poll();
      deliver();
    },
    abandon() {
      deliver();
      return takes.abandon();
    },
  };
}

export interface SpooledTake extends Take, Pick<SpoolOnOneThread, 'poll' | 'abandon'> {
  /** Says these samples into the line's ring, frame by frame, and appends them. */
  append(samples: Int16Array, from?: number, to?: number): void;
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
 * What is appended goes through a ring as a line's audio does. `slow`: the spool gets a turn only when `poll` is called, not with each `settle` as
 * well. `after`: where in the line the take begins.
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
  const { openTake, poll, abandon } = spoolOnOneThread(openFiles);
  const take = openTake(spec, ring, onGrown);
  let position = after;
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
    abandon,
  };
}
