/**
 * A media worker: the entry of its thread. Started by pool.ts.
 *
 * What nobody caught makes the worker's state unknown: it logs it, ends what it carries with `error` so that every take is sealed, and
 * dies; the pool starts another in its place.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { pause, systemClock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { beep } from '../media/beep.ts';
import { createDtlsIdentity, type DtlsIdentity } from '../media/dtls-identity.ts';
import { createLineMemories } from '../media/line-memory.ts';
import { loadNativeSockets } from '../media/native-sockets.ts';
import { createPortPairs } from '../media/ports.ts';
import { openRtpLine } from '../media/rtp-line.ts';
import { createNodeSockets } from '../media/rtp-sockets.ts';
import { createTick } from '../media/tick.ts';
import { createSpool } from '../recording/spool.ts';
import type { FromSpool } from '../recording/spool-protocol.ts';
import { serveLines } from './line-server.ts';
import type { FromWorker, LogLevel, ToWorker, WorkerStart } from './protocol.ts';
import { rehearse } from './rehearsal.ts';

/** How long a failed worker takes to seal what it has. */
const LAST_WORDS_MS = 2000;

const main = parentPort;
if (main === null) throw new Error('worker.ts is the entry of a worker thread: start it by openPool');
const { address, ports, sockets, dtmf, spoolPort }: WorkerStart = workerData;
const send = (message: FromWorker) => main.postMessage(message);

const write = (level: LogLevel) => (fields: object, message: string) => {
  try {
    send({ type: 'log', level, fields, message });
  } catch {
    // Something in it cannot cross threads.
    send({ type: 'log', level, fields: { fields: String(fields) }, message });
  }
};
const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };

const native = sockets === 'node' ? undefined : loadNativeSockets(systemClock);
const rtpSockets = native ?? createNodeSockets(() => systemClock.monotonic());
const tick = createTick(systemClock, () => rtpSockets.poll());
const pairs = createPortPairs(ports, rtpSockets);
const memories = createLineMemories();
let identity: DtlsIdentity | undefined;
let rehearsed: Promise<void> | undefined;
const spool = createSpool(spoolPort);
spoolPort.on('message', (message: FromSpool) => spool.take(message));
spoolPort.on('close', () => spool.lost());
const server = serveLines({
  openLine: async (secure, onLost) => {
    // Not as the thread begins: Node.js 24 crashes where one is terminated in the middle of it. Calls can be had without.
    rehearsed ??= rehearse().then(
      () => {},
      (thrown: unknown) => log.warn({ error: reasonOf(thrown) }, 'a rehearsal failed'),
    );
    await rehearsed;
    // One certificate for all browsers of this worker, made when the first one calls.
    if (secure) identity ??= createDtlsIdentity(systemClock.now());
    const shared = { address, ports: pairs, tick, memories, dtmf, clock: systemClock, log };
    return openRtpLine(secure ? { ...shared, identity, onLost } : shared);
  },
  openTake: (line, spec, onGrown) => spool.openTake(spec, line.ring(spec.channels), onGrown),
  beep: beep(),
  send,
  log,
});

const stop = async (code: number) => {
  try {
    await Promise.race([server.close(), pause(systemClock, LAST_WORDS_MS)]);
  } finally {
    process.exit(code);
  }
};

process.on('uncaughtException', (thrown: unknown) => {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  log.error({ error: reasonOf(thrown), stack }, 'a media worker failed');
  void stop(1);
});
main.on('message', (message: ToWorker) => {
  if (message.type === 'close') void stop(0);
  else server.take(message);
});
send({ type: 'ready', sockets: native === undefined ? 'node' : 'native' });
