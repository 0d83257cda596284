/**
 * The iterator behind Line.listen, written by hand: a frame costs one settled promise and nothing else.
 */
import { emptyFrame, type History, LOOK_BACK_SAMPLES } from './history.ts';
import { FRAME_SAMPLES, type Frame } from './line.ts';

/** One listener of a line, from a position on until `signal` aborts, `end` is called, or the loop around it is left. */
export class Listener implements AsyncIterable<Frame>, AsyncIterator<Frame> {
  readonly #frame = emptyFrame();
  readonly #result: IteratorResult<Frame> = { done: false, value: this.#frame };
  readonly #finished: IteratorResult<Frame> = { done: true, value: undefined };
  readonly #history: History;
  readonly #signal: AbortSignal;
  readonly #more: () => void;
  readonly #onEnd: () => void;
  #cursor: number;
  #available: number;
  #ended = false;
  #waiting: ((result: IteratorResult<Frame>) => void) | undefined;
  readonly #wait = (resolve: (result: IteratorResult<Frame>) => void) => {
    this.#waiting = resolve;
  };

  /** `begin` is a multiple of FRAME_SAMPLES. `more` is called when the frames that were made are used up; it may `wake`. */
  constructor(options: {
    readonly begin: number;
    readonly available: number;
    readonly history: History;
    readonly signal: AbortSignal;
    readonly more: () => void;
    readonly onEnd: () => void;
  }) {
    this.#cursor = options.begin;
    this.#available = options.available;
    this.#history = options.history;
    this.#signal = options.signal;
    this.#more = options.more;
    this.#onEnd = options.onEnd;
    if (this.#signal.aborted) this.#ended = true;
    else this.#signal.addEventListener('abort', this.end, { once: true });
  }

  /** Position of the frame that is asked for next. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Frames up to `available` are made. */
  wake(available: number): void {
    this.#available = available;
    if (this.#waiting === undefined || this.#cursor >= available) return;
    const resolve = this.#waiting;
    this.#waiting = undefined;
    resolve(this.#read());
  }

  /** No more frames: what waits resolves as done. Idempotent. */
  readonly end = (): void => {
    this.#signal.removeEventListener('abort', this.end);
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting?.(this.#finished);
    this.#waiting = undefined;
    this.#onEnd();
  };

  next(): Promise<IteratorResult<Frame>> {
    if (this.#ended) return Promise.resolve(this.#finished);
    if (this.#cursor >= this.#available) this.#more();
    if (this.#cursor < this.#available) return Promise.resolve(this.#read());
    return new Promise(this.#wait);
  }

  return(): Promise<IteratorResult<Frame>> {
    this.end();
    return Promise.resolve(this.#finished);
  }

  [Symbol.asyncIterator](): AsyncIterator<Frame> {
    return this;
  }

  #read(): IteratorResult<Frame> {
    // Overwritten while the listener was busy elsewhere: its time is told, though its sound is gone.
    if (this.#available - this.#cursor > LOOK_BACK_SAMPLES) blank(this.#frame, this.#cursor);
    else this.#history.recall(this.#cursor, this.#frame);
    this.#cursor += FRAME_SAMPLES;
    return this.#result;
  }
}

function blank(frame: Frame, position: number): void {
  frame.position = position;
  frame.samples.fill(0);
  frame.speech = false;
  frame.tone = undefined;
  frame.concealed = true;
  frame.noMedia = 0;
}
