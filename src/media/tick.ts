/**
 * One 20 ms tick for all lines of a worker: the only timer in the media path.
 */
import type { Clock, Timer } from '../clock.ts';

export const TICK_MS = 20;

/** What the tick serves. Both actions are called synchronously and must not throw; each sets its own time in the turn anew. */
export interface Ticked {
  /** Send what is due at `now`. Called in the timer itself, to be punctual. */
  send(now: number): void;
  /** Fill what did not arrive by `now`. Called once the datagrams that were queued meanwhile have been read. */
  fill(now: number): void;
}

/** A line's place in the tick. Times are of the clock's `monotonic`; 0, as both begin with, is at once. */
export interface Turn {
  /** `send` and `fill` are not called before these times. */
  sendAt: number;
  fillAt: number;
  /** It is served no longer. Idempotent. */
  end(): void;
}

export interface Tick {
  /** Serves `line` from the next tick on. */
  add(line: Ticked): Turn;
}

/** Datagrams of one socket that are read in one turn of the event loop, in ms of audio at the shortest packet time. */
const READ_IN_ONE_TURN_MS = 300;
/** How many turns are waited for at most: a stall of 6 s, which is more than a socket's buffer holds. */
const MOST_TURNS = 20;
/** So long is waited at most until nothing is left to be read, beside twice the time that this process was held up. */
const READING_MS = 300;

/**
 * A tick that keeps to its grid of 20 ms however late a timer fires, and stands still while there is nobody to serve.
 *
 * When this process itself was held up, the datagrams of that time lie in the sockets' buffers. `fill` then waits for as many
 * turns of the event loop as it takes to read them, so that a stall of ours is not taken for the caller's silence. `poll` reads what the event loop
 * does not: see RtpSockets.
 */
export function createTick(clock: Clock, poll: () => boolean = () => true): Tick {
  const turns = new Turns();
  let timer: Timer | undefined;
  let due = 0;
  let waits = 0;
  let readUntil = 0;
  let turning = false;

  const schedule = () => {
    timer = clock.after(Math.max(0, due - clock.monotonic()), fire);
  };
  const fire = () => {
    const now = clock.monotonic();
    const late = Math.max(0, now - due);
    // Ticks that were missed are not made up for: each line reckons with the time it is told.
    due += TICK_MS * (1 + Math.floor(late / TICK_MS));
    turns.send(now);
    waits = Math.max(waits, Math.min(MOST_TURNS, 1 + Math.floor(late / READ_IN_ONE_TURN_MS)));
    // Not with every tick: on a machine that never gets to its end lines must be filled, too.
    if (!turning || late > READING_MS) readUntil = now + READING_MS + 2 * late;
    if (!turning) setImmediate(turn);
    turning = true;
    timer = undefined;
    if (turns.count > 0) schedule();
  };
  const turn = () => {
    const isRead = poll();
    waits--;
    if (waits > 0 || (!isRead && clock.monotonic() < readUntil)) {
      setImmediate(turn);
      return;
    }
    turning = false;
    turns.fill(clock.monotonic());
  };

  return {
    add(line) {
      const added = turns.add(line, () => {
        if (turns.count > 0) return;
        timer?.cancel();
        timer = undefined;
      });
      if (timer === undefined) {
        due = clock.monotonic() + TICK_MS;
        schedule();
      }
      return added;
    },
  };
}

interface Place {
  readonly line: Ticked;
  index: number;
}

/** A class: accessors of an object's own are looked up slowly, and these are used with every packet. */
class LineTurn implements Turn {
  readonly #turns: Turns;
  readonly #place: Place;
  readonly #onEnd: () => void;

  constructor(turns: Turns, place: Place, onEnd: () => void) {
    this.#turns = turns;
    this.#place = place;
    this.#onEnd = onEnd;
  }

  get sendAt(): number {
    return this.#turns.sendAt[this.#place.index]!;
  }
  set sendAt(at: number) {
    this.#turns.sendAt[this.#place.index] = at;
  }
  get fillAt(): number {
    return this.#turns.fillAt[this.#place.index]!;
  }
  set fillAt(at: number) {
    this.#turns.fillAt[this.#place.index] = at;
  }

  end(): void {
    if (this.#turns.remove(this.#place)) this.#onEnd();
  }
}

/** With a thousand lines most have nothing to do at most ticks: their times lie side by side, and the lines' own memory is left alone. */
export class Turns {
  readonly #lines: Place[] = [];
  /** For LineTurn only. */
  sendAt = new Float64Array(64);
  fillAt = new Float64Array(64);

  get count(): number {
    return this.#lines.length;
  }

  // Backwards: when a line ends meanwhile, it is one that was served that takes its place.
  send(now: number): void {
    for (let index = this.#lines.length - 1; index >= 0; index--)
      if (this.sendAt[index]! <= now) this.#lines[index]!.line.send(now);
  }

  fill(now: number): void {
    for (let index = this.#lines.length - 1; index >= 0; index--)
      if (this.fillAt[index]! <= now) this.#lines[index]!.line.fill(now);
  }

  add(line: Ticked, onEnd: () => void): Turn {
    const place = { line, index: this.#lines.length };
    if (this.#lines.push(place) > this.sendAt.length) this.#grow();
    this.sendAt[place.index] = this.fillAt[place.index] = 0;
    return new LineTurn(this, place, onEnd);
  }

  /** `false`: it was removed before. */
  remove(place: Place): boolean {
    if (this.#lines[place.index] !== place) return false;
    this.#remove(place.index);
    return true;
  }

  /** The last one takes its place. */
  #remove(index: number) {
    const last = this.#lines.pop()!;
    if (last.index === index) return;
    this.sendAt[index] = this.sendAt[last.index]!;
    this.fillAt[index] = this.fillAt[last.index]!;
    last.index = index;
    this.#lines[index] = last;
  }

  #grow() {
    const [sendAt, fillAt] = [this.sendAt, this.fillAt];
    this.sendAt = new Float64Array(sendAt.length * 2);
    this.fillAt = new Float64Array(sendAt.length * 2);
    this.sendAt.set(sendAt);
    this.fillAt.set(fillAt);
  }
}
