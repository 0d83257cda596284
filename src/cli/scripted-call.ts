/** A call placed by a script: dials, does one step after the other, listens all the while, and says how it went. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { onAbort } from '../call/live-call.ts';
import { MediaSession } from '../call/media-session.ts';
import { pause, systemClock } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import { silentLog } from '../log.ts';
import { type Codec, isWide } from '../media/codecs.ts';
import { type Key, LINE_RATE } from '../media/line.ts';
import { openRtpLine, type RtpLine } from '../media/rtp-line.ts';
import { createUserAgent } from '../sip/endpoint.ts';
import { locate } from '../sip/next-hop.ts';
import type { Dialog, DialogEnd, DialogHandler, UserAgent } from '../sip/user-agent.ts';
import { parseSipUri } from '../wire/sip-uri.ts';
import { type Awaited, Ear, type HeardKey, type Recording, type Sound } from './ear.ts';
import type { SoundFile } from './sound-file.ts';

export type Step =
  | { readonly step: 'wait'; readonly for: Awaited }
  | { readonly step: 'pause'; readonly seconds: number }
  | { readonly step: 'play'; readonly file: string; readonly sound: SoundFile }
  | { readonly step: 'keys'; readonly keys: readonly Key[] }
  | { readonly step: 'hangUp' };

export interface CallScript {
  /** A `sip:` URI. */
  readonly target: string;
  readonly from: { readonly user: string; readonly displayName?: string | undefined };
  readonly transport: 'udp' | 'tcp';
  /** The most wanted first. */
  readonly codecs?: readonly Codec[] | undefined;
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  readonly steps: readonly Step[];
  /** For all of it, the ringing too. */
  readonly timeoutSeconds: number;
  /** Abort hangs up. */
  readonly signal?: AbortSignal;
}

/** Times are milliseconds: of ringing and answer from the INVITE, of all else from the answer. */
export interface CallReport {
  readonly target: string;
  /** Whether all went as scripted. */
  readonly ok: boolean;
  /** What did not; `undefined` when all did. */
  readonly failure: string | undefined;
  readonly answered: boolean;
  /** SIP's final answer to the INVITE. */
  readonly status: number;
  readonly reason: string;
  readonly ringingMs: number | undefined;
  readonly answerMs: number | undefined;
  readonly codec: Codec | undefined;
  readonly steps: readonly StepReport[];
  readonly heard: readonly Sound[];
  readonly keys: readonly HeardKey[];
  readonly ended: { readonly by: 'farEnd' | 'caller' | 'timeout'; readonly atMs: number } | undefined;
  readonly packets:
    | {
        readonly received: number;
        readonly lost: number;
        readonly sent: number;
        readonly jitterMs: number;
      }
    | undefined;
}

interface StepReport {
  readonly step: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly done: boolean;
}

export interface ScriptedCall {
  readonly report: CallReport;
  /** What was heard from the answer to the end; at 16 kHz when the codec carries as much. */
  readonly recording: Recording;
}

/** Of a call's own port pair. */
const PORTS = { min: 30_000, max: 39_999 };

/** Told of what happens as it happens. */
export type Narrate = (what: string) => void;

/** Places the call. Throws TonearmError `badTarget` when the target is no SIP URI or its host is not known; all else is in the report. */
export async function placeScriptedCall(script: CallScript, narrate: Narrate): Promise<ScriptedCall> {
  const address = await localAddressTowards(script.target);
  const listen = [{ transport: script.transport, address, port: 0 }] as const;
  const agent = await createUserAgent({ listen, clock: systemClock, log: silentLog });
  const line = await openRtpLine({ address, ports: PORTS, clock: systemClock, log: silentLog });
  const time = AbortSignal.timeout(script.timeoutSeconds * 1000);
  const timeout = script.signal === undefined ? time : AbortSignal.any([time, script.signal]);
  try {
    const dialled = await dial(script, { agent, line, address, timeout, narrate });
    return 'report' in dialled ? dialled : await talk(script, dialled, { line, timeout, narrate });
  } finally {
    await line.close();
    await agent.close();
  }
}

