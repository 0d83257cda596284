/**
 * Records what the caller says: prompts, beep, then one frame for each 20 ms of the call until one ends it (recorder.ts).
 *
 * With barge-in the caller may break into the beep as into a prompt: speech that the end-pointer was still making up its mind about
 * when the prompt ended would else lose its first word.
 */
import type { Line } from '../media/line.ts';
import type { Take } from '../recording/take.ts';
import { reportSince } from './end-report.ts';
import type { RecordSpec } from './operation.ts';
import { type Played, play, playPrompts } from './play-prompt.ts';
import { Recorder } from './recorder.ts';
import { type Ended, failed, type Stage, samplesOf, stoppedBy } from './stage.ts';
import { StopTones } from './stop-tones.ts';

/** `openTake` is called once, when recording starts; the caller of `record` seals what it opened. Never rejects. */
export async function record(
  spec: RecordSpec,
  stage: Stage,
  openTake: () => Take,
  signal: AbortSignal,
): Promise<Ended> {
  const { line } = stage;
  const before = line.report();
  let recorder: Recorder | undefined;
  const begin: Begin = (...begun) => {
    recorder = new Recorder(spec, stage, openTake(), ...begun);
    return recorder;
  };
  const ended = await perform(spec, stage, openTake, begin, signal).catch(failed);
  return { ...ended, report: recorder?.report() ?? reportSince(before, line.report()) };
}

type Begin = (stopTones: StopTones, from: number, spoken: boolean) => Recorder;

async function perform(
  spec: RecordSpec,
  stage: Stage,
  openTake: () => Take,
  begin: Begin,
  signal: AbortSignal,
): Promise<Ended> {
  const { line, tell } = stage;
  line.sensitivity = spec.sensitivity;
  if (spec.take.channels === 2) line.keepBoth();
  const stopTones = new StopTones(spec.stopTones, samplesOf(spec.interKeyMs));

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
  const recorder = begin(stopTones, from, played.by === 'speech');
  tell({ phase: 'recording' });
  if (played.by === 'speech') tell({ phase: 'speech' });
  return (await line.listen(recorder, { from, signal })) ?? stoppedBy(signal);
}

/** Where the recording begins: speech that broke in is kept from its onset, a key is left out. */
function beginning(played: Exclude<Played, { by: 'over' }>, line: Line): number {
  if (played.by === 'speech') return played.onset;
  return played.by === 'key' ? played.after : line.position;
}
