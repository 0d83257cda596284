/**
 * A server that is killed at a random moment under load, started again, perhaps killed while it recovers, and then held to its promises: round after
 * round over one data folder. The same for the same seed, as far as time lets it be.
 */
import assert from 'node:assert/strict';
import { seeded } from '../../bench/hearing/sounds.ts';
import { type Caller, type Callers, openCallers, speechOf } from '../../bench/load/callers.ts';
import { RtpSender } from '../../bench/load/rtp-sender.ts';
import { pause, systemClock } from '../../src/clock.ts';
import type { RecordingFormat } from '../../src/recording/formats.ts';
import { type Bot, callPath, isFinalOperation, isState, type Notification, startBot } from './bot.ts';
import { hearSpeech } from './heard-speech.ts';
import { leftBehind, pendingNotifications } from './left-behind.ts';
import { launchServer, startServer, type TestServer } from './server.ts';
import { asSaid } from './talking-stage.ts';
import { byCall, checkTold } from './told.ts';

export interface KillOptions {
  readonly seed: number;
  readonly rounds: number;
  /** In each round. */
  readonly calls: number;
  readonly onRound?: (line: string) => void;
}

/** What was seen in all rounds together. */
export interface KillTally {
  rounds: number;
  /** Of the restarts: killed again before they were ready. */
  killedWhileStarting: number;
  calls: number;
  operations: number;
  /** Operations that were open at the kill. */
  recovered: number;
  notifications: number;
  /** That came more than once, under the same id. */
  repeats: number;
  /** Read and compared with what was said. */
  recordings: number;
  /** Of a recording that was open at the kill: the most of its end that was lost. */
  mostLostMs: number;
}

const FORMATS: readonly RecordingFormat[] = ['wav', 'mp3', 'flac', 'ogg'];
/** What the promise allows: the last second before the kill. */
const MOST_LOST_MS = 1000;
/** A kill comes within this time of the first call: a third of them before the calls are up. */
const EARLY_KILL_MS = 700;
const LATEST_KILL_MS = 3500;
const SETTLE_WITHIN_MS = 40_000;
const UNLIMITED = { initialSilenceTimeoutInSeconds: 300, maxSilenceTimeoutInSeconds: 300 };

/** What one call does once it is up. */
type Plan = 'records on' | 'records often' | 'listens, then records' | 'hangs up' | 'presses a key';
const PLANS: readonly Plan[] = [
  'records on',
  'records on',
  'records often',
  'listens, then records',
  'hangs up',
  'presses a key',
];

interface Asked {
  readonly format: RecordingFormat;
  /** Recording begins at once, and ends by the kill alone. */
  readonly open: boolean;
  readonly acceptedAt: number;
}

/** Throws what was broken first, with the round that it was broken in. */
export async function killRounds(options: KillOptions): Promise<KillTally> {
  const stage = await openStage(options);
  try {
    for (let round = 1; round <= options.rounds; round++) {
      try {
        await stage.round(round);
      } catch (thrown) {
        throw new Error(`seed ${options.seed}, round ${round}`, { cause: thrown });
      }
    }
    return stage.tally;
  } finally {
    await stage.close();
  }
}

