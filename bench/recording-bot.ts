import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bot, callPath, isFinalOperation, isState, startBot } from '../test/support/bot.ts';

/** A bot that answers every call and records it for as long as it lasts, anew after each stop tone. */
export interface RecordingBot {
  readonly callbackUri: string;
  /** Resolves when so many recordings were accepted in all; rejects with what a request was refused with. */
  recordings(count: number): Promise<void>;
  /** Resolves with when it was told that the caller's recording ended, ms since the epoch; `caller`: the number in its name. */
  ended(caller: number): Promise<number>;
  /** Recordings that ended, and how many of them have every packet of the caller's, each in time. */
  readonly tally: { readonly ended: number; readonly whole: number };
  close(): Promise<void>;
}

/** Starts the bot; `api` is asked for when the first call comes. `prompt`: all it does is play one, over and over, into which callers may break. */
export async function startRecordingBot(
  api: () => string,
  what: 'record' | 'prompt' = 'record',
): Promise<RecordingBot> {
  let accepted = 0;
  let refusal: string | undefined;
  let wake = () => {};
  const tally = { ended: 0, whole: 0 };
  const callers = new Map<string, number>();
  const ends = new Map<number, PromiseWithResolvers<number>>();
  const endOf = (caller: number) => {
    const known = ends.get(caller) ?? Promise.withResolvers<number>();
    ends.set(caller, known);
    return known;
  };
  const bot: Bot = await startBot({
    onNotification(notification) {
      const now = performance.timeOrigin + performance.now();
      const call = callPath(notification);
      if (isState('incoming')(notification)) {
        const { id } = notification.resourceData.source.identity.user;
        callers.set(call, Number(/load-(\d+)/.exec(id)?.[1]));
        void act(`${call}/answer`, { callbackUri: bot.callbackUri });
      } else if (isState('established')(notification))
        void act(`${call}/record`, body).then(() => accepted++ && wake());
      else if (isFinalOperation(notification)) {
        endOf(callers.get(call) ?? 0).resolve(now);
        const { packetsExpected, packetsReceived, packetsLate } = notification.resourceData.endReport;
        tally.ended++;
        if (packetsExpected === packetsReceived && packetsLate === 0) tally.whole++;
        if (notification.resourceData.completionReason === 'stopToneDetected')
          void act(`${call}/record`, body);
      }
    },
  });
  const prompt = bot.serve(
    'prompt.wav',
    readFileSync(join(import.meta.dirname, '../examples/audio/caller.wav')),
  );
  const listened = {
    prompts: [{ mediaInfo: { uri: prompt, resourceId: 'prompt' }, loop: 0 }],
    bargeInAllowed: true,
  };
  const body = what === 'record' ? RECORD : { ...RECORD, ...listened };

  async function act(path: string, body: unknown): Promise<void> {
    const response = await bot.act(api(), 'POST', path, body);
    if (!response.ok) refusal ??= `${path}: ${response.status} ${await response.text()}`;
    else await response.arrayBuffer();
    wake();
  }

  return {
    callbackUri: bot.callbackUri,
    tally,
    async recordings(count) {
      while (accepted < count && refusal === undefined)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      if (refusal !== undefined) throw new Error(refusal);
    },
    ended: (caller) => endOf(caller).promise,
    close: () => bot.close(),
  };
}

/** Long enough never to end by itself. */
const RECORD = {
  playBeep: false,
  initialSilenceTimeoutInSeconds: 300,
  maxSilenceTimeoutInSeconds: 300,
  maxRecordDurationInSeconds: 1800,
  stopTones: ['#'],
};
