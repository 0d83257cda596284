/** How many recorded calls media workers carry on this machine, and what a packet costs them. */
import { cpus } from 'node:os';
import { pause, systemClock } from '../src/clock.ts';
import { startServer } from '../test/support/server.ts';
import { type Generator, startGenerator } from './load/start-generator.ts';
import { cpuBetween, droppedDatagrams, readCpu, residentMegabytes } from './process-cpu.ts';
import { type RecordingBot, startRecordingBot } from './recording-bot.ts';

/** Room for 5,000 calls, below the ports that the generator's sockets get from the system. */
const MEDIA_PORTS = '20000-29999';
/** Keys pressed at the end of a step, and how many of them in a second. */
const KEYS = 400;
const KEYS_PER_SECOND = 20;
const SETTLE_MS = 3000;
/** Calls that are up before the first step: what the process needs for any call at all is there with them. */
const FIRST_CALLS = 20;
/** A generator that is later than this sends in bursts: its figures say nothing about the server. */
const LATEST_GENERATOR_MS = 20;
/** A worker that is this busy cannot keep its ticks. */
const BUSIEST_SHARE = 0.97;

/** One step: so many calls up, for some seconds. */
interface Step {
  readonly calls: number;
  readonly packets: number;
  /** Datagrams that the kernel dropped because the worker did not read them in time. */
  readonly dropped: number;
  /** Of one core. */
  readonly workerShare: number;
  readonly processShare: number;
  readonly workerMicrosecondsPerPacket: number;
  readonly processMicrosecondsPerPacket: number;
  readonly generatorLatenessMs: number;
  readonly residentMegabytes: number;
  /** What a call adds to it. */
  readonly kilobytesPerCall: number;
  /** From the key to the notification that the recording has ended: median and 99th percentile. */
  readonly keyMs: readonly [median: number, p99: number] | undefined;
  /** Between two packets of the prompt, the 99th percentile: while calls are set up, and while it was measured. */
  readonly gapMs: readonly [settingUp: number | undefined, measured: number | undefined] | undefined;
}

export interface CapacityOptions {
  readonly seconds: number;
  readonly max: number;
  readonly first: number;
  readonly workers: number;
  readonly perSecond: number;
  /** Callers hear a prompt, and say nothing. */
  readonly listen?: boolean;
}

/** Runs the bench and prints what it found. Sets a failing exit code when not even the first step was carried. */
export async function capacity(options: CapacityOptions): Promise<void> {
  let api = '';
  const bot = await startRecordingBot(() => api, options.listen ? 'prompt' : 'record');
  const media = { address: '127.0.0.1', ports: MEDIA_PORTS, workers: options.workers };
  const server = await startServer({
    callbackUri: bot.callbackUri,
    config: { media, sip: { calls: 100_000 } },
  });
  api = server.http;
  const generator = await startGenerator(server.udp, options.listen ? 'silent' : 'speaking');
  const steps: Step[] = [];
  let worstMs = 0;
  let ending = `not tried beyond ${options.max} calls`;
  try {
    printHead(options);
    const parts = { server, generator, bot };
    const idle = await firstCalls(parts);
    for (const calls of stepsUpTo(options.first, options.max)) {
      const step = await runStep(calls, steps.at(-1)?.calls ?? FIRST_CALLS, options, parts, idle);
      printStep(step);
      const trouble = troubleOf(step);
      steps.push(step);
      if (trouble === undefined) continue;
      ending = trouble;
      break;
    }
    await generator.ask({ ask: 'hangUp' }, 'hungUp');
    worstMs = (await generator.ask({ ask: 'measure' }, 'measured')).worstMs;
    await generator.stop();
    await server.stop();
  } catch (error) {
    ending = error instanceof Error ? error.message : String(error);
    await generator.stop();
    await server.kill();
  }
  await bot.close();
  printResult(steps, ending, bot.tally, worstMs);
}

function stepsUpTo(first: number, max: number): number[] {
  const steps: number[] = [];
  for (let calls = first; calls < max; calls *= 2) steps.push(calls);
  return [...steps, max];
}

interface Parts {
  readonly server: { readonly pid: number };
  readonly generator: Generator;
  readonly bot: RecordingBot;
}

/** Resolves with the memory of a server that has had its first calls. */
async function firstCalls({ server, generator, bot }: Parts): Promise<number> {
  await placeCalls(FIRST_CALLS, FIRST_CALLS, FIRST_CALLS, { generator, bot });
  await pause(systemClock, SETTLE_MS);
  return residentMegabytes(server.pid);
}

/** Until there are `wanted` in all. */
async function placeCalls(
  calls: number,
  perSecond: number,
  wanted: number,
  { generator, bot }: Pick<Parts, 'generator' | 'bot'>,
): Promise<void> {
  const { up, failures } = await generator.ask({ ask: 'call', calls, perSecond }, 'called');
  if (up < wanted) throw new Error(`${wanted - up} of ${wanted} calls are not up: ${failures.join('; ')}`);
  await bot.recordings(wanted);
}

