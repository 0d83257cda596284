import { systemClock } from '../clock.ts';
import type { Tonearm } from '../compose.ts';
import { TonearmError } from '../errors.ts';
import { silentLog } from '../log.ts';
import { BEEP_HZ } from '../media/beep.ts';
import { audioOf, FRAME_SAMPLES, type Frame, LINE_RATE, type Line } from '../media/line.ts';
import { acceptAnswer, makeOffer } from '../media/offer-answer.ts';
import { openRtpLine } from '../media/rtp-line.ts';
import { createUserAgent } from '../sip/endpoint.ts';
import type { Timeline } from './timeline.ts';

const LOOPBACK = '127.0.0.1';
/** A frame is a beep when this share of its energy is at the beep's frequency. */
const BEEP_SHARE = 0.9;
/** Root mean square of a frame that somebody could hear. */
const AUDIBLE = 200;
const PATIENCE_MS = 30_000;

/**
 * A scripted caller: dials, waits for the prompt and the beep by listening, speaks, presses #, and waits to be hung up on.
 * Throws TonearmError `demoFailed` when the call goes another way.
 */
export async function placeCall(options: {
  readonly server: Tonearm;
  readonly timeline: Timeline;
  readonly speech: Int16Array;
}): Promise<void> {
  const { server, timeline, speech } = options;
  const udp = server.sip.find((listening) => listening.transport === 'udp');
  if (udp === undefined) throw new TonearmError('demoFailed', 'The server does not listen on UDP.');
  const listen = [{ transport: 'udp', address: LOOPBACK, port: 0 }] as const;
  const phone = await createUserAgent({ listen, clock: systemClock, log: silentLog });
  const line = await openRtpLine({
    address: LOOPBACK,
    ports: { min: 30_000, max: 39_999 },
    clock: systemClock,
    log: silentLog,
  });
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    const offer = makeOffer({ address: LOOPBACK, port: line.port, sessionId: 1, version: 1 });
    const target = `sip:voicemail@${udp.address}:${udp.port}`;
    timeline.say('caller', `INVITE ${target}`);
    const outcome = await phone.invite(
      {
        requestUri: target,
        from: { displayName: 'Demo caller', user: '+14255550100' },
        to: `<${target}>`,
        transport: 'udp',
        sdp: offer,
        handler: { onOffer: () => ({ status: 488 }), onAnswer() {} },
        onProgress: (status) => status === 180 && timeline.say('caller', 'ringing'),
      },
      patience,
    );
    if (!outcome.answered)
      throw new TonearmError('demoFailed', `The call was not answered: ${outcome.status} ${outcome.reason}.`);
    timeline.say('caller', 'answered');
    const answer = acceptAnswer(outcome.sdp, offer);
    if (!answer.ok) throw new TonearmError('demoFailed', `The answer is of no use: ${answer.why}.`);
    line.connect(answer.audio);

    await waitFor(line, patience, isAudible, 'the prompt');
    timeline.say('caller', 'hears the prompt');
    await waitFor(line, patience, isBeep, 'the beep');
    timeline.say('caller', 'hears the beep');
    await waitFor(line, patience, (frame) => !isBeep(frame), 'the end of the beep');
    timeline.say('caller', `speaks for ${(speech.length / LINE_RATE).toFixed(1)} s`);
    await line.play(speech, { signal: patience });
    timeline.say('caller', 'presses #');
    await line.sendKeys(['#'], { signal: patience });
    await ended(outcome.dialog.ended, patience);
    timeline.say('caller', 'was hung up on');
  } finally {
    await line.close();
    await phone.close();
  }
}

async function waitFor(
  line: Line,
  signal: AbortSignal,
  fits: (frame: Frame) => boolean,
  what: string,
): Promise<void> {
  const heard = await line.listen((frame) => fits(frame) || undefined, { signal });
  if (!heard) throw new TonearmError('demoFailed', `The caller did not hear ${what}.`);
}

function isAudible(frame: Frame): boolean {
  let energy = 0;
  for (const sample of audioOf(frame)) energy += sample * sample;
  return Math.sqrt(energy / FRAME_SAMPLES) > AUDIBLE;
}

/** Goertzel at the beep's frequency, against the energy of the whole frame. */
function isBeep(frame: Frame): boolean {
  const coefficient = 2 * Math.cos((2 * Math.PI * BEEP_HZ) / LINE_RATE);
  let last = 0;
  let before = 0;
  let energy = 0;
  for (const sample of audioOf(frame)) {
    const next = sample + coefficient * last - before;
    before = last;
    last = next;
    energy += sample * sample;
  }
  const power = last * last + before * before - coefficient * last * before;
  return isAudible(frame) && (2 * power) / (FRAME_SAMPLES * energy) > BEEP_SHARE;
}

async function ended(dialog: AbortSignal, patience: AbortSignal): Promise<void> {
  const either = AbortSignal.any([dialog, patience]);
  if (!either.aborted)
    await new Promise((resolve) => either.addEventListener('abort', resolve, { once: true }));
  if (!dialog.aborted) throw new TonearmError('demoFailed', 'The bot did not end the call.');
}
