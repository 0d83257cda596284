/** Ten times as many as come of who sends every 20 ms, and five times those of every 10 ms. */
const PER_MS = 0.5;
/** What a stall of some seconds held back may come at once. */
const AT_ONCE = 500;

/** How many packets of one caller are listened to: each may cost ten times what it takes to see that it is a stranger's. */
export class Pace {
  #room = AT_ONCE;
  #at = 0;

  /** Whether one more is, at `now`. */
  allows(now: number): boolean {
    this.#room = Math.min(AT_ONCE, this.#room + (now - this.#at) * PER_MS);
    this.#at = now;
    if (this.#room < 1) return false;
    this.#room--;
    return true;
  }
}