async function openStage({ seed, calls, onRound = () => {} }: KillOptions) {
  const random = seeded(seed);
  const tally: KillTally = {
    rounds: 0,
    killedWhileStarting: 0,
    calls: 0,
    operations: 0,
    recovered: 0,
    notifications: 0,
    repeats: 0,
    recordings: 0,
    mostLostMs: 0,
  };
  const speech = speechOf();
  const said = asSaid(speech);
  const sender = new RtpSender(speech);
  /** Operations that were accepted, by resource. */
  const asked = new Map<string, Asked>();
  const plans = new Map<string, Plan>();
  const placed = new Map<string, Caller>();
  const closing: Promise<void>[] = [];
  let troubled = false;
  const bot: Bot = await startBot({
    // Now and then it is slow, or out of order: so there is something left to deliver when the server dies.
    answer: async () => {
      if (!troubled || random() < 0.8) return 200;
      if (random() < 0.2) return 500;
      await pause(systemClock, 200);
      return 200;
    },
    onNotification: (one) => void (one.answered === 200 && steer(one).catch(() => {})),
  });
  const longPrompt = bot.serve('long.wav', promptOf(speech, 3));
  const shortPrompt = bot.serve('short.wav', promptOf(speech.subarray(0, 4800), 1));
  const options = (retention = '1h') => ({
    callbackUri: bot.callbackUri,
    config: { recordings: { retention } },
  });
  const began = performance.now();
  let server: TestServer = await startServer(options());
  const startMs = performance.now() - began;
  const { dataFolder } = server;

  const record = async (call: string, body: object, open: boolean) => {
    const format = FORMATS[Math.floor(random() * FORMATS.length)] ?? 'wav';
    const request = { playBeep: false, ...UNLIMITED, recordingFormat: format, ...body };
    const reply = await bot.act(server.http, 'POST', `${call}/record`, request);
    assert.ok(reply.status < 500, `${reply.status}: ${await reply.clone().text()}`);
    const location = reply.headers.get('location');
    if (reply.status !== 202 || location === null) return;
    const resource = new URL(location).pathname.replace('/beta', '');
    asked.set(resource, { format, open, acceptedAt: Date.now() });
  };

  const begin = async (call: string, plan: Plan) => {
    switch (plan) {
      case 'records on': {
        const streamed = random() < 0.3 ? { streamWhileRecording: true, recordingFormat: 'wav' } : {};
        return record(call, { maxRecordDurationInSeconds: 1800, stopTones: ['11'], ...streamed }, true);
      }
      case 'records often':
        return record(call, { maxRecordDurationInSeconds: 1 }, false);
      case 'listens, then records': {
        const prompts = [{ mediaInfo: { uri: random() < 0.5 ? longPrompt : shortPrompt, resourceId: 'p' } }];
        await bot.act(server.http, 'POST', `${call}/playPrompt`, { prompts });
        return record(call, { playBeep: true, maxRecordDurationInSeconds: 1800 }, false);
      }
      case 'hangs up':
        await record(call, { maxRecordDurationInSeconds: 1800 }, false);
        await pause(systemClock, 100 + random() * 1200);
        return void placed.get(call)?.dialog.bye();
      case 'presses a key':
        await record(call, { maxRecordDurationInSeconds: 1800, stopTones: ['#'] }, false);
        await pause(systemClock, 200 + random() * 1200);
        return void placed.get(call)?.stream.press();
    }
  };

  const steer = async (one: Notification) => {
    const call = callPath(one);
    if (isState('incoming')(one)) {
      plans.set(call, PLANS[Math.floor(random() * PLANS.length)] ?? 'records on');
      await bot.act(server.http, 'POST', `${call}/answer`, { callbackUri: bot.callbackUri });
    } else if (isState('established')(one)) await begin(call, plans.get(call) ?? 'records on');
    else if (
      isFinalOperation(one) &&
      plans.get(call) === 'records often' &&
      !one.resourceData.endReport?.recovered
    )
      await begin(call, 'records often');
  };

  /** Calls come one after the other until the kill, which may be before the last of them. */
  const load = async (callers: Callers, killed: AbortSignal) => {
    for (let placedCalls = 0; placedCalls < calls && !killed.aborted; placedCalls++) {
      void callers.place().then((caller) => {
        if (typeof caller === 'string') return;
        const call = [...byCall(bot.notifications)].find(([, [first]]) =>
          JSON.stringify(first?.resourceData.source ?? '').includes(`load-${caller.number}@`),
        )?.[0];
        if (call !== undefined) placed.set(call, caller);
        if (killed.aborted) caller.stream.close();
        else killed.addEventListener('abort', () => caller.stream.close());
      });
      await pause(systemClock, random() * 120, killed);
    }
  };

  const settle = async (seen: number) => {
    const deadline = performance.now() + SETTLE_WITHIN_MS;
    const isOver = (told: readonly Notification[]) => told.some((one) => isState('terminated')(one));
    for (;;) {
      const open = [...byCall(bot.notifications.slice(seen))].filter(([, told]) => !isOver(told));
      if (open.length === 0 && pendingNotifications(dataFolder).length === 0) return;
      if (performance.now() > deadline)
        throw new Error(
          `not told to the end: ${open.map(([call]) => call)} ${pendingNotifications(dataFolder)}`,
        );
      await pause(systemClock, 50);
    }
  };

  const checkRecording = async (final: Notification, killedAt: number, mayBeGone: boolean) => {
    const { resourceData } = final;
    const { recordResourceLocation: location, recordResourceAccessToken: token } = resourceData;
    const ours = asked.get(final.resource);
    const isRecovered = resourceData.endReport?.recovered === true;
    // What had begun so long before the kill must be there.
    const dueMs = ours?.open && isRecovered ? killedAt - ours.acceptedAt - MOST_LOST_MS : 0;
    if (location === undefined) {
      assert.ok(dueMs <= 0, `${dueMs} ms of it had to be there, and there is no recording`);
      return;
    }
    const url = server.http + new URL(location).pathname;
    const headers = { authorization: `Bearer ${token}` };
    const reply = await fetch(url, { headers });
    if (reply.status === 410 && mayBeGone) return;
    assert.equal(reply.status, 200, `${url}: ${reply.status}`);
    const file = Buffer.from(await reply.arrayBuffer());
    const format = formatOf(reply.headers.get('content-type'));
    const heard = hearSpeech(file, format, said);
    assert.equal(heard.fault, undefined, `${final.resource} ${format}`);
    tally.recordings++;
    if (Number.isFinite(heard.durationMs) && dueMs > 0) {
      const lostMs = dueMs + MOST_LOST_MS - heard.durationMs;
      tally.mostLostMs = Math.max(tally.mostLostMs, lostMs);
      assert.ok(
        heard.durationMs >= dueMs,
        `${Math.round(lostMs)} ms are lost of ${final.resource} (${format})`,
      );
    }
    if (random() < 0.5) assert.equal((await fetch(url, { method: 'DELETE', headers })).status, 204);
  };

  const round = async (number: number) => {
    // Sometimes recordings go while the server is killed.
    const isShort = random() < 0.25;
    if (isShort) {
      assert.equal(await server.stop(), 0);
      server = await startServer({ ...options('1s'), dataFolder });
    }
    const seen = bot.notifications.length;
    troubled = true;
    const callers = await openCallers(server.udp, sender);
    const killed = new AbortController();
    const loaded = load(callers, killed.signal);
    await pause(systemClock, 50 + random() * (random() < 0.33 ? EARLY_KILL_MS : LATEST_KILL_MS));
    const killedAt = Date.now();
    await server.kill();
    killed.abort();
    await loaded;
    placed.clear();
    closing.push(callers.close());

    if (random() < 0.4) {
      // From before it opens its files to after it has begun to tell.
      const starting = launchServer({ ...options(), dataFolder });
      await pause(systemClock, startMs * (0.5 + 0.6 * random()));
      await starting.kill();
      tally.killedWhileStarting++;
    }
    troubled = random() < 0.3;
    server = await startServer({ ...options(), dataFolder });
    await pause(systemClock, troubled ? 500 : 0);
    troubled = false;
    const startedAt = performance.now();
    await settle(seen);
    const settledMs = Math.round(performance.now() - startedAt);

    const calls = byCall(bot.notifications.slice(seen));
    const finals: Notification[] = [];
    for (const [, told] of calls) {
      const all = checkTold(told);
      finals.push(...all.filter(isFinalOperation));
      tally.repeats += told.length - all.length;
      tally.notifications += all.length;
    }
    const concluded = new Set(finals.map(({ resource }) => resource));
    for (const resource of asked.keys())
      assert.ok(concluded.has(resource), `${resource} was never concluded`);
    for (const { resourceData } of finals)
      assert.equal(
        resourceData.endReport?.recovered === true,
        /the server was restarted/.test(resourceData.resultInfo.message),
        JSON.stringify(resourceData),
      );
    for (const final of finals) await checkRecording(final, killedAt, isShort);
    assert.deepEqual(leftBehind(dataFolder), []);
    tally.rounds++;
    tally.calls += calls.size;
    tally.operations += finals.length;
    const recovered = finals.filter(({ resourceData }) => resourceData.endReport?.recovered).length;
    tally.recovered += recovered;
    asked.clear();
    onRound(
      `round ${number}: ${calls.size} calls, ${finals.length} operations, ${recovered} open at the kill, told in ${settledMs} ms`,
    );
  };

  const close = async () => {
    sender.close();
    const code = await server.stop();
    await bot.close();
    await Promise.allSettled(closing);
    assert.equal(code, 0);
  };
  return { tally, round, close };
}

/** A µ-law WAV file of the speech, so often. */
function promptOf(speech: Uint8Array, times: number): Buffer {
  const data = Buffer.concat(Array.from({ length: times }, () => speech));
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(7, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt32LE(8000, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

function formatOf(contentType: string | null): RecordingFormat {
  const formats = {
    'audio/wav': 'wav',
    'audio/mpeg': 'mp3',
    'audio/flac': 'flac',
    'audio/ogg': 'ogg',
  } as const;
  return formats[contentType as keyof typeof formats] ?? 'wav';
}
