/** What a call over ICE and DTLS-SRTP costs the server beside one over plain RTP: the same audio, in one process, by turns. */
import { cpus } from 'node:os';
import { pause, systemClock } from '../src/clock.ts';
import { startServer, type TestServer } from '../test/support/server.ts';
import { startGenerator } from './load/start-generator.ts';
import { cpuBetween, readCpu } from './process-cpu.ts';
import { type RecordingBot, startRecordingBot } from './recording-bot.ts';

export interface WebrtcOptions {
  readonly calls: number;
  readonly seconds: number;
}

const MEDIA = ['rtp', 'webrtc'] as const;
type Media = (typeof MEDIA)[number];
/** What a call does: its caller speaks and is recorded; or is silent and is played a prompt, so packets go both ways. */
const WHATS = ['record', 'prompt'] as const;
const ROUNDS = 2;
const SETTLE_MS = 3000;
const PER_SECOND = 25;
/** A generator that is later than this sends in bursts: its figures say nothing about the server. */
const LATEST_GENERATOR_MS = 20;

/** Milliseconds of CPU for each second of a call: of all threads, and of the media worker. */
interface Cost {
  readonly processMs: number;
  readonly workerMs: number;
}

/** Prints a line for each kind of call, and one of JSON. */
export async function webrtc(options: WebrtcOptions): Promise<void> {
  console.log(
    `${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}; ${options.calls} calls, PCMU; CPU ms a second of a call\n`,
  );
  printRow(['', 'rtp', 'webrtc', 'ratio', '(worker)', 'webrtc', 'ratio']);
  const results = [];
  for (const what of WHATS) {
    const costs = await compare(what, options);
    const { rtp, webrtc } = costs;
    const row = (of: keyof Cost) => [
      rtp[of].toFixed(3),
      webrtc[of].toFixed(3),
      (webrtc[of] / rtp[of]).toFixed(2),
    ];
    printRow([what, ...row('processMs'), ...row('workerMs')]);
    const { ended, whole } = costs.recordings;
    console.log(`           of ${ended} recordings ${whole} have every packet, each in time`);
    results.push({ what, ...costs });
  }
  console.log(JSON.stringify({ bench: 'webrtc', node: process.version, ...options, results }));
}

async function compare(
  what: (typeof WHATS)[number],
  options: WebrtcOptions,
): Promise<Readonly<Record<Media, Cost> & { recordings: RecordingBot['tally'] }>> {
  let api = '';
  const bot = await startRecordingBot(() => api, what);
  const media = { address: '127.0.0.1', workers: 1 };
  const server = await startServer({ callbackUri: bot.callbackUri, config: { media } });
  api = server.http;
  let recordings = 0;
  const costs: Record<Media, Cost[]> = { rtp: [], webrtc: [] };
  try {
    for (let round = 0; round < ROUNDS; round++)
      for (const media of MEDIA)
        costs[media].push(
          await measure(server, { ...options, what, media, bot, recordings: (recordings += options.calls) }),
        );
    await server.stop();
  } finally {
    await server.kill();
    await bot.close();
  }
  return { rtp: mean(costs.rtp), webrtc: mean(costs.webrtc), recordings: bot.tally };
}

/** So many calls, up and down again. `recordings`: that the bot has begun by then, in all. */
async function measure(
  server: TestServer,
  options: WebrtcOptions & {
    readonly what: (typeof WHATS)[number];
    readonly media: Media;
    readonly bot: RecordingBot;
    readonly recordings: number;
  },
): Promise<Cost> {
  const { calls, seconds, what, media, bot, recordings } = options;
  const generator = await startGenerator(server.udp, what === 'prompt' ? 'silent' : 'speaking', media);
  try {
    const { up, failures } = await generator.ask({ ask: 'call', calls, perSecond: PER_SECOND }, 'called');
    if (up < calls) throw new Error(`${calls - up} of ${calls} calls are not up: ${failures.join('; ')}`);
    await bot.recordings(recordings);
    await pause(systemClock, SETTLE_MS);
    await generator.ask({ ask: 'measure' }, 'measured');
    const before = readCpu(server.pid);
    const began = performance.now();
    await pause(systemClock, seconds * 1000);
    const { latenessMs } = await generator.ask({ ask: 'measure' }, 'measured');
    const { processMs, busiest } = cpuBetween(before, readCpu(server.pid), server.pid);
    const lasted = (performance.now() - began) / 1000;
    if (latenessMs > LATEST_GENERATOR_MS) console.log(`the generator was ${latenessMs.toFixed(0)} ms late`);
    await generator.ask({ ask: 'hangUp' }, 'hungUp');
    return { processMs: processMs / calls / lasted, workerMs: busiest.ms / calls / lasted };
  } finally {
    await generator.stop();
  }
}

function mean(costs: readonly Cost[]): Cost {
  const of = (key: keyof Cost) => costs.reduce((sum, cost) => sum + cost[key], 0) / costs.length;
  return { processMs: of('processMs'), workerMs: of('workerMs') };
}

function printRow(cells: readonly string[]): void {
  console.log(cells.map((cell) => cell.padStart(10)).join(' '));
}
