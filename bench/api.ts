/** How fast a record is accepted, with all that it writes down, beside a route of the same web server that does nothing. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { type Bot, callPath, isState, startBot } from '../test/support/bot.ts';
import { startServer } from '../test/support/server.ts';
import { startGenerator } from './load/start-generator.ts';

const CALLS = 32;
/** Of one call: then it is cancelled, and begun again, outside the time that is measured. */
const RECORDS_BEFORE_CANCEL = 50;
/** The two take turns, so that whatever else goes on on this machine befalls both. */
const ROUNDS = 6;

interface Figures {
  readonly name: string;
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One request; resolves with its status. */
type Send = (client: number) => Promise<number>;

/** Runs the bench and prints what it found. */
export async function api(options: { readonly seconds: number; readonly clients: number }): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients });
  const established: string[] = [];
  let origin = '';
  const bot = await startAnsweringBot(() => origin, established);
  const server = await startServer({
    callbackUri: bot.callbackUri,
    config: { http: { listen: '127.0.0.1:0', requestsPerMinute: 100_000_000 } },
  });
  origin = server.http;
  const generator = await startGenerator(server.udp);
  const plain = fork(join(import.meta.dirname, 'plain-route.ts'));
  try {
    const [{ url }] = (await once(plain, 'message')) as [{ url: string }];
    await generator.ask({ ask: 'call', calls: CALLS, perSecond: 25 }, 'called');
    while (established.length < CALLS)
      await bot.next('established', isState('established')).then(pauseBriefly);
    const authorization = `Bearer ${await bot.token(origin)}`;
    const post = (target: string, body: object) => postJson(agent, target, authorization, body);
    const made = new Map<string, number>();
    const record: Send = async (client) => {
      const call = established[client % CALLS] ?? '';
      const status = await post(`${origin}/beta${call}/record`, RECORD);
      made.set(call, (made.get(call) ?? 0) + 1);
      return status;
    };
    const clean = async () => {
      for (const [call, count] of made) {
        if (count >= RECORDS_BEFORE_CANCEL) await post(`${origin}/beta${call}/cancelMediaProcessing`, {});
        made.set(call, 0);
      }
    };
    const times = { record: [] as number[], plain: [] as number[] };
    const spent = { record: 0, plain: 0 };
    for (let round = 0; round <= ROUNDS; round++) {
      const measured = round > 0;
      const seconds = options.seconds / ROUNDS;
      const plainRun = await load(() => post(`${url}/record`, RECORD), options.clients, seconds);
      const recordRun = await load(record, options.clients, seconds, clean);
      if (!measured) continue; // warms both up
      times.plain.push(...plainRun.times);
      times.record.push(...recordRun.times);
      spent.plain += plainRun.ms;
      spent.record += recordRun.ms;
    }
    report([figures('record', times.record, spent.record), figures('plain route', times.plain, spent.plain)]);
  } finally {
    plain.disconnect();
    agent.destroy();
    await generator.stop();
    await server.stop();
    await bot.close();
  }
}

const RECORD = { playBeep: false, initialSilenceTimeoutInSeconds: 300, maxRecordDurationInSeconds: 1800 };

/** Answers every call; `established` gets their paths. */
async function startAnsweringBot(api: () => string, established: string[]): Promise<Bot> {
  const bot: Bot = await startBot({
    onNotification(notification) {
      const call = callPath(notification);
      if (isState('incoming')(notification))
        void bot.act(api(), 'POST', `${call}/answer`, { callbackUri: bot.callbackUri });
      else if (isState('established')(notification)) established.push(call);
    },
  });
  return bot;
}

/** `clients` at once, each sending as soon as it was answered. `clean` runs between bursts, and its time is not counted. */
async function load(
  send: Send,
  clients: number,
  seconds: number,
  clean?: () => Promise<void>,
): Promise<{ readonly times: number[]; readonly ms: number }> {
  const times: number[] = [];
  let ms = 0;
  while (ms < seconds * 1000) {
    const began = performance.now();
    const burst = Array.from({ length: clients }, async (_, client) => {
      for (let sent = 0; sent < RECORDS_BEFORE_CANCEL; sent++) {
        const start = performance.now();
        const status = await send(client);
        if (status !== 202) throw new Error(`a request was answered ${status}`);
        times.push(performance.now() - start);
      }
    });
    await Promise.all(burst);
    ms += performance.now() - began;
    await clean?.();
  }
  return { times, ms };
}

function postJson(agent: Agent, target: string, authorization: string, body: object): Promise<number> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = {
      authorization,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    const sent = request(target, { agent, method: 'POST', headers }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    sent.once('error', reject);
    sent.end(text);
  });
}

function figures(name: string, times: readonly number[], ms: number): Figures {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return {
    name,
    requests: times.length,
    perSecond: (times.length * 1000) / ms,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

function report(rows: readonly [Figures, Figures]): void {
  const [record, plain] = rows;
  const line = (cells: readonly string[]) => console.log(cells.map((cell) => cell.padStart(12)).join(' '));
  line(['', 'requests', 'per second', 'p50', 'p99']);
  for (const { name, requests, perSecond, p50Ms, p99Ms } of rows) {
    const ms = [p50Ms, p99Ms].map((value) => `${value.toFixed(2)} ms`);
    line([name, String(requests), perSecond.toFixed(0), ...ms]);
  }
  console.log(`\nA record costs ${(plain.perSecond / record.perSecond).toFixed(1)} plain routes.`);
  console.log(JSON.stringify({ bench: 'api', node: process.version, record, plain }));
}

const pauseBriefly = () => new Promise((resolve) => setTimeout(resolve, 50));
