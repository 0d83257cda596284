/** Whether a server under calls that come and go for long keeps its memory flat, gives everything back, and records every call right. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pause, systemClock } from '../src/clock.ts';
import { leftBehind } from '../test/support/left-behind.ts';
import { startServer, type TestServer } from '../test/support/server.ts';
import { seeded } from './hearing/sounds.ts';
import { type Generator, startGenerator } from './load/start-generator.ts';
import { droppedDatagrams, residentMegabytes } from './process-cpu.ts';
import { type SoakBot, startSoakBot } from './soak-bot.ts';

export interface SoakOptions {
  readonly calls: number;
  readonly minutes: number;
  readonly seed: number;
}

/** A look at the server's process. */
interface Reading {
  readonly seconds: number;
  readonly calls: number;
  readonly residentMegabytes: number;
  readonly heapMegabytes: number;
  readonly files: number;
  readonly threads: number;
  /** Of the main thread: handles and requests, timers apart. */
  readonly handles: number;
}

/** A look at a server that has no call: what is more after than before was not given back. */
interface IdleReading extends Reading {
  /** Of the main thread. */
  readonly timers: number;
}

/** Room for 5,000 calls, below the ports that the generator's sockets get from the system. */
const MEDIA_PORTS = '20000-29999';
/** After the last call: SIP's transactions are remembered for 32 s (RFC 3261 §17, timers D and J), ports and connections for less. */
const LAST_TIMERS_MS = 40_000;
const READ_EVERY_S = 5;
const PRINT_EVERY = 4;
/** What the process needs for any call at all is there after these. */
const WARM_UP = { calls: 20, seconds: 15 };
const SETTLE_WITHIN_S = 60;
/** So much of the beginning says nothing of the slope. */
const SHARE_OF_RAMP = 1 / 3;

/** Runs the bench and prints what it found. Sets a failing exit code when a recording was wrong or something was not given back. */
export async function soak(options: SoakOptions): Promise<void> {
  let api = '';
  const bot = await startSoakBot(() => api, seeded(options.seed));
  const server = await startServer({
    callbackUri: bot.callbackUri,
    config: {
      media: { address: '127.0.0.1', ports: MEDIA_PORTS, workers: 1 },
      http: { listen: '127.0.0.1:0', requestsPerMinute: 10_000_000 },
      // What is kept reaches its full number while the bench is young; whoever looks at the recordings may be behind by so much.
      recordings: { retention: '120s' },
      calls: { retention: '120s' },
    },
    env: { NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'count-timers.ts'))}` },
  });
  api = server.http;
  const generator = await startGenerator(server.udp);
  const readings: Reading[] = [];
  const began = performance.now();
  const look = async () => read(server, Math.round((performance.now() - began) / 1000));
  const lookIdle = async () => ({ ...(await look()), timers: await countTimers(server) });

  await generator.ask({ ask: 'churn', calls: WARM_UP.calls, seed: options.seed }, 'churning');
  await pause(systemClock, WARM_UP.seconds * 1000);
  await calm(generator, server);
  const before = await lookIdle();

  printHead(options);
  await generator.ask({ ask: 'churn', calls: options.calls, seed: options.seed + 1 }, 'churning');
  for (const end = performance.now() + options.minutes * 60_000; performance.now() < end; ) {
    await pause(systemClock, READ_EVERY_S * 1000);
    readings.push(await look());
    if (readings.length % PRINT_EVERY === 0) print(readings.at(-1)!, bot);
  }
  const churned = await calm(generator, server);
  await bot.looked();
  await pause(systemClock, LAST_TIMERS_MS);
  const after = await lookIdle();
  print(after, bot);
  const dropped = droppedDatagrams(server.pid);
  const left = await leftAfterAll(server.dataFolder);
  await generator.stop();
  const code = await server.stop();
  await bot.close();
  report(options, { before, after, readings, churned, dropped, left, code, bot });
}

/** Resolves once every call is over, and nothing is under way any more. */
async function calm(generator: Generator, server: TestServer) {
  const counts = await generator.ask({ ask: 'calm' }, 'calmed');
  const deadline = performance.now() + SETTLE_WITHIN_S * 1000;
  while ((await metrics(server.http)).calls > 0 && performance.now() < deadline)
    await pause(systemClock, 200);
  await pause(systemClock, LAST_TIMERS_MS);
  return counts;
}

/** What is under way still gets its time. */
async function leftAfterAll(dataFolder: string): Promise<readonly string[]> {
  let left = leftBehind(dataFolder);
  for (let tried = 0; tried < 20 && left.length > 0; tried++) {
    await pause(systemClock, 500);
    left = leftBehind(dataFolder);
  }
  return left;
}

async function read(server: TestServer, seconds: number): Promise<Reading> {
  return {
    seconds,
    ...(await metrics(server.http)),
    residentMegabytes: residentMegabytes(server.pid),
    files: readdirSync(`/proc/${server.pid}/fd`).length,
    threads: readdirSync(`/proc/${server.pid}/task`).length,
  };
}

async function countTimers(server: TestServer): Promise<number> {
  const isCount = (entry: Record<string, unknown>) => entry.msg === 'counted';
  const before = server.log.filter(isCount).length;
  server.signal('SIGUSR2');
  await server.loggedTimes('counted', before + 1);
  return Number(server.log.findLast(isCount)?.timers);
}

async function metrics(http: string) {
  const text = await (await fetch(`${http}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  return {
    calls: value('tonearm_calls_active'),
    heapMegabytes: Math.round(value('nodejs_heap_size_used_bytes') / 1e6),
    handles: value('nodejs_active_handles_total') + value('nodejs_active_requests_total'),
  };
}

