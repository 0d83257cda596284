import { type Bot, callPath, isState, startBot } from '../test/support/bot.ts';

/** A bot that answers every call and records it for as long as it lasts. */
export interface RecordingBot {
  readonly callbackUri: string;
  /** Resolves when so many recordings were accepted in all; rejects with what a request was refused with. */
  recordings(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts the bot; `api` is asked for when the first call comes. */
export async function startRecordingBot(api: () => string): Promise<RecordingBot> {
  let accepted = 0;
  let refusal: string | undefined;
  let wake = () => {};
  const bot: Bot = await startBot({
    onNotification(notification) {
      const call = callPath(notification);
      if (isState('incoming')(notification)) void act(`${call}/answer`, { callbackUri: bot.callbackUri });
      else if (isState('established')(notification))
        void act(`${call}/record`, RECORD).then(() => accepted++ && wake());
    },
  });

  async function act(path: string, body: unknown): Promise<void> {
    const response = await bot.act(api(), 'POST', path, body);
    if (!response.ok) refusal ??= `${path}: ${response.status} ${await response.text()}`;
    else await response.arrayBuffer();
    wake();
  }

  return {
    callbackUri: bot.callbackUri,
    async recordings(count) {
      while (accepted < count && refusal === undefined)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      if (refusal !== undefined) throw new Error(refusal);
    },
    close: () => bot.close(),
  };
}

/** Long enough never to end by itself. */
const RECORD = {
  playBeep: false,
  initialSilenceTimeoutInSeconds: 300,
  maxSilenceTimeoutInSeconds: 300,
  maxRecordDurationInSeconds: 1800,
};