interface Parts {
  readonly agent: UserAgent;
  readonly line: RtpLine;
  readonly address: string;
  readonly timeout: AbortSignal;
  readonly narrate: Narrate;
}

interface Answered {
  readonly dialog: Dialog;
  readonly codec: Codec;
  readonly ringingMs: number | undefined;
  readonly answerMs: number;
}

/** Until the call is answered and its media can flow. */
async function dial(
  script: CallScript,
  { agent, line, address, timeout, narrate }: Parts,
): Promise<Answered | ScriptedCall> {
  const { target, from, transport, credentials, codecs } = script;
  const session = new MediaSession({ address, port: line.port }, codecs);
  const since = stopwatch();
  let ringingMs: number | undefined;
  narrate(`INVITE ${target}`);
  const invited = agent.invite(
    {
      requestUri: target,
      from,
      to: `<${target}>`,
      transport,
      credentials,
      sdp: session.offer(),
      handler: handlerOf(session, line),
      onProgress(status) {
        if (status < 180 || ringingMs !== undefined) return;
        ringingMs = since();
        narrate('ringing');
      },
    },
    timeout,
  );
  // A far end that is not there is given up by SIP after 32 s; closing the agent ends it sooner.
  const outcome = await Promise.race([invited, aborted(timeout).then(() => GIVEN_UP)]);
  const unanswered = (status: number, reason: string, failure: string): ScriptedCall => {
    narrate(failure);
    const report = { ...NOTHING, target, failure, status, reason, ringingMs };
    return { report, recording: { samples: new Int16Array(0), rate: LINE_RATE } };
  };
  if (!outcome.answered) {
    const { status, reason } = outcome;
    return unanswered(
      status,
      reason,
      timeout.aborted ? `it was not answered: ${tooLate(script)}` : `it was refused: ${status} ${reason}`,
    );
  }
  narrate('answered');
  const settled = session.accept(outcome.sdp);
  if (settled?.ok !== true) {
    await outcome.dialog.bye();
    return unanswered(200, 'OK', `its answer is of no use: ${settled?.why ?? 'there is none'}`);
  }
  line.connect(settled.audio);
  return { dialog: outcome.dialog, codec: settled.audio.codec, ringingMs, answerMs: since() };
}

/** The script, from the answer to the end. */
async function talk(
  script: CallScript,
  { dialog, ...answered }: Answered,
  { line, timeout, narrate }: Pick<Parts, 'line' | 'timeout' | 'narrate'>,
): Promise<ScriptedCall> {
  const since = stopwatch();
  const ear = new Ear(isWide(answered.codec) ? line.ring(1) : undefined);
  const listening = new AbortController();
  const heard = line.listen(ear, { signal: listening.signal });
  const over = AbortSignal.any([dialog.ended, timeout]);
  const steps: StepReport[] = [];
  let failure: string | undefined;
  for (const step of script.steps) {
    const fromMs = since();
    const why = await perform(step, { dialog, line, ear, narrate }, over);
    steps.push({ step: nameOf(step), fromMs, toMs: since(), done: why === undefined });
    if (why === undefined) continue;
    failure = `${nameOf(step)}: ${why === 'over' ? (dialog.ended.aborted ? 'the far end hung up before' : tooLate(script)) : why}`;
    break;
  }
  if (failure === undefined) await aborted(over);
  if (failure === undefined && !dialog.ended.aborted)
    failure = `the far end did not hang up: ${tooLate(script)}`;
  const ended = { by: endedBy(dialog, timeout), atMs: since() } as const;
  narrate(failure ?? (ended.by === 'farEnd' ? 'was hung up on' : 'hung up'));
  listening.abort();
  await heard;
  await dialog.bye();
  const { received, lost, sent, jitter } = line.counts;
  const report: CallReport = {
    ...NOTHING,
    ...answered,
    target: script.target,
    ok: failure === undefined,
    failure,
    answered: true,
    status: 200,
    reason: 'OK',
    steps,
    heard: ear.sounds,
    keys: ear.keys,
    ended,
    packets: { received, lost, sent, jitterMs: Math.round((jitter * 1000) / LINE_RATE) },
  };
  return { report, recording: ear.recording() };
}

