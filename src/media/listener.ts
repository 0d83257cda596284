/** The one who listens to a line, beside whoever owns it. */
import { FRAME_SAMPLES, type Frame, type FrameListener } from './line.ts';

/** One listener of a line, until what it hears makes it return something, `signal` aborts, or `end` is called. */
export class Listener<T> {
  readonly #hearer: FrameListener<T>;
  readonly #signal: AbortSignal;
  readonly #onEnd: () => void;
  readonly #heard = Promise.withResolvers<T | undefined>();
  #next: number;
  #ended = false;

  /** `begin`: where its first frame begins. `onEnd` is called once. */
  constructor(options: {
    readonly begin: number;
    readonly hearer: FrameListener<T>;
    readonly signal: AbortSignal;
    readonly onEnd: () => void;
  }) {
    this.#next = options.begin;
    this.#hearer = options.hearer;
    this.#signal = options.signal;
    this.#onEnd = options.onEnd;
    this.#signal.addEventListener('abort', this.end, { once: true });
  }

  /** What it returned at last. */
  get heard(): Promise<T | undefined> {
    return this.#heard.promise;
  }

  /** Position of the frame that it is to hear next. */
  get next(): number {
    return this.#next;
  }

  prefetch(depth: number): number {
    return depth === 0 ? this.#next : (this.#hearer.prefetch?.(depth - 1) ?? 0);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Hears a frame. Never throws. */
  take(frame: Readonly<Frame>): void {
    this.#next = frame.position + FRAME_SAMPLES;
    try {
      const result = this.#hearer.hear(frame);
      if (result !== undefined) this.#finish(result);
    } catch (thrown) {
      this.#heard.reject(thrown);
      this.end();
    }
  }

  /** No more frames. Idempotent. */
  readonly end = (): void => this.#finish(undefined);

  #finish(result: T | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal.removeEventListener('abort', this.end);
    this.#heard.resolve(result);
    this.#onEnd();
  }
}
