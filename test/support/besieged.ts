/** A whole server that others attack, with a bot that answers the calls of a friend, and that friend. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { acceptAnswer, makeOffer } from '../../src/media/offer-answer.ts';
import { openRtpLine } from '../../src/media/rtp-line.ts';
import { createUserAgent } from '../../src/sip/endpoint.ts';
import { type Bot, callPath, isState, startBot } from './bot.ts';
import { type ServerOptions, startServer, type TestServer } from './server.ts';

const HERE = '127.0.0.1';
const FRIEND = '+14255550100';
/** Of the friend's own ports; servers of the tests take theirs from 20,000 on. */
const PORTS = { min: 11_000, max: 19_999 };

export interface Besieged {
  readonly server: TestServer;
  readonly bot: Bot;
  /**
   * The friend calls: resolves with how long it took to be answered and to hear something. `during` is told where the server's media is, and the call lasts until it
   * resolves. Rejects when the call goes another way, or is not answered and heard within twenty seconds.
   */
  call(
    during?: (media: { readonly address: string; readonly port: number }) => Promise<void>,
  ): Promise<number>;
  /** Megabytes that the server's process has in memory. */
  memory(): number;
  /** Of `/metrics`; 0 when there is none. */
  metric(name: string): Promise<number>;
  /** What it logged as an error. */
  errors(): readonly object[];
  /** Stops it; it must end with code 0. */
  close(): Promise<void>;
}

export async function besieged(config: ServerOptions['config'] = {}): Promise<Besieged> {
  let http = '';
  const bot = await startBot({
    onNotification(one) {
      if (!isState('incoming')(one) || one.resourceData.source?.identity?.phone?.id !== FRIEND) return;
      void bot.act(http, 'POST', `${callPath(one)}/answer`, { callbackUri: bot.callbackUri });
    },
  });
  const server = await startServer({
    callbackUri: bot.callbackUri,
    // The friend is of this machine, and would be trusted for that.
    config: { sip: { trusted: ['192.0.2.1'] }, ...config },
  });
  http = server.http;
  const phone = await createUserAgent({
    listen: [{ transport: 'udp', address: HERE, port: 0 }],
    clock: systemClock,
    log: silentLog,
  });

  return {
    server,
    bot,
    async call(during) {
      const patience = AbortSignal.timeout(20_000);
      const line = await openRtpLine({
        address: HERE,
        ports: somePorts(),
        clock: systemClock,
        log: silentLog,
      });
      try {
        const began = performance.now();
        const offer = makeOffer({ address: HERE, port: line.port, sessionId: 1, version: 1 }, ['PCMU']);
        const target = `sip:voicemail@${HERE}:${server.udp}`;
        const outcome = await phone.invite(
          {
            requestUri: target,
            from: { user: FRIEND },
            to: `<${target}>`,
            transport: 'udp',
            sdp: offer,
            handler: { onOffer: () => ({ status: 488 }), onAnswer() {} },
          },
          patience,
        );
        assert.ok(
          outcome.answered,
          outcome.answered ? '' : `the friend’s call: ${outcome.status} ${outcome.reason}`,
        );
        const answer = acceptAnswer(outcome.sdp, offer);
        assert.ok(answer.ok);
        line.connect(answer.audio);
        const heard = await line.listen(
          { hear: () => line.counts.received > 0 || undefined },
          { signal: patience },
        );
        assert.ok(heard, 'the friend heard nothing');
        const tookMs = performance.now() - began;
        await during?.(answer.audio.remote);
        await outcome.dialog.bye();
        return tookMs;
      } finally {
        await line.close();
      }
    },
    memory() {
      const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'));
      return Number(found?.[1]) / 1024;
    },
    async metric(name) {
      const body = await (await fetch(`${server.http}/metrics`)).text();
      const line = body.split('\n').find((one) => one.startsWith(`${name} `));
      return Number(line?.slice(name.length) ?? 0);
    },
    errors: () => server.log.filter(({ level }) => Number(level) >= 50),
    async close() {
      await phone.close();
      assert.equal(await server.stop(), 0);
      await bot.close();
    },
  };
}

/** Every call looks for its ports from elsewhere on. */
function somePorts() {
  const min = PORTS.min + 2 * Math.floor((Math.random() * (PORTS.max - PORTS.min - 400)) / 2);
  return { min, max: min + 399 };
}
