/** The bot of a server that will be killed: each call it takes does something else when that happens, and it is not always there for notifications. */
import { AssertionError } from 'node:assert';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../bench/hearing/sounds.ts';
import type { Caller, Callers } from '../../bench/load/callers.ts';
import { pause, systemClock } from '../../src/clock.ts';
import { bytesOf } from '../../src/recording/file-bytes.ts';
import type { RecordingFormat } from '../../src/recording/formats.ts';
import { pcmWavHeader } from '../../src/wire/wav.ts';
import { type Bot, callPath, isFinalOperation, isState, type Notification, startBot } from './bot.ts';

export interface KillBot {
  readonly bot: Bot;
  /** Operations that were accepted, by resource. */
  readonly asked: Map<string, Asked>;
  /** What went wrong while nobody was killed. */
  readonly faults: readonly unknown[];
  /** Whether it answers late, or 500, now and then. */
  troubled: boolean;
  /** Places a call; from here on the bot steers it. Its stream ends when `killed` aborts. */
  place(callers: Callers, killed: AbortSignal): Promise<void>;
  /** Resolves with the next notification that comes. */
  nextTold(): Promise<void>;
}

export interface Asked {
  /** Recording begins at once, and ends by the kill alone. */
  readonly open: boolean;
  readonly acceptedAt: number;
}

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
const FORMATS: readonly RecordingFormat[] = ['wav', 'mp3', 'flac', 'ogg'];
/** Nothing but what is asked for ends it. */
const ENDLESS = {
  playBeep: false,
  initialSilenceTimeoutInSeconds: 300,
  maxSilenceTimeoutInSeconds: 300,
  maxRecordDurationInSeconds: 1800,
};
const LONG_PROMPT = join(import.meta.dirname, '../../examples/audio/caller.wav');

/** `api`: where the server is at the moment. `said`: what prompts are made of. */
export async function startKillBot(random: Random, said: Int16Array, api: () => string): Promise<KillBot> {
  const asked = new Map<string, Asked>();
  const plans = new Map<string, Plan>();
  const placed = new Map<string, Caller>();
  const faults: unknown[] = [];
  let wake = () => {};

  const bot = await startBot({
    answer: async () => {
      if (!self.troubled || random() < 0.8) return 200;
      if (random() < 0.2) return 500;
      await pause(systemClock, 200);
      return 200;
    },
    onNotification(one) {
      wake();
      // What fails because the server was killed is no fault of it.
      if (one.answered === 200)
        steer(one).catch((thrown) => thrown instanceof AssertionError && faults.push(thrown));
    },
  });
  const short = said.subarray(0, 4800);
  const prompts = [
    bot.serve('long.wav', readFileSync(LONG_PROMPT)),
    bot.serve('short.wav', Buffer.concat([pcmWavHeader(8000, short.length), bytesOf(short)])),
  ];
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

  const record = async (call: string, body: object, open = false) => {
    const request = { ...ENDLESS, recordingFormat: oneOf(FORMATS), ...body };
    const reply = await bot.act(api(), 'POST', `${call}/record`, request);
    assert.ok(reply.status < 500, `${reply.status}: ${await reply.clone().text()}`);
    const location = reply.headers.get('location');
    if (reply.status !== 202 || location === null) return;
    asked.set(new URL(location).pathname.replace('/beta', ''), { open, acceptedAt: Date.now() });
  };

  const begin = async (call: string, plan: Plan) => {
    switch (plan) {
      case 'records on': {
        const streamed = random() < 0.3 ? { streamWhileRecording: true, recordingFormat: 'wav' } : {};
        return record(call, { stopTones: ['11'], ...streamed }, true);
      }
      case 'records often':
        return record(call, { maxRecordDurationInSeconds: 1 });
      case 'listens, then records': {
        const mediaInfo = { uri: oneOf(prompts), resourceId: 'p' };
        await bot.act(api(), 'POST', `${call}/playPrompt`, { prompts: [{ mediaInfo, loop: 2 }] });
        return record(call, { playBeep: true });
      }
      case 'hangs up':
        await record(call, {});
        await pause(systemClock, 100 + random() * 1200);
        return void placed.get(call)?.dialog.bye();
      case 'presses a key':
        await record(call, { stopTones: ['#'] });
        await pause(systemClock, 200 + random() * 1200);
        return void placed.get(call)?.stream.press();
    }
  };

  const steer = async (one: Notification) => {
    const call = callPath(one);
    const plan = plans.get(call) ?? oneOf(PLANS);
    plans.set(call, plan);
    if (isState('incoming')(one))
      await bot.act(api(), 'POST', `${call}/answer`, { callbackUri: bot.callbackUri });
    else if (isState('established')(one)) await begin(call, plan);
    else if (isFinalOperation(one) && plan === 'records often' && !one.resourceData.endReport?.recovered)
      await begin(call, plan);
  };

  const callOf = (caller: Caller) =>
    bot.notifications.find((one) =>
      JSON.stringify(one.resourceData.source ?? '').includes(`load-${caller.number}@`),
    );

  const self: KillBot = {
    bot,
    asked,
    faults,
    troubled: false,
    async place(callers, killed) {
      const caller = await callers.place();
      if (typeof caller === 'string') return;
      const incoming = callOf(caller);
      if (incoming !== undefined) placed.set(callPath(incoming), caller);
      if (killed.aborted) caller.stream.close();
      else killed.addEventListener('abort', () => caller.stream.close());
    },
    nextTold: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
  };
  return self;
}
