import type { Tonearm } from '../compose.ts';
import { TonearmError } from '../errors.ts';
import { placeScriptedCall } from './scripted-call.ts';
import type { SoundFile } from './sound-file.ts';
import type { Timeline } from './timeline.ts';

/**
 * The demo's caller: dials, waits for the prompt and the beep by listening, speaks, presses #, and waits to be hung up on.
 * Throws TonearmError `demoFailed` when the call goes another way.
 */
export async function placeCall(options: {
  readonly server: Tonearm;
  readonly timeline: Timeline;
  readonly speech: SoundFile;
}): Promise<void> {
  const { server, timeline, speech } = options;
  const udp = server.sip.find((listening) => listening.transport === 'udp');
  if (udp === undefined) throw new TonearmError('demoFailed', 'The server does not listen on UDP.');
  const { report } = await placeScriptedCall(
    {
      target: `sip:voicemail@${udp.address}:${udp.port}`,
      from: { displayName: 'Demo caller', user: '+14255550100' },
      transport: 'udp',
      steps: [
        { step: 'wait', for: 'sound' },
        { step: 'wait', for: 'beep' },
        { step: 'play', file: 'caller.wav', sound: speech },
        { step: 'keys', keys: ['#'] },
      ],
      timeoutSeconds: 30,
    },
    (what) => timeline.say('caller', what),
  );
  if (!report.ok) throw new TonearmError('demoFailed', `The call went another way: ${report.failure}.`);
}
