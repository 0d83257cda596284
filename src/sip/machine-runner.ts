import type { Clock, Timer } from '../clock.ts';
import { type TimerName, type TimerValues, timerMs } from './timers.ts';
import type { Action, Event, Machine, State } from './transaction-tables.ts';

export interface RunnerOptions {
  readonly machine: Machine;
  readonly reliable: boolean;
  readonly clock: Clock;
  readonly values: TimerValues;
  readonly perform: (action: Action) => void;
  /** Called once, when the machine has terminated: its owner forgets it. */
  readonly onTerminated: () => void;
}

/** Runs one machine: knows the state, owns the timers. */
export class MachineRunner {
  readonly #options: RunnerOptions;
  readonly #timers = new Map<TimerName, Timer>();
  #state: State;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#state = options.machine.initial;
    this.#startTimers(undefined);
  }

  get state(): State {
    return this.#state;
  }

  /** An event without a row in this state does nothing. */
  fire(event: Event | TimerName): void {
    const row = this.#options.machine.table[this.#state]?.[event];
    if (row === undefined) return;
    const [next, ...actions] = row;
    const previous = this.#state;
    this.#state = next;
    if (next !== previous) this.#startTimers(previous);
    for (const action of actions) this.#options.perform(action);
    if (next === 'terminated') this.terminate();
  }

  /** Ends it at once, without a word. Idempotent. */
  terminate(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#state = 'terminated';
    this.#options.onTerminated();
  }

  #startTimers(previous: State | undefined): void {
    const { timers } = this.#options.machine;
    const wanted = timers[this.#state] ?? [];
    const kept =
      previous === undefined ? [] : (timers[previous] ?? []).filter((name) => wanted.includes(name));
    for (const [name, timer] of this.#timers) {
      if (kept.includes(name)) continue;
      timer.cancel();
      this.#timers.delete(name);
    }
    for (const name of wanted) if (!kept.includes(name)) this.#start(name, 0);
  }

  #start(name: TimerName, fired: number): void {
    const { clock, reliable, values } = this.#options;
    const delay = timerMs(name, { reliable, fired, proceeding: this.#state === 'proceeding' }, values);
    if (delay === undefined) return;
    this.#timers.set(
      name,
      clock.after(delay, () => {
        this.#timers.delete(name);
        this.fire(name);
        // A retransmission timer runs on for as long as its state lasts.
        const again = this.#options.machine.timers[this.#state]?.includes(name);
        if (again && !this.#timers.has(name)) this.#start(name, fired + 1);
      }),
    );
  }
}
