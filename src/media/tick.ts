/**
 * One 20 ms tick for all lines of a worker: the only timer in the media path.
 */
import type { Clock, Timer } from '../clock.ts';

export const TICK_MS = 20;

/**
 * What the tick serves. Both actions are called synchronously and must not throw. With a thousand lines most have nothing to do at most ticks:
 * each says when it will, so that its memory is left alone until then.
 */
export interface Ticked {
  /** `send` and `fill` are not called before these times; each sets its own anew. */
  sendAt: number;
  fillAt: number;
  /** Send what is due at `now`. Called in the timer itself, to be punctual. */
  send(now: number): void;
  /** Fill what did not arrive by `now`. Called once the datagrams that were queued meanwhile have been read. */
  fill(now: number): void;
}

export interface Tick {
  /** Serves `line` from the next tick on, until it is removed. The times given to it are of the clock's `monotonic`. */
  add(line: Ticked): void;
  remove(line: Ticked): void;
}

/** Datagrams of one socket that are read in one turn of the event loop, in ms of audio at the shortest packet time. */
const READ_IN_ONE_TURN_MS = 300;
/** How many turns are waited for at most: a stall of 6 s, which is more than a socket's buffer holds. */
const MOST_TURNS = 20;

/**
 * A tick that keeps to its grid of 20 ms however late a timer fires, and stands still while there is nobody to serve.
 *
 * When this process itself was held up, the datagrams of that time lie in the sockets' buffers. `fill` then waits for as many
 * turns of the event loop as it takes to read them, so that a stall of ours is not taken for the caller's silence.
 */
export function createTick(clock: Clock): Tick {
  const lines = new Set<Ticked>();
  let timer: Timer | undefined;
  let due = 0;
  let turns = 0;

  const schedule = () => {
    timer = clock.after(Math.max(0, due - clock.monotonic()), fire);
  };
  const fire = () => {
    const now = clock.monotonic();
    const late = now - due;
    // Ticks that were missed are not made up for: each line reckons with the time it is told.
    due += TICK_MS * (1 + Math.max(0, Math.floor(late / TICK_MS)));
    for (const line of lines) if (line.sendAt <= now) line.send(now);
    const already = turns > 0;
    turns = Math.max(turns, Math.min(MOST_TURNS, 1 + Math.floor(Math.max(0, late) / READ_IN_ONE_TURN_MS)));
    if (!already) setImmediate(turn);
    timer = undefined;
    if (lines.size > 0) schedule();
  };
  const turn = () => {
    if (--turns > 0) {
      setImmediate(turn);
      return;
    }
    const now = clock.monotonic();
    for (const line of lines) if (line.fillAt <= now) line.fill(now);
  };

  return {
    add(line) {
      lines.add(line);
      if (timer !== undefined) return;
      due = clock.monotonic() + TICK_MS;
      schedule();
    },
    remove(line) {
      lines.delete(line);
      if (lines.size > 0) return;
      timer?.cancel();
      timer = undefined;
    },
  };
}
