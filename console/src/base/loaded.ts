import { type Dispatch, type SetStateAction, useCallback, useEffect, useRef, useState } from 'react';
import type { ConsoleEvents } from '../../../src/http/console/wire.ts';
import { useConsole } from './console-context.ts';
import { DeskError, wordsOf } from './desk.ts';

export interface Loaded<Data> {
  /** `undefined` until it is there. */
  readonly data: Data | undefined;
  /** Why it is not. */
  readonly error: string | undefined;
  readonly isMissing: boolean;
  readonly setData: Dispatch<SetStateAction<Data | undefined>>;
  reload(): void;
}

/** What `console/{path}` gives; asked for again when it may have changed unseen. `undefined`: nothing is asked for. */
export function useLoaded<Data>(path: string | undefined): Loaded<Data> {
  const { desk, live } = useConsole();
  const [data, setData] = useState<Data>();
  const [error, setError] = useState<{ readonly words: string; readonly isMissing: boolean }>();
  const [round, setRound] = useState(0);
  const shown = useRef(path);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` asks again
  useEffect(() => {
    if (shown.current !== path) setData(undefined);
    shown.current = path;
    setError(undefined);
    if (path === undefined) return;
    const stop = new AbortController();
    desk.get<Data>(path, stop.signal).then(
      (answer) => !stop.signal.aborted && setData(() => answer),
      (thrown) => {
        if (stop.signal.aborted) return;
        const isMissing = thrown instanceof DeskError && thrown.status === 404;
        setError({ words: wordsOf(thrown), isMissing });
      },
    );
    return () => stop.abort();
  }, [desk, path, round]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  useEffect(() => live.on('reset', reload), [live, reload]);
  return { data, error: error?.words, isMissing: error?.isMissing === true, setData, reload };
}

/** Hears an event for as long as whoever uses it is shown. */
export function useEvent<Event extends keyof ConsoleEvents>(
  event: Event,
  hear: (data: ConsoleEvents[Event]) => void,
): void {
  const { live } = useConsole();
  const newest = useRef(hear);
  useEffect(() => {
    newest.current = hear;
  });
  useEffect(() => live.on(event, (data) => newest.current(data)), [live, event]);
}

/** The time, once a second. */
export function useNow(isRunning = true): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isRunning) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isRunning]);
  return now;
}

/** `rows` with this one in the place of its former self, or else first. */
export function withRow<Row extends { readonly id: string }>(rows: readonly Row[], row: Row): readonly Row[] {
  const at = rows.findIndex(({ id }) => id === row.id);
  return at < 0 ? [row, ...rows] : rows.with(at, row);
}
