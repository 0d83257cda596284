/**
 * Records what the caller says: prompts, beep, then one frame for each 20 ms of the call until one ends it.
 * Times are samples, counted by frames: there are no timers, and nothing depends on when a packet happened to arrive.
 *
 * Decided in this order when one frame brings several (CONTRACT §3.1):
 * 1. a stop tone, if its last key began no later than where the duration is reached;
 * 2. the duration: the take is exactly that long;
 * 3. silence, then no media at all.
 *
 * Silence is the absence of speech: keys are not speech, and a key that ends nothing does not start the count anew.
 * With barge-in the caller may break into the beep as into a prompt: speech that the end-pointer was still making up its mind about
 * when the prompt ended would else lose its first word.
 */
import { FRAME_SAMPLES, type Frame, type Line } from '../media/line.ts';
import type { Take } from '../recording/take.ts';
import { type Capture, openCapture } from './capture.ts';
import { type EndReporter, openEndReport } from './end-report.ts';
import type { RecordSpec } from './operation.ts';
import { type Played, play, playPrompts } from './play-prompt.ts';
import { type Ended, type Stage, samplesOf, stoppedBy } from './stage.ts';
import { createStopTones, type StopTones } from './stop-tones.ts';

/** `openTake` is called once, when recording starts; the caller of `record` seals what it opened. */
export async function record(
  spec: RecordSpec,
  stage: Stage,
  openTake: () => Take,
  signal: AbortSignal,
): Promise<Ended> {
  const { line, tell } = stage;
  const stopTones = createStopTones(spec.stopTones, samplesOf(spec.interKeyMs));

  let played = await playPrompts(spec.prompts, spec.bargeIn, stage, signal);
  if (played.by === 'end' && spec.beep) {
    tell({ phase: 'beep' });
    played = await play(stage.beep, spec.bargeIn, 'beepFailed', stage, signal);
  }
  if (played.by === 'over') return played.end;
  if (played.by === 'key') {
    const tone = stopTones.press(played.key, played.onset);
    if (tone !== undefined) {
      // A stop tone leaves a recording, if an empty one: bots read it without asking.
      openTake();
      return { by: 'stopTone', keys: tone.keys };
    }
  }
  if (signal.aborted) return stoppedBy(signal);

  const from = beginning(played, line);
  const report = openEndReport(line, from);
  const capture = openCapture(openTake(), from);
  tell({ phase: 'recording' });
  if (played.by === 'speech') tell({ phase: 'speech' });
  const ended = await listen(
    spec,
    stage,
    { from, capture, stopTones, report, spoken: played.by === 'speech' },
    signal,
  );
  return { ...ended, report: report.close() };
}

/** What a recording has when it begins. */
interface Begun {
  readonly from: number;
  readonly capture: Capture;
  readonly stopTones: StopTones;
  readonly report: EndReporter;
  /** Speech broke in. */
  readonly spoken: boolean;
}

/** Takes frame by frame, until something ends it. */
async function listen(
  spec: RecordSpec,
  { line, tell }: Stage,
  begun: Begun,
  signal: AbortSignal,
): Promise<Ended> {
  const { from, capture, stopTones, report } = begun;
  const maxDuration = samplesOf(spec.maxDurationMs);
  const maxSilence = samplesOf(spec.maxSilenceMs);
  const initialSilence = samplesOf(spec.initialSilenceMs);
  const noMedia = samplesOf(spec.noMediaMs);
  const keyDelay = spec.stopTones.length === 0 ? 0 : line.keyDelay;
  let { spoken } = begun;
  let silence = 0;

  const hear = (frame: Readonly<Frame>): Ended | undefined => {
    report.hear(frame);
    if (frame.speech && !spoken) {
      spoken = true;
      tell({ phase: 'speech' });
    }
    const limit = Math.max(from, frame.position) + maxDuration - capture.length;

    stopTones.pass(frame.position, frame.speech, frame.speechOnset);
    if (frame.tone !== undefined && frame.toneOnset <= limit && !isHeard(frame, from)) {
      const tone = stopTones.press(frame.tone, frame.toneOnset);
      if (tone !== undefined) {
        capture.hear(frame, frame.toneOnset, tone.onset);
        capture.cut(tone.onset);
        return { by: 'stopTone', keys: tone.keys };
      }
    }

    const settled = Math.min(stopTones.heldFrom, frame.position + FRAME_SAMPLES - keyDelay);
    const heard = capture.hear(frame, limit, settled);
    if (capture.length >= maxDuration) return { by: 'maxDuration' };
    silence = frame.speech ? 0 : silence + heard;
    // The pause began with the last word, not where the end-pointer was sure of it.
    if (spoken && silence > 0 && silence + line.speechTail >= maxSilence) return { by: 'maxSilence' };
    if (!spoken && silence >= initialSilence) return { by: 'initialSilence' };
    // What was not sent during prompt and beep is not missed.
    return Math.min(frame.noMedia, capture.length) >= noMedia ? { by: 'noMedia' } : undefined;
  };
  return (await line.listen(hear, { from, signal })) ?? stoppedBy(signal);
}

/** Where the recording begins: speech that broke in is kept from its onset, a key is left out. */
function beginning(played: Exclude<Played, { by: 'over' }>, line: Line): number {
  if (played.by === 'speech') return played.onset;
  return played.by === 'key' ? played.after : line.position;
}

/** Whether the frame's key is the one that broke in, or of the time before: they may share the first frame with the recording. */
function isHeard({ position, toneOnset }: Frame, from: number): boolean {
  return position < from && toneOnset < from;
}
