/**
 * A whole server on a clock that stands still: the real user agent, calls, operations, lines, takes, recordings, outbox and notifier. No sockets and
 * no threads: messages between them go through gates. Files are real, in a folder of its own.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Calls, createCalls } from '../../../src/call/calls.ts';
import type { Command, Fact, OperationSnapshot, Reply } from '../../../src/call/model.ts';
import { embeddedCluster } from '../../../src/cluster/embedded.ts';
import { type Log, silentLog } from '../../../src/log.ts';
import { finishFile } from '../../../src/recording/finish.ts';
import type { PreparedRecording } from '../../../src/recording/library.ts';
import { openRecordings, type Recordings } from '../../../src/recording/recordings.ts';
import { createUserAgent } from '../../../src/sip/endpoint.ts';
import type { UserAgent } from '../../../src/sip/user-agent.ts';
import { writeRtpHeader } from '../../../src/wire/rtp.ts';
import { APPLICATION, type Asked, filledIn } from '../call-stage.ts';
import { directoryOf } from '../directory.ts';
import { MemoryStore } from '../memory-store.ts';
import { keyPackets, speechPackets } from '../pcap.ts';
import { syllables } from '../pool-stage.ts';
import { USUAL_SETTINGS } from '../recordings.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { GatedStore } from './gated.ts';
import { Gates } from './gates.ts';
import { Ledger } from './ledger.ts';
import { Reader } from './reader.ts';
import { SimulatedEngine } from './simulated-engine.ts';
import { Wire } from './wire.ts';

const PORTS = { min: 20_000, max: 20_007 };
/** A disk that is none: thousands of cases wait for theirs. */
const MEMORY = '/dev/shm';
const TICK_MS = 20;
const SPEECH = speechPackets(syllables(400));
const PROMPT = new Int16Array(new SharedArrayBuffer(2 * 1600)).fill(1000);

/** What a phone has still to send, a packet each 20 ms. */
interface Sending {
  readonly to: number;
  readonly from: number;
  readonly packets: { readonly payloadType: number; readonly payload: Uint8Array; readonly at: number }[];
  sequence: number;
}

export class WholeServer {
  readonly clock = new VirtualClock();
  readonly gates = new Gates();
  readonly ledger = new Ledger();
  readonly wire = new Wire(this.gates, silentLog);
  readonly engine = new SimulatedEngine(this.clock, this.gates, PORTS, 2);
  readonly store = new GatedStore(() => this.clock.now(), this.gates);
  readonly faults = { encoder: false, prompts: false };
  /** What the bot was answered with. */
  readonly made: OperationSnapshot[] = [];
  readonly prepared: PreparedRecording[] = [];
  readonly readers: Reader[] = [];
  /** Errors of the log: some are to be, after a fault. */
  readonly errors: string[] = [];
  readonly #folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'races-'));
  readonly #facts: Fact[] = [];
  readonly #replies: Promise<Reply>[] = [];
  readonly #sending = new Map<number, Sending>();
  readonly #stop = new AbortController();
  readonly #cluster = embeddedCluster<Command, Reply, Fact>();
  readonly #telling = this.ledger.follow(this.#cluster, this.clock, this.gates);
  #signing = 0;
  agent!: UserAgent;
  calls!: Calls;
  recordings!: Recordings;

  static async start(): Promise<WholeServer> {
    const server = new WholeServer();
    await server.#start();
    return server;
  }

  async #start(): Promise<void> {
    const { clock, gates, faults } = this;
    const log: Log = {
      ...silentLog,
      error: (fields, message) => void this.errors.push(`${message} ${JSON.stringify(fields)}`),
    };
    const listen = { transport: 'udp', address: '192.0.2.1', port: 5060 } as const;
    this.agent = await createUserAgent({
      listen: [listen],
      clock,
      log,
      open: this.wire.open,
      limits: { isTrusted: () => true },
    });
    this.recordings = await openRecordings({
      folder: this.#folder,
      // Not behind gates: how long a step of a recording takes is decided once, below.
      store: new MemoryStore(() => clock.now()),
      clock,
      log,
      ...USUAL_SETTINGS,
      encoder: {
        warm() {},
        async encode(job) {
          await gates.pass('encoder');
          if (faults.encoder) throw new Error('no space left on device');
          return finishFile(job);
        },
        close: async () => {},
      },
    });
    void (async () => {
      for await (const fact of this.#cluster.events(this.#stop.signal)) this.#facts.push(fact);
    })();
    this.calls = createCalls({
      userAgent: this.agent,
      engine: this.engine,
      recordings: this.#slow(this.recordings),
      prompts: {
        async get() {
          await gates.pass('prompt');
          return faults.prompts
            ? { ok: false, why: 'unavailable', message: 'answered 404' }
            : { ok: true, samples: PROMPT };
        },
      },
      store: this.store,
      cluster: this.#cluster,
      clock,
      log,
      applications: directoryOf([APPLICATION]),
      mediaAddress: listen.address,
      codecs: ['PCMU'],
      spoolFolder: this.recordings.spoolFolder,
      spellingOf: ({ dialect }) => dialect,
      noMediaMs: 10_000,
    });
    await this.idle();
  }

  #slow(recordings: Recordings): Recordings {
    const { gates } = this;
    return Object.assign(Object.create(recordings) as Recordings, {
      prepare: async (request: Parameters<Recordings['prepare']>[0]) => {
        await gates.pass('prepare');
        this.#signing++;
        const prepared = await recordings.prepare(request).finally(() => this.#signing--);
        this.prepared.push(prepared);
        return prepared;
      },
      grown: (...growth: Parameters<Recordings['grown']>) => recordings.grown(...growth),
      keep: (...take: Parameters<Recordings['keep']>) => recordings.keep(...take),
      discard: async (id: string) => {
        await gates.pass('discard');
        await recordings.discard(id);
      },
      open: (id: string) => recordings.open(id),
    });
  }