/** Megabytes an hour, by least squares, after the ramp. */
function slope(readings: readonly Reading[], of: (reading: Reading) => number): number {
  const steady = readings.slice(Math.floor(readings.length * SHARE_OF_RAMP));
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  const x = steady.map(({ seconds }) => seconds / 3600);
  const y = steady.map(of);
  const [mx, my] = [mean(x), mean(y)];
  const sxx = x.reduce((sum, one) => sum + (one - mx) ** 2, 0);
  return x.reduce((sum, one, index) => sum + (one - mx) * (y[index]! - my), 0) / sxx;
}

interface Found {
  readonly before: IdleReading;
  readonly after: IdleReading;
  readonly readings: readonly Reading[];
  readonly churned: Awaited<ReturnType<typeof calm>>;
  readonly dropped: number;
  readonly left: readonly string[];
  readonly code: number | null;
  readonly bot: SoakBot;
}

function report(options: SoakOptions, found: Found): void {
  const { before, after, readings, churned, dropped, left, code, bot } = found;
  const counts = bot.counts();
  const megabytesPerHour = {
    resident: Math.round(slope(readings, ({ residentMegabytes }) => residentMegabytes)),
    heap: Math.round(slope(readings, ({ heapMegabytes }) => heapMegabytes)),
  };
  const notGivenBack = Object.fromEntries(
    (['files', 'threads', 'handles', 'timers'] as const).map((what) => [what, after[what] - before[what]]),
  );
  const { answered, hungUpOn, refused, refusals } = churned;
  const untold = { calls: counts.calls - counts.ended, operations: counts.operations - counts.concluded };
  console.log(`
calls        ${answered} answered, ${hungUpOn} hung up on, ${refused} refused (${refusals.join('; ')})
recordings   ${counts.recordings}; ${counts.measured} measured, ${counts.heard} heard, ${counts.wrong} wrong
memory       ${before.residentMegabytes} MB idle before, ${after.residentMegabytes} after; slope under load ${megabytesPerHour.resident} MB/h resident, ${megabytesPerHour.heap} MB/h heap
given back   all but ${JSON.stringify(notGivenBack)} (negative: more was there before)
left behind  ${left.length === 0 ? 'nothing' : left.join('; ')}
untold       ${JSON.stringify(untold)}; datagrams dropped ${dropped}; exit code ${code}`);
  const ok =
    counts.wrong === 0 && left.length === 0 && code === 0 && untold.calls === 0 && untold.operations === 0;
  if (!ok) process.exitCode = 1;
  console.log(
    JSON.stringify({
      bench: 'soak',
      node: process.version,
      ...options,
      answered,
      hungUpOn,
      refused,
      bot: counts,
      megabytesPerHour,
      residentMegabytes: { before: before.residentMegabytes, after: after.residentMegabytes },
      notGivenBack,
      leftBehind: left.length,
      untold,
      dropped,
      code,
    }),
  );
}

const COLUMNS = [
  'seconds',
  'calls',
  'recordings',
  'wrong',
  'resident',
  'heap',
  'files',
  'threads',
  'handles',
];

function printHead({ calls, minutes, seed }: SoakOptions): void {
  console.log(`${process.version}; ${calls} calls that come and go, ${minutes} min, seed ${seed}\n`);
  console.log(COLUMNS.map((name) => name.padStart(10)).join(' '));
}

function print(reading: Reading, bot: SoakBot): void {
  const { recordings, wrong } = bot.counts();
  const { seconds, calls, residentMegabytes, heapMegabytes, files, threads, handles } = reading;
  const cells = [seconds, calls, recordings, wrong, `${residentMegabytes} MB`, `${heapMegabytes} MB`];
  console.log([...cells, files, threads, handles].map((cell) => String(cell).padStart(10)).join(' '));
}