async function runStep(
  calls: number,
  before: number,
  options: CapacityOptions,
  parts: Parts,
  idleMegabytes: number,
): Promise<Step> {
  const { server, generator, bot } = parts;
  await generator.ask({ ask: 'measure' }, 'measured');
  await placeCalls(calls - before, options.perSecond, calls, parts);
  const settingUp = await generator.ask({ ask: 'measure' }, 'measured');
  await pause(systemClock, SETTLE_MS);

  await generator.ask({ ask: 'measure' }, 'measured');
  const cpuBefore = readCpu(server.pid);
  const droppedBefore = droppedDatagrams(server.pid);
  const start = performance.now();
  await pause(systemClock, options.seconds * 1000);
  const sent = await generator.ask({ ask: 'measure' }, 'measured');
  const use = cpuBetween(cpuBefore, readCpu(server.pid), server.pid);
  const elapsedMs = performance.now() - start;
  const memory = residentMegabytes(server.pid);
  return {
    calls,
    packets: sent.packets,
    dropped: droppedDatagrams(server.pid) - droppedBefore,
    workerShare: use.busiest.ms / elapsedMs,
    processShare: use.processMs / elapsedMs,
    workerMicrosecondsPerPacket: (use.busiest.ms * 1000) / sent.packets,
    processMicrosecondsPerPacket: (use.processMs * 1000) / sent.packets,
    generatorLatenessMs: sent.latenessMs,
    residentMegabytes: memory,
    kilobytesPerCall: (1000 * (memory - idleMegabytes)) / (calls - FIRST_CALLS),
    keyMs: options.listen ? undefined : await pressKeys(Math.min(calls - before, KEYS), generator, bot),
    gapMs: options.listen ? [settingUp.gapMs, sent.gapMs] : undefined,
  };
}

/** From the first packet of a key to the notification that its recording has ended, made and all. */
async function pressKeys(
  calls: number,
  generator: Generator,
  bot: RecordingBot,
): Promise<readonly [median: number, p99: number]> {
  const { at } = await generator.ask({ ask: 'press', calls, perSecond: KEYS_PER_SECOND }, 'pressed');
  const took = await Promise.all(at.map(async ([caller, ms]) => (await bot.ended(caller)) - ms));
  took.sort((a, b) => a - b);
  await bot.recordings(0);
  return [took[took.length >> 1] ?? 0, took[Math.ceil(took.length * 0.99) - 1] ?? 0];
}

/** What went wrong in a step; `undefined` when it was carried. */
function troubleOf(step: Step): string | undefined {
  if (step.generatorLatenessMs > LATEST_GENERATOR_MS) return `the generator was late at ${step.calls} calls`;
  if (step.dropped > 0) return `${step.dropped} packets were lost at ${step.calls} calls`;
  if (step.workerShare > BUSIEST_SHARE) return `the worker had no time left at ${step.calls} calls`;
  return undefined;
}

const COLUMNS = [
  'calls',
  'packets',
  'lost',
  'worker',
  'process',
  'µs/packet',
  '(process)',
  'gen. late',
  'memory',
  'a call',
  'key p50/99',
  'gap p99',
];

function printHead({ workers, listen }: CapacityOptions): void {
  console.log(
    `${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}; ${workers} media worker(s); callers ${listen ? 'hear a prompt that they may break into' : 'are recorded'}\n`,
  );
  printRow(COLUMNS);
}

function printStep(step: Step): void {
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  printRow([
    String(step.calls),
    String(step.packets),
    String(step.dropped),
    percent(step.workerShare),
    percent(step.processShare),
    step.workerMicrosecondsPerPacket.toFixed(1),
    step.processMicrosecondsPerPacket.toFixed(1),
    `${step.generatorLatenessMs.toFixed(1)} ms`,
    `${step.residentMegabytes} MB`,
    `${step.kilobytesPerCall.toFixed(0)} kB`,
    step.keyMs === undefined ? '' : step.keyMs.map((ms) => ms.toFixed(0)).join('/'),
    step.gapMs?.join('/') ?? '',
  ]);
}

function printRow(cells: readonly string[]): void {
  console.log(cells.map((cell) => cell.padStart(10)).join(' '));
}

function printResult(
  steps: readonly Step[],
  ending: string,
  recordings: RecordingBot['tally'],
  generatorWorstMs: number,
): void {
  const carried = steps.filter((step) => troubleOf(step) === undefined).at(-1);
  console.log(`\nCarried: ${carried?.calls ?? 0} recorded calls (${ending}).`);
  console.log(`Recordings that ended: ${recordings.ended}; with every packet, in time: ${recordings.whole}.`);
  console.log(
    `The generator was late by ${generatorWorstMs.toFixed(0)} ms at worst: what comes 300 ms late is too late.`,
  );
  if (carried === undefined) process.exitCode = 1;
  const result = {
    bench: 'capacity',
    node: process.version,
    cpu: cpus()[0]?.model,
    carried: carried?.calls ?? 0,
    ending,
    recordings,
    generatorWorstMs,
    steps,
  };
  console.log(JSON.stringify(result));
}
