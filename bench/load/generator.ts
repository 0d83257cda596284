// The load generator's process: places calls over our own user agent and keeps them talking until it is told to hang up.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause, systemClock } from '../../src/clock.ts';
import { reasonOf } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { acceptAnswer, makeOffer } from '../../src/media/offer-answer.ts';
import { createUserAgent } from '../../src/sip/endpoint.ts';
import type { Dialog } from '../../src/sip/user-agent.ts';
import { parseWav } from '../../src/wire/wav.ts';
import type { FromGenerator, ToGenerator } from './protocol.ts';
import { type OpenStream, RtpSender } from './rtp-sender.ts';

const LOOPBACK = '127.0.0.1';
const PATIENCE_MS = 32_000;

const sipPort = Number(process.argv[2]);
/** Who only listens says nothing: a second of a quiet line. */
const sender = new RtpSender(
  process.argv[3] === 'silent' ? new Uint8Array(8000).fill(0xff) : muLawOf('../../examples/audio/caller.wav'),
);
/** Takes the server's RTCP reports, so that none comes back as unreachable. */
const rtcp = await sender.open();
const agent = await createUserAgent({
  listen: [{ transport: 'udp', address: LOOPBACK, port: 0 }],
  clock: systemClock,
  log: silentLog,
});
const calls = new Set<Dialog>();
const streams: OpenStream[] = [];
/** How calls ended that we did not hang up. */
const lost: string[] = [];

process.on('message', async (message: ToGenerator) => tell(await answer(message)));
process.on('disconnect', () => process.exit());
tell({ told: 'ready' });

async function answer(message: ToGenerator): Promise<FromGenerator> {
  switch (message.ask) {
    case 'call':
      return { told: 'called', failures: await placeCalls(message.calls, message.perSecond), up: calls.size };
    case 'press':
      return { told: 'pressed', at: await press(message.calls, message.perSecond) };
    case 'measure':
      return { told: 'measured', ...sender.measure() };
    case 'hangUp':
      await agent.close();
      sender.close();
      return { told: 'hungUp' };
  }
}

/** Resolves, once each is up or has failed, with what the first few failures said. */
async function placeCalls(count: number, perSecond: number): Promise<string[]> {
  const placed: Promise<string | undefined>[] = [];
  for (let i = 0; i < count; i++) {
    placed.push(placeCall().catch(reasonOf));
    await pause(systemClock, 1000 / perSecond);
  }
  const failures = (await Promise.all(placed)).filter((failure) => failure !== undefined);
  return [...failures, ...lost.splice(0)].slice(0, 5);
}

/** Each once, of those that were placed last. */
async function press(count: number, perSecond: number): Promise<(readonly [number, number])[]> {
  const pressed: Promise<readonly [number, number]>[] = [];
  for (const stream of streams.slice(-count)) {
    pressed.push(stream.press().then((ms) => [stream.port, ms] as const));
    await pause(systemClock, 1000 / perSecond);
  }
  return Promise.all(pressed);
}

/** What went wrong; `undefined` when the call is up. */
async function placeCall(): Promise<string | undefined> {
  const stream = await sender.open();
  const offer = makeOffer({ address: LOOPBACK, port: stream.port, sessionId: stream.port, version: 1 }, [
    'PCMU',
  ]);
  const outcome = await agent.invite(
    {
      requestUri: `sip:bench@${LOOPBACK}:${sipPort}`,
      from: { user: `load-${stream.port}` },
      to: `<sip:bench@${LOOPBACK}:${sipPort}>`,
      transport: 'udp',
      sdp: `${offer}a=rtcp:${rtcp.port}\r\n`,
      handler: { onOffer: () => ({ status: 488 }), onAnswer() {} },
    },
    AbortSignal.timeout(PATIENCE_MS),
  );
  if (!outcome.answered) return `${outcome.status} ${outcome.reason}`;
  const settled = acceptAnswer(outcome.sdp, offer);
  if (!settled.ok) return settled.why;
  calls.add(outcome.dialog);
  outcome.dialog.ended.addEventListener('abort', () => {
    calls.delete(outcome.dialog);
    lost.push(JSON.stringify(outcome.dialog.ended.reason));
  });
  stream.start(settled.audio.remote);
  streams.push(stream);
  return undefined;
}

function muLawOf(file: string): Uint8Array {
  const parsed = parseWav(readFileSync(join(import.meta.dirname, file)));
  if (!parsed.ok || parsed.audio.encoding !== 'PCMU') throw new Error(`${file} is not a mu-law WAV file`);
  return parsed.audio.data;
}

function tell(reply: FromGenerator): void {
  process.send?.(reply);
}
