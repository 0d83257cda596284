/**
 * Gates: what takes its time in earnest (a disk, a network, another thread) waits here until a test lets it go on, in whatever order the test
 * likes.
 */
export class Gates {
  /** By lane: what shares one goes on in the order it came. */
  readonly #lanes = new Map<string, (() => void)[]>();
  /** While `false`, all go on at once. */
  held = false;

  /** Resolves when it may go on. */
  pass(lane: string): Promise<void> {
    return new Promise((resolve) => this.post(lane, resolve));
  }

  /** Runs `action` when it may go on, never before this has returned. */
  post(lane: string, action: () => void): void {
    const waiting = this.#lanes.get(lane) ?? [];
    this.#lanes.set(lane, waiting);
    waiting.push(action);
    if (!this.held) queueMicrotask(() => this.#next(lane));
  }

  /** How many wait. */
  get waiting(): number {
    return [...this.#lanes.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Lets one go on: of the lanes in which something waits, the first of the `pick`-th. */
  one(pick: number): void {
    const lanes = [...this.#lanes.keys()];
    const lane = lanes[pick % lanes.length];
    if (lane !== undefined) this.#next(lane);
  }

  /** From now on nothing waits. */
  release(): void {
    this.held = false;
    for (const [lane, { length }] of [...this.#lanes]) for (let at = 0; at < length; at++) this.#next(lane);
  }

  #next(lane: string): void {
    const waiting = this.#lanes.get(lane);
    const action = waiting?.shift();
    if (waiting?.length === 0) this.#lanes.delete(lane);
    action?.();
  }
}