  get callIds(): readonly string[] {
    return [...new Set(this.#facts.flatMap((fact) => (fact.kind === 'call' ? [fact.call.id] : [])))];
  }

  ask(asked: Asked, callId = 'none'): void {
    const reply = this.calls.ask(callId, filledIn(asked, APPLICATION.id));
    this.#replies.push(reply);
    void reply.then((reply) => reply.ok && reply.operation && this.made.push(reply.operation));
  }

  create(): void {
    const target = { kind: 'user', id: 'sip:bob@192.0.2.7', displayName: 'Bob' } as const;
    const reply = this.calls.create({
      applicationId: APPLICATION.id,
      target,
      callerId: undefined,
      callbackUri: 'http://bot/outgoing',
      preFetch: [],
      subject: undefined,
      ringSeconds: undefined,
      spelling: 'app',
      scenarioId: undefined,
      clientRequestId: undefined,
    });
    this.#replies.push(reply);
  }

  read(index: number): void {
    const prepared = this.prepared[index % this.prepared.length];
    if (prepared !== undefined) this.readers.push(new Reader(this.recordings, prepared.recordingId));
  }

  /** The phone says something for 400 ms. */
  speak(index: number): void {
    this.#transmit(index, (at) =>
      SPEECH.map(({ payload }, n) => ({ payloadType: 0, payload, at: at + 160 * n })),
    );
  }

  press(index: number, key: string): void {
    this.#transmit(index, (at) =>
      keyPackets(key, { atMs: 0, sequence: 0 }).map(({ payload }) => ({ payloadType: 101, payload, at })),
    );
  }

  #transmit(index: number, packets: (at: number) => Sending['packets']): void {
    const phone = this.wire.phones[index];
    if (phone?.serverPort === undefined) return;
    const before = this.#sending.get(phone.port);
    const { sequence } = before ?? { sequence: 1 };
    const at = (this.clock.monotonic() * 8) >>> 0;
    this.#sending.set(phone.port, { to: phone.serverPort, from: phone.port, packets: packets(at), sequence });
  }

  /** Time goes by, and with it what phones say. */
  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += TICK_MS) {
      for (const sending of this.#sending.values()) this.#sendNext(sending);
      await this.clock.advance(TICK_MS);
      if (at % 100 === 0) this.engine.poll();
    }
    await this.idle();
  }

  #sendNext(sending: Sending): void {
    const next = sending.packets.shift();
    if (next === undefined) return;
    const bytes = Buffer.alloc(12 + next.payload.length);
    writeRtpHeader(
      bytes,
      next.payloadType,
      sending.sequence === 1,
      sending.sequence++,
      next.at,
      sending.from,
    );
    bytes.set(next.payload, 12);
    this.engine.arrive(sending.to, sending.from, bytes);
  }

  /** Resolves when all that can happen without time has: promises, and the disk. */
  async idle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await new Promise((resolve) => setImmediate(resolve));
      const busy =
        this.#signing > 0 || process.getActiveResourcesInfo().some((name) => /^(FSReq|CloseReq)/.test(name));
      quiet = busy ? 0 : quiet + 1;
    }
  }

  /** Nothing stands in the way any more. */
  relent(): void {
    this.ledger.failing = this.store.broken = this.faults.encoder = this.faults.prompts = false;
    this.engine.faults.diskFull = false;
    this.wire.lost = this.wire.doubled = 0;
    this.wire.bad = false;
    for (const phone of this.wire.phones) phone.rude = false;
    this.gates.release();
  }

  /** Bots and phones hang up, and all that is under way comes to its end. */
  async finish(): Promise<void> {
    await this.pass(200);
    for (let round = 0; round < 8; round++) {
      for (const id of this.callIds) this.ask({ name: 'hangUp' }, id);
      for (const phone of this.wire.phones) phone.insist();
      await this.clock.advance(15_000);
      await this.idle();
    }
  }

  /** Stops, in the order of compose.ts. */
  async stop(): Promise<void> {
    this.agent.drain();
    const closed = (async () => {
      await this.calls.close(1000);
      await this.#telling.stop();
      await this.agent.close();
      await this.engine.close();
      await this.recordings.close();
    })();
    let done = false;
    void closed.then(() => (done = true));
    // Files are real ones: no limit passes while one is being made.
    for (let step = 0; step < 600 && !done; step++) {
      await this.idle();
      await this.clock.advance(100);
    }
    assert.ok(done, 'the server stops');
    await Promise.all(this.#replies);
    for (const reader of this.readers) await reader.ended;
    this.#stop.abort();
  }

  /** In the spool, and finished ones. */
  get files(): { readonly spool: readonly string[]; readonly finished: readonly string[] } {
    const list = (name: string) => readdirSync(join(this.#folder, name));
    return { spool: list('spool'), finished: list('finished') };
  }

  /** Files of its folder that this process has open, as far as the system tells: Linux does. */
  get openFiles(): readonly string[] {
    if (process.platform !== 'linux') return [];
    return readdirSync('/proc/self/fd').flatMap((name) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${name}`);
        return path.startsWith(this.#folder) ? [path] : [];
      } catch {
        return [];
      }
    });
  }

  remove(): void {
    this.ledger.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
