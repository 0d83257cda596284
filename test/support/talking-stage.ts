import assert from 'node:assert/strict';
import { type Caller, openCallers, speechOf } from '../../bench/load/callers.ts';
import { RtpSender } from '../../bench/load/rtp-sender.ts';
import { decodeG711 } from '../../src/wire/g711.ts';
import { type Bot, callPath, isFinalOperation, isState, type Notification, startBot } from './bot.ts';
import { formatOf, type HeardSpeech, hearSpeech } from './heard-speech.ts';
import { type ServerOptions, startServer, type TestServer } from './server.ts';

/** A call of somebody who speaks all the time. */
export interface TalkingCall {
  /** `/app/calls/{id}`. */
  readonly path: string;
  readonly caller: Caller;
  /** What the bot was told of it. */
  told(): readonly Notification[];
  /** Resolves once the bot was told that it is over. */
  over(): Promise<void>;
}

/** A server, a bot that answers, and callers who speak all the time. */
export interface TalkingStage {
  readonly bot: Bot;
  readonly server: TestServer;
  /** Places a call; resolves once it is established. One at a time. */
  call(): Promise<TalkingCall>;
  /** Places one that is not to be answered by the bot; resolves with how it was refused. */
  refused(): Promise<string>;
  /** Asks for a record that nothing but a # ends. */
  record(call: TalkingCall, body?: object): Promise<Response>;
  /** The final notification of what `record` answered. */
  final(accepted: Response): Promise<Notification['resourceData']>;
  /** What `GET` of the recording answers. */
  read(final: Notification['resourceData']): Promise<Response>;
  /** What is in it, beside what was said. */
  hear(final: Notification['resourceData']): Promise<HeardSpeech>;
  /** A number of `/metrics`. */
  metric(name: string): Promise<number>;
  /** Stops everything; the server must end, or have ended, with code 0. */
  close(): Promise<void>;
  /** Stops everything but the server, which has ended somehow. */
  end(): Promise<void>;
  /** Stops everything, at once, whatever came of the test. */
  abandon(): Promise<void>;
}

const ENDLESS = {
  playBeep: false,
  initialSilenceTimeoutInSeconds: 300,
  maxSilenceTimeoutInSeconds: 300,
  maxRecordDurationInSeconds: 1800,
  stopTones: ['#'],
};

export async function talkingStage(options: ServerOptions = {}): Promise<TalkingStage> {
  const bot = await startBot();
  const server = await startServer({ ...options, callbackUri: bot.callbackUri });
  const speech = speechOf();
  const sender = new RtpSender(speech);
  const callers = await openCallers(server.udp, sender);
  let ended: Promise<void> | undefined;
  const end = async () => {
    await callers.close();
    sender.close();
    await bot.close();
  };
  const stage: TalkingStage = {
    bot,
    server,
    async call() {
      const seen = new Set(bot.notifications);
      const placed = callers.place();
      const incoming = await bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one));
      const path = callPath(incoming);
      const mine = (one: Notification) => callPath(one) === path;
      const reply = await bot.act(server.http, 'POST', `${path}/answer`, { callbackUri: bot.callbackUri });
      assert.equal(reply.status, 202, await reply.text());
      await bot.next('established', (one) => mine(one) && isState('established')(one));
      const caller = await placed;
      if (typeof caller === 'string') throw new Error(caller);
      return {
        path,
        caller,
        told: () => bot.notifications.filter(mine),
        over: async () =>
          void (await bot.next('terminated', (one) => mine(one) && isState('terminated')(one))),
      };
    },
    async refused() {
      const outcome = await callers.place();
      assert.equal(typeof outcome, 'string', 'the call was taken');
      return String(outcome);
    },
    record: (call, body = {}) => bot.act(server.http, 'POST', `${call.path}/record`, { ...ENDLESS, ...body }),
    async final(accepted) {
      assert.equal(accepted.status, 202, await accepted.clone().text());
      const resource = new URL(accepted.headers.get('location') ?? '').pathname.replace('/beta', '');
      const is = (one: Notification) => one.resource === resource && isFinalOperation(one);
      return (await bot.next('final operation', is)).resourceData;
    },
    read: ({ recordResourceLocation: location, recordResourceAccessToken: token }) =>
      fetch(location, { headers: { authorization: `Bearer ${token}` } }),
    async hear(final) {
      const reply = await stage.read(final);
      assert.equal(reply.status, 200);
      const format = formatOf(reply.headers.get('content-type'));
      return hearSpeech(Buffer.from(await reply.arrayBuffer()), format, asSaid(speech));
    },
    async metric(name) {
      const text = await (await fetch(`${server.http}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    },
    async close() {
      const [code] = await Promise.all([server.stop(), callers.close()]);
      await stage.end();
      assert.equal(code, 0);
    },
    end: () => (ended ??= end()),
    async abandon() {
      await server.kill();
      await stage.end();
    },
  };
  return stage;
}

/** µ-law speech as 8 kHz samples: what callers say over and over, in whole packets. */
export function asSaid(speech: Uint8Array): Int16Array {
  const samples = new Int16Array(speech.length - (speech.length % 160));
  decodeG711('PCMU', speech, 0, samples.length, samples, 0);
  return samples;
}
