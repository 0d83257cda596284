/** One reader of server-sent events (WHATWG HTML §9.2), who may be slow, or gone without saying so. */
import type { Writable } from 'node:stream';
import type { Clock, Timer } from '../../clock.ts';
import type { ConsoleEvents } from './wire.ts';

export interface EventReader {
  /** Once it has ended: its connection is closed, or it was ended from here. */
  readonly ended: AbortSignal;
  /** Resolves when the reader has taken what was sent so far, or has ended. */
  ready(): Promise<void>;
  /** Of a reader who is behind it is lost, and `reset` says so once he has caught up. */
  send<Name extends keyof ConsoleEvents>(event: Name, data: ConsoleEvents[Name]): void;
  end(): void;
}

/** So much may wait for a reader, beside what the system holds. */
const MOST_UNREAD_BYTES = 1 << 18;
/** One who takes nothing for so long has left. */
const PATIENCE_MS = 60_000;
/** Comments, which tell both sides, and proxies on the way, that the other is there. */
const HEARTBEAT_MS = 15_000;
/** What the browser waits before it connects again. */
const RETRY_MS = 2000;

/** @param onBeat the reader is still there */
export function openReader(response: Writable, clock: Clock, onBeat: () => void): EventReader {
  const ended = new AbortController();
  let waiting = Promise.withResolvers<void>();
  let behind = false;
  let missed = false;
  let patience: Timer | undefined;
  let beat: Timer | undefined;

  const write = (text: string) => {
    if (ended.signal.aborted) return;
    response.write(text);
    if (behind || response.writableLength <= MOST_UNREAD_BYTES) return;
    behind = true;
    waiting = Promise.withResolvers();
    patience = clock.after(PATIENCE_MS, () => response.destroy());
  };
  const onDrain = () => {
    patience?.cancel();
    behind = false;
    waiting.resolve();
    if (missed) write(textOf('reset', {}));
    missed = false;
  };
  const over = () => {
    beat?.cancel();
    patience?.cancel();
    ended.abort();
    waiting.resolve();
  };
  const pulse = () => {
    beat = clock.after(HEARTBEAT_MS, () => {
      if (!behind) write(':\n\n');
      onBeat();
      pulse();
    });
  };

  response.on('drain', onDrain);
  response.once('close', over);
  waiting.resolve();
  // Whoever comes back after a gap sends the id along: that there was one is all that it says.
  response.write(`retry: ${RETRY_MS}\nid: 1\n\n`);
  pulse();
  return {
    ended: ended.signal,
    ready: () => waiting.promise,
    send(event, data) {
      if (behind) missed = true;
      else write(textOf(event, data));
    },
    end() {
      over();
      response.end();
    },
  };
}

/** JSON has no line breaks of its own. */
function textOf(event: string, data: unknown): string {
  return `event: ${event}\nid: 1\ndata: ${JSON.stringify(data)}\n\n`;
}
