/**
 * The media engine without threads: both sides of its protocols are the real ones, and so are lines, queues, takes and the spool; what crosses
 * between threads goes through gates, in order. Workers die when a test wants it.
 */
import type { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../../src/clock.ts';
import { TonearmError } from '../../../src/errors.ts';
import { silentLog } from '../../../src/log.ts';
import { beep } from '../../../src/media/beep.ts';
import { createLineMemories } from '../../../src/media/line-memory.ts';
import { createPortPairs, type PortRange, shareOfPorts } from '../../../src/media/ports.ts';
import { openRtpLine } from '../../../src/media/rtp-line.ts';
import { createTick } from '../../../src/media/tick.ts';
import { type LineServer, serveLines } from '../../../src/operation/line-server.ts';
import type { MediaEngine, MediaLine } from '../../../src/operation/media-engine.ts';
import type { FromWorker, ToWorker } from '../../../src/operation/protocol.ts';
import { linkWorker, type WorkerLink } from '../../../src/operation/worker-link.ts';
import { createSpool } from '../../../src/recording/spool.ts';
import { openTakeFiles } from '../../../src/recording/spool-files.ts';
import { createWorkerTakes, type WorkerTakes } from '../../../src/recording/spool-writer.ts';
import type { Gates } from './gates.ts';
import { Air } from './wire.ts';

const ADDRESS = '192.0.2.1';
/** Of all cases: a worker's first line would else cost two megabytes. */
const MEMORIES = createLineMemories();

export interface EngineFaults {
  /** The spool's disk refuses. */
  diskFull: boolean;
}

export class SimulatedEngine implements Pick<MediaEngine, 'openLine' | 'close'> {
  readonly faults: EngineFaults = { diskFull: false };
  readonly #clock: Clock;
  readonly #gates: Gates;
  readonly #shares: readonly PortRange[];
  readonly #workers: SimulatedWorker[] = [];
  #started = 0;
  #closed = false;

  constructor(clock: Clock, gates: Gates, ports: PortRange, workers: number) {
    this.#clock = clock;
    this.#gates = gates;
    this.#shares = Array.from({ length: workers }, (_, index) => shareOfPorts(ports, index, workers));
    for (const index of this.#shares.keys()) this.#start(index);
  }

  async openLine({ callId }: { readonly callId: string }): Promise<MediaLine> {
    let refused: unknown = new TonearmError('workerFailed', 'no media worker runs');
    for (const { link } of [...this.#workers].sort((a, b) => a.link.load - b.link.load)) {
      try {
        return await link.openLine(callId, false);
      } catch (thrown) {
        refused = thrown;
      }
    }
    throw refused;
  }

  /** The worker that is in this place now dies; another one takes it. */
  kill(place: number): void {
    this.#workers[place % this.#workers.length]?.die();
  }

  /** A datagram for whoever has the port. */
  arrive(port: number, from: number, bytes: Uint8Array): void {
    for (const { air } of this.#workers) air.arrive(port, from, bytes, this.#clock.monotonic());
  }

  /** The spool's thread looks at its takes. */
  poll(): void {
    for (const { takes } of this.#workers) takes.poll();
  }

  /** What is open in living workers, by name; each 0 when nothing is. */
  get open(): Readonly<Record<string, number>> {
    const sum = (of: (worker: SimulatedWorker) => number) =>
      this.#workers.reduce((total, worker) => total + of(worker), 0);
    return {
      lines: sum(({ link }) => link.load),
      sockets: sum(({ air }) => air.open),
      pairs: sum(({ pairs, places }) => places - pairs.free),
      memories: sum(({ memories }) => memories),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    const gone = this.#workers.map(({ link }) => link.gone);
    for (const { link } of this.#workers) link.close();
    await Promise.all(gone);
  }

  #start(place: number): void {
    const name = `${place}.${this.#started++}`;
    const ports = this.#shares[place]!;
    const worker = new SimulatedWorker(name, ports, this.#clock, this.#gates, this.faults);
    this.#workers[place] = worker;
    void worker.link.gone.then(() => {
      if (!this.#closed) this.#start(place);
    });
  }
}

class SimulatedWorker {
  readonly air = new Air();
  readonly pairs: ReturnType<typeof createPortPairs>;
  readonly places: number;
  readonly takes: WorkerTakes;
  readonly link: WorkerLink;
  /** Lines' memories that were claimed and not freed. */
  memories = 0;
  readonly #timers = new Set<Timer>();
  readonly #server: LineServer;
  readonly #listeners = new Map<string, (value: never) => void>();
  readonly #tell: (event: string, value: unknown) => void;
  #dead = false;

  constructor(name: string, ports: PortRange, clock: Clock, gates: Gates, faults: EngineFaults) {
    this.pairs = createPortPairs(ports, this.air);
    this.places = this.pairs.free;
    this.#tell = (event, value) =>
      gates.post(`from worker ${name}`, () => this.#listeners.get(event)?.(value as never));
    const own = this.#clockOf(clock);
    const tick = createTick(own);
    const spool = createSpool({
      postMessage: (message) => {
        if (this.#dead) return;
        // Rings are shared; the rest is not.
        const sent = message.type === 'open' ? message : structuredClone(message);
        gates.post(`to spool ${name}`, () => this.takes.take(sent));
      },
    });
    this.takes = createWorkerTakes(
      (message) => gates.post(`from spool ${name}`, () => this.#dead || spool.take(message)),
      (...parts) => {
        if (faults.diskFull) throw new Error('no space left on device');
        return openTakeFiles(...parts);
      },
    );
    this.#server = serveLines({
      openLine: () =>
        openRtpLine({
          address: ADDRESS,
          ports: this.pairs,
          tick,
          clock: own,
          log: silentLog,
          memories: { claim: () => this.#claim() },
        }),
      openTake: (line, spec, onGrown) => spool.openTake(spec, line.ring(spec.channels), onGrown),
      beep: beep(),
      send: (message: FromWorker) => this.#dead || this.#tell('message', message),
      log: silentLog,
    });
    const thread = {
      on: (event: string, listener: (value: never) => void) => this.#listeners.set(event, listener),
      postMessage: (message: ToWorker) =>
        gates.post(`to worker ${name}`, () => {
          if (this.#dead) return;
          if (message.type === 'close') void this.#server.close().then(() => this.die());
          else this.#server.take(message);
        }),
    };
    const abandon = () =>
      new Promise<ReadonlyMap<string, number>>((resolve) =>
        gates.post(`to spool ${name}`, () => {
          const left = this.takes
            .abandon()
            .map(({ recordingId, samples }) => [recordingId, samples] as const);
          gates.post(`spool ${name} is done`, () => resolve(new Map(left)));
        }),
      );
    this.link = linkWorker(thread as unknown as Worker, silentLog, { abandon });
  }

  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    for (const timer of this.#timers) timer.cancel();
    this.air.closeAll();
    this.#tell('exit', 1);
  }

  #claim() {
    const memory = MEMORIES.claim();
    this.memories++;
    memory.free = () => {
      this.memories--;
      // Whoever claims it next counts for itself.
      Reflect.deleteProperty(memory, 'free');
      memory.free();
    };
    return memory;
  }

  /** Its timers die with it. */
  #clockOf(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs, action) => {
        const timer = clock.after(delayMs, () => {
          this.#timers.delete(timer);
          if (!this.#dead) action();
        });
        this.#timers.add(timer);
        return {
          cancel: () => {
            timer.cancel();
            this.#timers.delete(timer);
          },
        };
      },
    };
  }
}
