/** When what is kept for a time has to go. */
import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';

/** Longest sleep: a timer takes no more than 24 days, and the wall clock may be set meanwhile. */
const LONGEST_SLEEP_MS = 3_600_000;
/** Pause before a removal that failed is tried again. */
const RETRY_MS = 60_000;

interface Due {
  readonly recordingId: string;
  readonly at: number;
}

/** Removes recordings when their time has come, one after the other. Whoever makes it closes it. */
export class Retention {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #remove: (recordingId: string) => Promise<unknown>;
  /** The soonest last. Recordings come in almost in the order in which they go. */
  readonly #due: Due[] = [];
  #timer: Timer | undefined;
  #sweeping = false;
  #closed = false;

  constructor(clock: Clock, log: Log, remove: (recordingId: string) => Promise<unknown>) {
    this.#clock = clock;
    this.#log = log;
    this.#remove = remove;
  }

  /** @param at milliseconds since the epoch */
  add(recordingId: string, at: number): void {
    let low = 0;
    for (let high = this.#due.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.#due[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    this.#due.splice(low, 0, { recordingId, at });
    if (low === this.#due.length - 1) this.#sleep();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #sleep(): void {
    this.#timer?.cancel();
    const next = this.#due.at(-1);
    if (this.#closed || this.#sweeping || next === undefined) return;
    const delayMs = Math.max(0, Math.min(next.at - this.#clock.now(), LONGEST_SLEEP_MS));
    this.#timer = this.#clock.after(delayMs, () => void this.#sweep());
  }

  async #sweep(): Promise<void> {
    this.#sweeping = true;
    for (let next = this.#due.at(-1); !this.#closed && next !== undefined; next = this.#due.at(-1)) {
      if (next.at > this.#clock.now()) break;
      this.#due.pop();
      try {
        await this.#remove(next.recordingId);
        const { recordingId } = next;
        this.#log.info({ event: 'recordingDeleted', outcome: 'done', by: 'retention', recordingId }, 'audit');
      } catch (thrown) {
        const what = { recordingId: next.recordingId, error: reasonOf(thrown) };
        this.#log.error(what, 'a recording past its retention could not be removed: tried again in a minute');
        this.add(next.recordingId, this.#clock.now() + RETRY_MS);
      }
    }
    this.#sweeping = false;
    this.#sleep();
  }
}
