import type { ConsoleEvents } from '../../../src/http/console/wire.ts';

type Name = keyof ConsoleEvents;
type Hear<Event extends Name> = (data: ConsoleEvents[Event]) => void;

/** What the server tells as it happens. Whoever listens hears `reset` whenever something may have been missed. */
export interface Live {
  /** Returns what ends the listening. */
  on<Event extends Name>(event: Event, hear: Hear<Event>): () => void;
  /** Whether events arrive. */
  isOpen(): boolean;
  onOpen(hear: () => void): () => void;
  /** Also tells the trace of this call, in the place of another. */
  watch(call: string): void;
  close(): void;
}

const NAMES: readonly Name[] = ['call', 'trace', 'recording', 'undelivered', 'health', 'reset'];

/** What a browser does not try again by itself, we do. */
const RETRY_MS = 5000;

/**
 * Connects at once; while the page is hidden, where browsers slow it down, there is no connection. `onRefused`: the server answered, but with
 * no events; whoever is not signed in any more will hear so.
 */
export function openLive(onRefused: () => void): Live {
  const listeners = new Map<Name, Set<Hear<Name>>>(NAMES.map((name) => [name, new Set()]));
  const onOpen = new Set<() => void>();
  let source: EventSource | undefined;
  let watched = '';
  let isOpen = false;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const tell = (name: Name, data: ConsoleEvents[Name]) => {
    for (const hear of listeners.get(name)!) hear(data as never);
  };
  const setOpen = (now: boolean) => {
    if (now === isOpen) return;
    isOpen = now;
    for (const hear of onOpen) hear();
  };
  const stop = () => {
    clearTimeout(retry);
    source?.close();
    source = undefined;
  };
  const start = () => {
    stop();
    const query = watched === '' ? '' : `?call=${encodeURIComponent(watched)}`;
    source = new EventSource(`console/events${query}`);
    for (const name of NAMES)
      source.addEventListener(name, (event) => tell(name, JSON.parse((event as MessageEvent<string>).data)));
    source.addEventListener('open', () => {
      setOpen(true);
      tell('reset', {});
    });
    source.addEventListener('error', () => {
      setOpen(false);
      if (source?.readyState !== EventSource.CLOSED) return;
      onRefused();
      retry = setTimeout(start, RETRY_MS);
    });
  };
  const onVisibility = () => {
    if (document.visibilityState === 'visible') start();
    else stop();
  };
  document.addEventListener('visibilitychange', onVisibility);
  start();

  return {
    on(event, hear) {
      const hearers = listeners.get(event) as Set<typeof hear>;
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
    isOpen: () => isOpen,
    onOpen(hear) {
      onOpen.add(hear);
      return () => onOpen.delete(hear);
    },
    watch(call) {
      if (call === watched) return;
      watched = call;
      start();
    },
    close() {
      document.removeEventListener('visibilitychange', onVisibility);
      stop();
    },
  };
}
