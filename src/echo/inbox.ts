import type { Fact } from '../call/model.ts';

/** The facts of one call, taken one after the other by who waits for some of them. */
export class Inbox {
  readonly #facts: Fact[] = [];
  #ended = false;
  #wake: () => void = () => {};

  put(fact: Fact): void {
    this.#facts.push(fact);
    this.#wake();
  }

  /** Nothing comes after what is held. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** What `pick` makes of the first fact that it makes something of; those before it are passed over. `undefined`: there was none until the end. */
  async until<T>(pick: (fact: Fact) => T | undefined): Promise<T | undefined> {
    for (;;) {
      const fact = this.#facts.shift();
      if (fact !== undefined) {
        const picked = pick(fact);
        if (picked !== undefined) return picked;
      } else if (this.#ended) return undefined;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
