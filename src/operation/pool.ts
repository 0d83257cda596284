/** The media engine over worker threads: lines go to the worker that has fewest, a worker that died is replaced. */
import { Worker } from 'node:worker_threads';
import { type Clock, pause, systemClock } from '../clock.ts';
import { TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { DtmfMode } from '../media/keys.ts';
import { type PortRange, shareOfPorts } from '../media/ports.ts';
import type { OnHeard } from './linked-line.ts';
import type { MediaEngine, PacketCounts } from './media-engine.ts';
import type { WorkerStart } from './protocol.ts';
import { linkSpool } from './spool-link.ts';
import { linkWorker, type WorkerLink } from './worker-link.ts';

export interface PoolOptions {
  /** Where lines bind their ports. */
  readonly address: string;
  /** Shared out between the workers. */
  readonly ports: PortRange;
  /** `auto` (the default): native ones where they were built. */
  readonly sockets?: 'auto' | 'node';
  /** How keys are heard; default `auto`. */
  readonly dtmf?: DtmfMode | undefined;
  /** At least 1; never more than there are pairs of ports. */
  readonly workers: number;
  /** Who is to be told what the line of this call hears; asked when it opens. Default: nobody. */
  readonly watch?: ((callId: string) => OnHeard | undefined) | undefined;
  readonly log: Log;
}

/** What tests replace. */
export interface PoolParts {
  /** `start.spoolPort` is to be transferred. */
  readonly startWorker: (start: WorkerStart) => Worker;
  readonly startSpool: () => Worker;
  readonly clock: Clock;
}

/** A place in the pool: it keeps its share of the ports, whatever becomes of its workers. */
interface Place {
  readonly start: Omit<WorkerStart, 'spoolPort'>;
  /** `undefined` while none runs. */
  link: WorkerLink | undefined;
  worker: Worker | undefined;
}

/** A worker that dies young is started again only after a pause, which doubles each time. */
const YOUNG_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;
/** A worker that does not stop when it is asked to is stopped. */
const CLOSE_MS = 5000;

/** Resolves when every worker is ready; throws TonearmError `workerFailed` when one cannot be started. */
export async function openPool(
  options: PoolOptions,
  { startWorker, startSpool, clock }: PoolParts = {
    startWorker: startMediaWorker,
    startSpool: startSpoolThread,
    clock: systemClock,
  },
): Promise<MediaEngine> {
  const { address, ports, log, sockets = 'auto', dtmf = 'auto' } = options;
  const closing = new AbortController();
  const pairs = Math.floor((ports.max - ports.min - (ports.min % 2) + 1) / 2);
  const count = Math.max(1, Math.min(options.workers, pairs));
  const places = Array.from(
    { length: count },
    (_, index): Place => ({
      start: { address, ports: shareOfPorts(ports, index, count), sockets, dtmf },
      link: undefined,
      worker: undefined,
    }),
  );

  let spool = linkSpool(startSpool(), log);
  /** Without it the workers' takes are lost: they go with it, and begin anew with another. */
  const keepSpool = async () => {
    while (!closing.signal.aborted) {
      await spool.gone;
      if (closing.signal.aborted) return;
      log.error({}, "the spool's thread died; it and the media workers are started anew");
      spool = linkSpool(startSpool(), log);
      for (const { worker } of places) void worker?.terminate();
    }
  };

  /** Of workers that are gone. */
  const past = { expected: 0, received: 0 };
  const add = (sum: { expected: number; received: number }, { expected, received }: PacketCounts) => {
    sum.expected += expected;
    sum.received += received;
  };

  /** Runs one worker to its end. */
  const occupy = async (place: Place, onReady: () => void) => {
    const workerSpool = spool.connect();
    const worker = startWorker({ ...place.start, spoolPort: workerSpool.port });
    place.worker = worker;
    const link = linkWorker(worker, log, workerSpool);
    place.link = link;
    const stop = () => {
      link.close();
      const limit = clock.after(CLOSE_MS, () => void worker.terminate());
      void link.gone.then(() => limit.cancel());
    };
    closing.signal.addEventListener('abort', stop, { once: true });
    try {
      await link.ready.then(onReady);
    } finally {
      await link.gone;
      add(past, await link.packets());
      place.link = undefined;
      place.worker = undefined;
      closing.signal.removeEventListener('abort', stop);
    }
  };

  /** Keeps a place occupied until the pool closes. Never rejects. */
  const keep = async (place: Place, onReady: () => void, onFailed: (thrown: unknown) => void) => {
    let wait = 0;
    while (!closing.signal.aborted) {
      const began = clock.monotonic();
      await occupy(place, onReady).catch(onFailed);
      if (closing.signal.aborted) return;
      const young = clock.monotonic() - began < YOUNG_MS;
      wait = young ? Math.min(LONGEST_PAUSE_MS, wait === 0 ? FIRST_PAUSE_MS : wait * 2) : 0;
      const { min, max } = place.start.ports;
      log.error({ ports: `${min}-${max}`, pauseMs: wait }, 'a media worker died; another is started');
      await pause(clock, wait, closing.signal);
    }
  };

  const kept: Promise<void>[] = [];
  const close = async () => {
    closing.abort();
    await Promise.all(kept);
    await spool.close();
  };
  try {
    await spool.ready;
    void keepSpool();
    await Promise.all(
      places.map((place) => new Promise<void>((ready, failed) => kept.push(keep(place, ready, failed)))),
    );
  } catch (thrown) {
    await close();
    throw thrown;
  }

  return {
    async openLine({ callId, secure = false }) {
      const links = places.flatMap(({ link }) => link ?? []).sort((a, b) => a.load - b.load);
      const onHeard = options.watch?.(callId);
      let refused: unknown = new TonearmError('workerFailed', 'no media worker runs; one is being started');
      for (const link of links) {
        if (closing.signal.aborted) break;
        try {
          return await link.openLine(callId, secure, onHeard);
        } catch (thrown) {
          refused = thrown;
          if (!triesNext(thrown)) throw thrown;
        }
      }
      if (closing.signal.aborted) throw new TonearmError('engineClosed', 'the media engine is closed');
      throw refused;
    },
    async packets() {
      const links = places.flatMap(({ link }) => link ?? []);
      const each = await Promise.all(links.map((link) => link.packets()));
      const sum = { ...past };
      for (const counts of each) add(sum, counts);
      return sum;
    },
    close,
  };
}

/** Another worker may still have a pair of ports, or be alive. */
function triesNext(thrown: unknown): boolean {
  return thrown instanceof TonearmError && (thrown.code === 'noPorts' || thrown.code === 'workerFailed');
}

function startMediaWorker(start: WorkerStart): Worker {
  return new Worker(entry('./worker'), { workerData: start, transferList: [start.spoolPort], name: 'media' });
}

/** As it is started in earnest. */
export function startSpoolThread(): Worker {
  return new Worker(entry('../recording/spool-thread'), { name: 'spool' });
}

/** TypeScript in the repository, JavaScript in the built package. */
function entry(path: string): URL {
  return new URL(`${path}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}
