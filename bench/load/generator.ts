// The load generator's process: places calls over our own user agent and keeps them talking until it is told to hang up.
import { pause, systemClock } from '../../src/clock.ts';
import { reasonOf } from '../../src/errors.ts';
import type { Dialog } from '../../src/sip/user-agent.ts';
import { seeded } from '../hearing/sounds.ts';
import { openCallers, speechOf } from './callers.ts';
import { type Churn, startChurn } from './churn.ts';
import type { FromGenerator, ToGenerator } from './protocol.ts';
import { type OpenStream, RtpSender } from './rtp-sender.ts';

const sipPort = Number(process.argv[2]);
/** Who only listens says nothing: a second of a quiet line. */
const sender = new RtpSender(process.argv[3] === 'silent' ? new Uint8Array(8000).fill(0xff) : speechOf());
const callers = await openCallers(sipPort, sender, process.argv[4] === 'webrtc');
const calls = new Map<Dialog, OpenStream>();
const streams: OpenStream[] = [];
/** All at once they would hold up the words of those who still speak. */
const HANG_UPS_PER_SECOND = 400;
let churn: Churn | undefined;
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
    case 'churn':
      churn = startChurn(callers, message.calls, seeded(message.seed));
      return { told: 'churning' };
    case 'calm': {
      const counts = await churn?.calm();
      return { told: 'calmed', ...(counts ?? { answered: 0, hungUpOn: 0, refused: 0, refusals: [] }) };
    }
    case 'measure':
      return { told: 'measured', ...sender.measure() };
    case 'hangUp':
      await hangUp();
      await callers.close();
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

async function hangUp(): Promise<void> {
  for (const [dialog, stream] of calls) {
    void dialog.bye();
    stream.close();
    await pause(systemClock, 1000 / HANG_UPS_PER_SECOND);
  }
}

/** What went wrong; `undefined` when the call is up. */
async function placeCall(): Promise<string | undefined> {
  const caller = await callers.place();
  if (typeof caller === 'string') return caller;
  const { dialog, stream } = caller;
  calls.set(dialog, stream);
  dialog.ended.addEventListener('abort', () => {
    calls.delete(dialog);
    lost.push(JSON.stringify(dialog.ended.reason));
  });
  streams.push(stream);
  return undefined;
}

function tell(reply: FromGenerator): void {
  process.send?.(reply);
}
