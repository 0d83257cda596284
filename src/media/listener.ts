/**
 * The iterator behind Line.listen, written by hand: a frame costs one settled promise and nothing else.
 */
import { emptyFrame, LOOK_BACK_SAMPLES } from './history.ts';
import { FRAME_SAMPLES, type Frame } from './line.ts';

export interface Listener extends AsyncIterable<Frame> {
  /** Position of the frame that is asked for next. */
  readonly cursor: number;
  /** There may be another frame. */
  wake(): void;
  /** No more frames: what waits resolves as done. Idempotent. */
  end(): void;
}

/** `begin` is a multiple of FRAME_SAMPLES. `more` is called when the frames that were made are used up. */
export function createListener(options: {
  readonly begin: number;
  readonly signal: AbortSignal;
  readonly position: () => number;
  readonly recall: (position: number, frame: Frame) => void;
  readonly more: () => void;
  readonly onEnd: () => void;
}): Listener {
  const { signal, position, recall } = options;
  const frame = emptyFrame();
  const result: IteratorResult<Frame> = { done: false, value: frame };
  const finished: IteratorResult<Frame> = { done: true, value: undefined };
  let cursor = options.begin;
  let ended = signal.aborted;
  let waiting: ((result: IteratorResult<Frame>) => void) | undefined;

  const wait = (resolve: (result: IteratorResult<Frame>) => void) => {
    waiting = resolve;
  };
  const read = () => {
    // Overwritten while the listener was busy elsewhere: its time is told, though its sound is gone.
    if (position() - cursor > LOOK_BACK_SAMPLES) blank(frame, cursor);
    else recall(cursor, frame);
    cursor += FRAME_SAMPLES;
    return result;
  };
  const wake = () => {
    if (waiting === undefined || cursor >= position()) return;
    const resolve = waiting;
    waiting = undefined;
    resolve(read());
  };
  const end = () => {
    signal.removeEventListener('abort', end);
    if (ended) return;
    ended = true;
    waiting?.(finished);
    waiting = undefined;
    options.onEnd();
  };
  const iterator: AsyncIterator<Frame> = {
    next() {
      if (ended) return Promise.resolve(finished);
      if (cursor >= position()) options.more();
      if (cursor < position()) return Promise.resolve(read());
      return new Promise(wait);
    },
    return() {
      end();
      return Promise.resolve(finished);
    },
  };
  if (!ended) signal.addEventListener('abort', end, { once: true });

  return {
    get cursor() {
      return cursor;
    },
    wake,
    end,
    [Symbol.asyncIterator]: () => iterator,
  };
}

function blank(frame: Frame, position: number): void {
  frame.position = position;
  frame.samples.fill(0);
  frame.speech = false;
  frame.tone = undefined;
  frame.concealed = true;
  frame.noMedia = 0;
}
