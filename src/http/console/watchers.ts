/** Who looks at the console now. What costs something to know is found out only for them: health, undelivered ones, what became of recordings. */
import { type Clock, pause, type Timer } from '../../clock.ts';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { EventReader } from './event-reader.ts';
import type { ConsoleEvents, Health, RecordingRow } from './wire.ts';

export interface Watchers {
  /** Whether anybody looks. */
  readonly any: boolean;
  /** Tells this reader too, until what it gives is called. */
  enter(reader: Pick<EventReader, 'send'>): () => void;
  /** Something of this recording is new: it is told within half a second. */
  recording(recordingId: string): void;
}

export interface WatchersOptions {
  readonly health: () => Promise<Health>;
  /** `undefined`: nothing is known of it. */
  readonly rowOf: (recordingId: string) => Promise<RecordingRow | undefined>;
  readonly clock: Clock;
  readonly log: Log;
}

const HEALTH_EVERY_MS = 2000;
const ROWS_WITHIN_MS = 500;

export function openWatchers({ health, rowOf, clock, log }: WatchersOptions): Watchers {
  const readers = new Set<Pick<EventReader, 'send'>>();
  const changed = new Set<string>();
  let looking: AbortController | undefined;
  let telling: Timer | undefined;

  const tell = <Name extends keyof ConsoleEvents>(event: Name, data: ConsoleEvents[Name]) => {
    for (const reader of readers) reader.send(event, data);
  };
  const failed = (thrown: unknown) =>
    log.warn({ error: reasonOf(thrown) }, 'the console could not be told what is new');

  const look = async (signal: AbortSignal) => {
    let undelivered: number | undefined;
    while (await pause(clock, HEALTH_EVERY_MS, signal)) {
      try {
        const now = await health();
        tell('health', now);
        const total = now.outboxUndelivered;
        if (undelivered !== total) tell('undelivered', { total });
        undelivered = total;
      } catch (thrown) {
        failed(thrown);
      }
    }
  };
  const tellRows = async () => {
    telling = undefined;
    const ids = [...changed];
    changed.clear();
    for (const id of ids) {
      const row = await rowOf(id);
      if (row !== undefined) tell('recording', row);
    }
  };

  return {
    get any() {
      return readers.size > 0;
    },
    enter(reader) {
      if (readers.size === 0) {
        looking = new AbortController();
        void look(looking.signal);
      }
      readers.add(reader);
      return () => {
        if (!readers.delete(reader) || readers.size > 0) return;
        looking?.abort();
        telling?.cancel();
        telling = undefined;
        changed.clear();
      };
    },
    recording(recordingId) {
      if (readers.size === 0) return;
      changed.add(recordingId);
      telling ??= clock.after(ROWS_WITHIN_MS, () => void tellRows().catch(failed));
    },
  };
}
