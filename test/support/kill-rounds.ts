/**
 * A server that is killed at a random moment under load, started again, perhaps killed while it recovers, and then held to its promises: round after
 * round over one data folder. The same for the same seed, as far as time lets it be.
 */
import assert from 'node:assert/strict';
import { seeded } from '../../bench/hearing/sounds.ts';
import { openCallers, speechOf } from '../../bench/load/callers.ts';
import { RtpSender } from '../../bench/load/rtp-sender.ts';
import { pause, systemClock } from '../../src/clock.ts';
import { isFinalOperation, isState, type Notification } from './bot.ts';
import { formatOf, hearSpeech } from './heard-speech.ts';
import { startKillBot } from './kill-bot.ts';
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

/** What the promise allows: the last second before the kill. */
const MOST_LOST_MS = 1000;
/** When kills come, from the first call on: one in four while calls are set up. */
const KILL_MS = { early: [50, 800], late: [1000, 4000] } as const;
const SETTLE_WITHIN_MS = 40_000;
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

async function openStage({ seed, calls: callsARound, onRound = () => {} }: KillOptions) {
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
  const closing: Promise<void>[] = [];
  let api = '';
  const robot = await startKillBot(random, said, () => api);
  const { bot, asked } = robot;
  const options = (retention = '1h') => ({
    callbackUri: bot.callbackUri,
    config: { recordings: { retention } },
  });
  const began = performance.now();
  let server = await startServer(options());
  const startMs = performance.now() - began;
  const { dataFolder } = server;

  /** Calls come one after the other until the kill, which may be before the last of them. Resolves with when it was. */
  const loadAndKill = async (running: TestServer): Promise<number> => {
    robot.troubled = true;
    api = running.http;
    const callers = await openCallers(running.udp, sender);
    const killed = new AbortController();
    const load = async () => {
      for (let placed = 0; placed < callsARound && !killed.signal.aborted; placed++) {
        void robot.place(callers, killed.signal);
        await pause(systemClock, random() * 120, killed.signal);
      }
    };
    const loaded = load();
    const [soonest, latest] = random() < 0.25 ? KILL_MS.early : KILL_MS.late;
    await pause(systemClock, soonest + random() * (latest - soonest));
    const killedAt = Date.now();
    await running.kill();
    killed.abort();
    await loaded;
    closing.push(callers.close());
    return killedAt;
  };

  /** Somewhere between its first step and its last, or as soon as it tells anything. */
  const killWhileStarting = async () => {
    const told = robot.nextTold();
    const starting = launchServer({ ...options(), dataFolder });
    const byClock = pause(systemClock, startMs * (0.5 + 0.6 * random()));
    await (random() < 0.5 ? byClock : Promise.race([told, pause(systemClock, 3 * startMs)]));
    await starting.kill();
    tally.killedWhileStarting++;
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

  const checkRecording = async (final: Notification, http: string, killedAt: number, mayBeGone: boolean) => {
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
    const url = http + new URL(location).pathname;
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

  const checkCalls = (seen: number): readonly Notification[] => {
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
    tally.calls += calls.size;
    tally.operations += finals.length;
    return finals;
  };

  const round = async (number: number) => {
    // Sometimes recordings go while the server is killed.
    const isShort = random() < 0.25;
    if (isShort) {
      assert.equal(await server.stop(), 0);
      server = await startServer({ ...options('1s'), dataFolder });
    }
    const seen = bot.notifications.length;
    const killedAt = await loadAndKill(server);
    if (random() < 0.4) await killWhileStarting();
    server = await startServer({ ...options(), dataFolder });
    robot.troubled = false;
    const startedAt = performance.now();
    await settle(seen);
    const settledMs = Math.round(performance.now() - startedAt);

    const finals = checkCalls(seen);
    for (const final of finals) await checkRecording(final, server.http, killedAt, isShort);
    assert.deepEqual(leftBehind(dataFolder), []);
    assert.deepEqual(robot.faults, []);
    asked.clear();
    tally.rounds++;
    const recovered = finals.filter(({ resourceData }) => resourceData.endReport?.recovered).length;
    tally.recovered += recovered;
    onRound(
      `round ${number}: ${finals.length} operations, ${recovered} open at the kill; told in ${settledMs} ms`,
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
