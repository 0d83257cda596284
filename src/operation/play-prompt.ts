/** Plays prompts to the caller: the whole of `playPrompt`, and what a recording begins with. */
import { reasonOf } from '../errors.ts';
import { LINE_RATE, type PlayEnd } from '../media/line.ts';
import { reportSince } from './end-report.ts';
import type { OperationEnding, PlayPromptSpec, PromptDelivery, PromptSpec } from './operation.ts';
import { type Ended, failed, type Stage, stoppedBy } from './stage.ts';

export type Played =
  | { readonly by: 'end' }
  /** The caller broke in: nothing more is to be played. */
  | Extract<PlayEnd, { by: 'speech' | 'key' }>
  /** There is no going on. */
  | { readonly by: 'over'; readonly end: Ended };

/** Plays its prompts in order; the caller's breaking in is an end like any other. Never rejects. */
export async function playPrompt(spec: PlayPromptSpec, stage: Stage, signal: AbortSignal): Promise<Ended> {
  const before = stage.line.report();
  const ended = await perform(spec, stage, signal).catch(failed);
  return { ...ended, report: reportSince(before, stage.line.report()) };
}

async function perform(spec: PlayPromptSpec, stage: Stage, signal: AbortSignal): Promise<Ended> {
  stage.line.sensitivity = spec.sensitivity;
  let played: Played;
  do played = await playPrompts(spec.prompts, spec.bargeIn, stage, signal);
  while (spec.loop && played.by === 'end' && (await takeTime(stage.prompts)));
  return played.by === 'over' ? played.end : { by: 'finished' };
}

/** A prompt is waited for when its turn has come, so the first may be heard while the second is still fetched. */
export async function playPrompts(
  prompts: readonly PromptSpec[],
  bargeIn: boolean,
  stage: Stage,
  signal: AbortSignal,
): Promise<Played> {
  for (const [index, { audio, times }] of prompts.entries()) {
    const delivery = await delivered(stage.prompts[audio], bargeIn, stage, signal);
    if ('by' in delivery) return delivery;
    if (!delivery.ok) {
      const by = delivery.why === 'undecodable' ? 'promptUndecodable' : 'promptUnavailable';
      return over({ by, message: delivery.message });
    }
    stage.tell({ phase: 'prompt', index });
    const loops = delivery.samples.length === 0 ? 0 : times;
    for (let loop = 0; loop < loops; loop++) {
      const played = await play(delivery.samples, bargeIn, 'promptFailed', stage, signal, delivery.wide);
      if (played.by !== 'end') return played;
    }
  }
  return { by: 'end' };
}

/** Plays one piece; when it cannot be sent the operation is over by `failure`. */
export async function play(
  audio: Int16Array,
  bargeIn: boolean,
  failure: OperationEnding,
  { line, tell }: Stage,
  signal: AbortSignal,
  wide?: Int16Array,
): Promise<Played> {
  try {
    const breaks = bargeIn ? { speech: true, keys: true } : undefined;
    const played = await line.play(audio, { wide, bargeIn: breaks, signal });
    if (signal.aborted || played.by === 'aborted') return over(stoppedBy(signal));
    if (played.by !== 'end') tell({ phase: 'bargeIn', by: played.by });
    return played;
  } catch (thrown) {
    return over(signal.aborted ? stoppedBy(signal) : { by: failure, message: reasonOf(thrown) });
  }
}

/** Prompts of no length, however often, take no time: looping over them would never let anything else run. */
async function takeTime(prompts: Stage['prompts']): Promise<boolean> {
  const deliveries = await Promise.all(prompts);
  return deliveries.some((delivery) => delivery.ok && delivery.samples.length > 0);
}

function over(end: Ended): Extract<Played, { by: 'over' }> {
  return { by: 'over', end };
}

/**
 * The prompt, once it is there. Until then the caller hears silence and, with `bargeIn`, may break into it as into the prompt
 * itself: a prompt that takes its time to fetch is no reason to lose what is said.
 */
async function delivered(
  prompt: Promise<PromptDelivery> | undefined,
  bargeIn: boolean,
  stage: Stage,
  signal: AbortSignal,
): Promise<PromptDelivery | Exclude<Played, { by: 'end' }>> {
  if (signal.aborted) return over(stoppedBy(signal));
  if (prompt === undefined) return unavailable('no such prompt was given');
  const arrived = new AbortController();
  let delivery: PromptDelivery | undefined;
  const settle = (settled: PromptDelivery) => {
    delivery = settled;
    arrived.abort();
  };
  prompt.then(settle, (thrown: unknown) => settle(unavailable(reasonOf(thrown))));
  // What is there already is played without a gap.
  await Promise.resolve();
  const until = AbortSignal.any([signal, arrived.signal]);
  while (delivery === undefined) {
    const heard = await play(SILENCE, bargeIn, 'promptFailed', stage, until);
    if (signal.aborted) return over(stoppedBy(signal));
    if (heard.by === 'speech' || heard.by === 'key') return heard;
    if (heard.by === 'over' && !until.aborted) return heard;
  }
  return delivery;
}

/** A second of it. */
const SILENCE = new Int16Array(LINE_RATE);

function unavailable(message: string): PromptDelivery {
  return { ok: false, why: 'unavailable', message };
}