/** `undefined` when it was done; `over` when the call or the time was over first; else what kept it from being done. */
async function perform(
  step: Step,
  {
    dialog,
    line,
    ear,
    narrate,
  }: { readonly dialog: Dialog; readonly line: RtpLine; readonly ear: Ear; readonly narrate: Narrate },
  over: AbortSignal,
): Promise<string | undefined> {
  if (over.aborted) return 'over';
  try {
    switch (step.step) {
      case 'wait':
        if (!(await ear.waitFor(step.for, over))) return 'over';
        narrate(`hears ${step.for === 'beep' ? 'the end of a beep' : step.for}`);
        return undefined;
      case 'pause':
        return (await pause(systemClock, step.seconds * 1000, over)) ? undefined : 'over';
      case 'play':
        narrate(`plays ${step.file}`);
        return (await line.play(step.sound.samples, { wide: step.sound.wide, signal: over })).by === 'end'
          ? undefined
          : 'over';
      case 'keys':
        narrate(`presses ${step.keys.join(' ')}`);
        await line.sendKeys(step.keys, { signal: over });
        // The last key may be what the far end hangs up for.
        return undefined;
      case 'hangUp':
        await dialog.bye();
        return undefined;
    }
  } catch (thrown) {
    return reasonOf(thrown);
  }
}

const GIVEN_UP = { answered: false, status: 408, reason: 'Request Timeout' } as const;
/** What of a report is so before anything happened. */
const NOTHING = {
  ok: false,
  answered: false,
  ringingMs: undefined,
  answerMs: undefined,
  codec: undefined,
  steps: [],
  heard: [],
  keys: [],
  ended: undefined,
  packets: undefined,
} as const;

/** Why the time was over. */
function tooLate({ signal, timeoutSeconds }: CallScript): string {
  return signal?.aborted ? 'it was interrupted' : `not within ${timeoutSeconds} s`;
}

function nameOf(step: Step): string {
  switch (step.step) {
    case 'wait':
      return `wait for ${step.for}`;
    case 'pause':
      return `pause of ${step.seconds} s`;
    case 'play':
      return `play ${step.file}`;
    case 'keys':
      return `keys ${step.keys.join(',')}`;
    case 'hangUp':
      return 'hang up';
  }
}

function endedBy(dialog: Dialog, timeout: AbortSignal): 'farEnd' | 'caller' | 'timeout' {
  const end = dialog.ended.aborted ? (dialog.ended.reason as DialogEnd) : undefined;
  if (end?.by === 'remote') return 'farEnd';
  return end === undefined && timeout.aborted ? 'timeout' : 'caller';
}

/** A session that the far end changes goes on as it asks. */
function handlerOf(session: MediaSession, line: RtpLine): DialogHandler {
  return {
    onOffer(offer) {
      if (offer === undefined) return { sdp: session.offer() };
      const answer = session.answer(offer);
      if (!answer.ok) return { status: 488 };
      line.connect(answer.audio);
      return { sdp: answer.sdp };
    },
    onAnswer(sdp) {
      const settled = session.accept(sdp);
      if (settled?.ok) line.connect(settled.audio);
    },
  };
}

/** Milliseconds since it was made. */
function stopwatch(): () => number {
  const began = systemClock.monotonic();
  return () => Math.round(systemClock.monotonic() - began);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => onAbort(signal, resolve));
}

/** Where the far end can reach us: what the system would send from. */
async function localAddressTowards(target: string): Promise<string> {
  const uri = parseSipUri(target);
  if (uri === undefined || uri.host === '')
    throw new TonearmError('badTarget', `${target} is no SIP URI: write sip:user@host:port`);
  const peer = await locate(target, { transport: 'udp', address: '', port: 0 });
  if (peer === undefined) throw new TonearmError('badTarget', `the host ${uri.host} is not known`);
  const socket = createSocket(isIPv6(peer.address) ? 'udp6' : 'udp4');
  try {
    socket.connect(peer.port, peer.address);
    await once(socket, 'connect');
    return socket.address().address;
  } catch (cause) {
    throw new TonearmError('badTarget', `${peer.address} cannot be reached: ${reasonOf(cause)}`, { cause });
  } finally {
    socket.close();
  }
}
