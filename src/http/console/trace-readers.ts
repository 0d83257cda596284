/** Who reads along while traces grow: each has a queue, and nobody waits for anybody. */
import type { TraceNews } from './traces.ts';

/** More than a page can be behind and still catch up with. */
const MOST_WAITING = 1000;

export interface TraceReaders {
  tell(news: TraceNews): void;
  /** Hand-written rather than a generator: a reader counts from this call on, not from the first `next`. */
  read(wanted: (news: TraceNews) => boolean, signal: AbortSignal): AsyncIterable<TraceNews>;
}

export function openReaders(mostWaiting = MOST_WAITING): TraceReaders {
  const readers = new Set<(news: TraceNews) => void>();
  return {
    tell(news) {
      for (const tell of readers) tell(news);
    },
    read(wanted, signal) {
      let waiting: TraceNews[] = [];
      let wake: ((result: IteratorResult<TraceNews>) => void) | undefined;
      const tell = (news: TraceNews) => {
        if (!wanted(news)) return;
        if (wake !== undefined) {
          wake({ done: false, value: news });
          wake = undefined;
        } else if (waiting.length < mostWaiting) waiting.push(news);
        else waiting = [RESET];
      };
      const end = () => {
        readers.delete(tell);
        signal.removeEventListener('abort', end);
        waiting = [];
        wake?.({ done: true, value: undefined });
        wake = undefined;
      };
      if (!signal.aborted) {
        readers.add(tell);
        signal.addEventListener('abort', end, { once: true });
      }
      const iterator: AsyncIterator<TraceNews> = {
        next() {
          const value = waiting.shift();
          if (value !== undefined) return Promise.resolve({ done: false, value });
          if (!readers.has(tell)) return Promise.resolve({ done: true, value: undefined });
          return new Promise((resolve) => {
            wake = resolve;
          });
        },
        return() {
          end();
          return Promise.resolve({ done: true, value: undefined });
        },
      };
      return { [Symbol.asyncIterator]: () => iterator };
    },
  };
}

const RESET: TraceNews = { event: 'reset', data: {} };
