/** A pool of real workers, and callers over real RTP on loopback. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/clock.ts';
import { type Log, silentLog } from '../../src/log.ts';
import { openRtpLine, type RtpLine } from '../../src/media/rtp-line.ts';
import type { AudioParameters } from '../../src/media/session-description.ts';
import type { MediaEngine, MediaLine } from '../../src/operation/media-engine.ts';
import type { OperationProgress } from '../../src/operation/operation.ts';
import { openPool, startSpoolThread } from '../../src/operation/pool.ts';
import { recordSpec } from './operation-stage.ts';
import { samples } from './scripted-line.ts';
import { VirtualClock } from './virtual-clock.ts';

export const HERE = '127.0.0.1';

export interface PoolStage {
  readonly pool: MediaEngine;
  readonly ports: { readonly min: number; readonly max: number };
  /** Every worker that was started, in order. */
  readonly workers: Worker[];
  readonly clock: VirtualClock;
  readonly logged: string[];
  /** Resolves when so many workers have been started in all. */
  started(count: number): Promise<void>;
  /** Resolves when so many workers have died in all. */
  died(count: number): Promise<void>;
  /** A caller at the other end of `line`, connected both ways. */
  call(line: MediaLine): Promise<RtpLine>;
  /** A record whose take has this id. */
  record(recordingId: string, changes?: Parameters<typeof recordSpec>[0]): ReturnType<typeof recordSpec>;
  /** What is in the spool, 8 kHz. */
  spooled(recordingId: string): Promise<Int16Array>;
}

/** Everything is closed and removed when the test ends. */
export async function poolStage(
  test: TestContext,
  { workers: count = 1, pairs = 8 }: { workers?: number; pairs?: number } = {},
): Promise<PoolStage> {
  const folder = await mkdtemp(join(tmpdir(), 'pool-'));
  const min = await freePorts(2 * pairs);
  const ports = { min, max: min + 2 * pairs - 1 };
  const workers: Worker[] = [];
  const clock = new VirtualClock();
  const logged: string[] = [];
  let wake = () => {};
  const note = (_: object, message: string) => {
    logged.push(message);
    wake();
  };
  const log: Log = { ...silentLog, warn: note, error: note };
  const pool = await openPool(
    { address: HERE, ports, workers: count, log },
    {
      clock,
      startSpool: startSpoolThread,
      startWorker(start) {
        const worker = new Worker(new URL('./failing-worker.ts', import.meta.url), {
          workerData: start,
          transferList: [start.spoolPort],
        });
        workers.push(worker);
        wake();
        return worker;
      },
    },
  );
  const phones: RtpLine[] = [];
  test.after(async () => {
    await pool.close();
    for (const phone of phones) await phone.close();
    await rm(folder, { recursive: true });
  });

  return {
    pool,
    ports,
    workers,
    clock,
    logged,
    async started(wanted) {
      while (workers.length < wanted) await new Promise<void>((resolve) => (wake = resolve));
    },
    async died(wanted) {
      while (logged.filter((message) => message.includes('died')).length < wanted)
        await new Promise<void>((resolve) => (wake = resolve));
    },
    async call(line) {
      const from = await freePorts(2);
      const phone = await openRtpLine({
        address: HERE,
        ports: { min: from, max: from + 1 },
        clock: systemClock,
        log: silentLog,
      });
      phones.push(phone);
      phone.connect(towards(line.port));
      line.connect(towards(phone.port));
      return phone;
    },
    record: (recordingId, changes = {}) =>
      recordSpec({
        ...changes,
        take: {
          recordingId,
          folder,
          callId: 'c1',
          operationId: `o-${recordingId}`,
          streamed: true,
          channels: 1,
        },
      }),
    async spooled(recordingId) {
      const bytes = await readFile(join(folder, `${recordingId}.pcm`));
      return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    },
  };
}

/** Keeps progress, and lets a test wait for a phase. */
export function listener() {
  const told: OperationProgress[] = [];
  let wake = () => {};
  return {
    told,
    tell(progress: OperationProgress) {
      told.push(progress);
      wake();
    },
    async until(phase: OperationProgress['phase']) {
      while (!told.some((progress) => progress.phase === phase))
        await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

/** Noise that comes and goes four times a second, as syllables do; the same each time. */
export function syllables(ms: number): Int16Array {
  let state = 1;
  return Int16Array.from({ length: samples(ms) }, (_, index) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const loudness = Math.sin((2 * Math.PI * 2 * index) / 8000) ** 2;
    return ((state >>> 16) / 65536 - 0.5) * 16_000 * loudness;
  });
}

/** PCMU with telephone-event, to a port of this machine. */
export function towards(port: number): AudioParameters {
  return {
    remote: { address: HERE, port, rtcpPort: port + 1 },
    codec: 'PCMU',
    sendPayloadType: 0,
    receive: { 0: 'PCMU', 101: 'telephone-event' },
    sendEventPayloadType: 101,
    sendEventClock: 8000,
    packetTimeMs: 20,
    direction: 'sendrecv',
  };
}

/**
 * The first, an even one, of so many UDP ports that were free a moment ago. Below the ports that the system gives out by itself, so that
 * none of them is taken in between.
 */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 10_000 + 2 * randomInt((20_000 - count) / 2);
    const tries = Array.from({ length: count }, (_, index) => isFree(first + index));
    if ((await Promise.all(tries)).every((free) => free)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind({ port, address: HERE, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
