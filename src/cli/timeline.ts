import type { Clock } from '../clock.ts';

export type Who = 'caller' | 'server' | 'bot';

/** Prints what happens, who saw it, and when: seconds since the first line. */
export class Timeline {
  readonly #clock: Clock;
  readonly #print: (line: string) => void;
  #start: number | undefined;

  constructor(clock: Clock, print: (line: string) => void) {
    this.#clock = clock;
    this.#print = print;
  }

  say(who: Who, what: string): void {
    const now = this.#clock.monotonic();
    this.#start ??= now;
    this.#print(`${((now - this.#start) / 1000).toFixed(2).padStart(7)} s  ${who.padEnd(7)} ${what}`);
  }
}
