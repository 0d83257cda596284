/**
 * What becomes of each frame of a recording: into the take, and whether it ends here.
 * Times are samples, counted by frames: there are no timers, and nothing depends on when a packet happened to arrive.
 *
 * Decided in this order when one frame brings several (CONTRACT §3.1):
 * 1. a stop tone, if its last key began no later than where the duration is reached;
 * 2. the duration: the take is exactly that long;
 * 3. silence, then no media at all, then a disk that takes no more.
 * A stop tone that is complete but waits for a longer one is what the recording ends by, whatever ends it meanwhile.
 *
 * Silence is the absence of speech: keys are not speech, and a key that ends nothing does not start the count anew.
 */
import { FRAME_SAMPLES, type Frame, type FrameListener, type Line, type LineReport } from '../media/line.ts';
import type { Take } from '../recording/take.ts';
import { millisecondsOf, reportSince } from './end-report.ts';
import type { EndReport, RecordSpec } from './operation.ts';
import { type Ended, type Stage, samplesOf, type Tell } from './stage.ts';
import type { StopTone, StopTones } from './stop-tones.ts';

/**
 * One a recording. A class, and all of it whole numbers in its own fields: with a thousand recordings each frame finds it out of the
 * processor's caches, and what it refers to is looked at only when it matters.
 */
export class Recorder implements FrameListener<Ended> {
  readonly #line: Line;
  readonly #tell: Tell;
  readonly #take: Take;
  readonly #stopTones: StopTones;
  /** A key was pressed that may be part of a stop tone. */
  #pressing: boolean;
  readonly #from: number;
  readonly #maxDuration: number;
  readonly #maxSilence: number;
  readonly #initialSilence: number;
  readonly #noMedia: number;
  readonly #keyDelay: number;
  /** Position of the take's first sample; -1 before there is one. */
  #origin = -1;
  /** Of the take. */
  #length = 0;
  #spoken: boolean;
  #silence = 0;
  #speaking = false;
  /** -1: never. */
  #speechStart = -1;
  #speechEnd = 0;
  #concealed = 0;
  readonly #before: LineReport;

  /** `from`: the position of the first sample that is wanted. `spoken`: speech broke in. */
  constructor(
    spec: RecordSpec,
    stage: Stage,
    take: Take,
    stopTones: StopTones,
    from: number,
    spoken: boolean,
  ) {
    this.#line = stage.line;
    this.#tell = stage.tell;
    this.#take = take;
    this.#stopTones = stopTones;
    this.#pressing = !stopTones.idle;
    this.#from = from;
    this.#maxDuration = samplesOf(spec.maxDurationMs);
    this.#maxSilence = samplesOf(spec.maxSilenceMs);
    // The pause began with the last word, not where the end-pointer was sure of it.
    if (this.#maxSilence > 0) this.#maxSilence = Math.max(1, this.#maxSilence - stage.line.speechTail);
    this.#initialSilence = samplesOf(spec.initialSilenceMs);
    this.#noMedia = samplesOf(spec.noMediaMs);
    this.#keyDelay = stage.line.keyDelay;
    this.#spoken = spoken;
    this.#before = stage.line.report();
  }

  /** Takes the next frame; how the recording ends, if it does here. */
  hear(frame: Readonly<Frame>): Ended | undefined {
    const { position, speech } = frame;
    this.#note(frame);
    const limit = Math.max(this.#from, position) + this.#maxDuration - this.#length;

    if (this.#pressing) {
      const tone = this.#stopTones.pass(position, speech, frame.speechOnset);
      this.#pressing = !this.#stopTones.idle;
      if (tone !== undefined) return this.#stop(frame, tone, tone.onset);
    }
    if (frame.tone !== undefined && frame.toneOnset <= limit && !this.#isHeard(frame)) {
      const tone = this.#stopTones.press(frame.tone, frame.toneOnset);
      this.#pressing = !this.#stopTones.idle;
      if (tone !== undefined) return this.#stop(frame, tone, frame.toneOnset);
    }

    const heard = this.#capture(frame, limit);
    this.#settle(position);
    this.#silence = speech ? 0 : this.#silence + heard;
    const by = this.#endsBy(frame.noMedia, frame.undecided);
    if (by === undefined) return undefined;
    const { complete } = this.#stopTones;
    return complete === undefined ? { by } : this.#stop(frame, complete, complete.onset);
  }

  prefetch(depth: number): number {
    if (depth === 0) return this.#origin + this.#concealed;
    return depth === 1 ? this.#take.length : 0;
  }

  /** What there is to say at the end. */
  report(): EndReport {
    // What follows the last word until the end-pointer is sure of it is no speech.
    const lastWord = this.#speaking ? this.#speechEnd : this.#speechEnd - this.#line.speechTail;
    const ms = (position: number) => Math.max(0, millisecondsOf(position - this.#from));
    return {
      ...(this.#speechStart >= 0 && { speechStartMs: ms(this.#speechStart), speechEndMs: ms(lastWord) }),
      ...reportSince(this.#before, this.#line.report()),
      concealedMs: millisecondsOf(this.#concealed),
    };
  }

  #note({ position, speech, speechOnset, concealed }: Readonly<Frame>) {
    this.#speaking = speech;
    if (concealed) this.#concealed += FRAME_SAMPLES;
    if (!speech) return;
    if (this.#speechStart < 0) this.#speechStart = Math.max(0, speechOnset);
    this.#speechEnd = position + FRAME_SAMPLES;
    if (this.#spoken) return;
    this.#spoken = true;
    this.#tell({ phase: 'speech' });
  }

  #endsBy(noMedia: number, undecided: boolean): Ended['by'] | undefined {
    if (this.#length >= this.#maxDuration) return 'maxDuration';
    if (undecided) {
      // What may be the caller's next word is waited for.
    } else if (this.#spoken) {
      if (this.#silence > 0 && this.#silence >= this.#maxSilence) return 'maxSilence';
    } else if (this.#silence >= this.#initialSilence) return 'initialSilence';
    // What was not sent during prompt and beep is not missed.
    if (Math.min(noMedia, this.#length) >= this.#noMedia) return 'noMedia';
    // The seal says why. The bot hears of it now, while it can still tell the caller.
    return this.#take.refused ? 'error' : undefined;
  }

  /** Takes the frame, but nothing from position `until` on. Returns how many samples it took. */
  #capture({ samples, at, position }: Readonly<Frame>, until: number): number {
    if (this.#origin < 0) this.#origin = Math.max(this.#from, position);
    const begin = Math.max(0, this.#origin - position);
    const end = Math.max(begin, Math.min(FRAME_SAMPLES, until - position));
    if (begin === end) return 0;
    this.#take.append(samples, at + begin, at + end);
    this.#length += end - begin;
    return end - begin;
  }

  /** What a stop tone could still cut off stays open: one that has begun, and any key that is told late. */
  #settle(position: number) {
    const settled = position + FRAME_SAMPLES - this.#keyDelay;
    const open = this.#pressing ? Math.min(this.#stopTones.heldFrom, settled) : settled;
    if (open > this.#origin) this.#take.settle(Math.min(this.#length, open - this.#origin));
  }

  /** Ends at a stop tone: what was said before it is kept, as far as `until`, and it is cut out. */
  #stop(frame: Readonly<Frame>, { keys, onset }: StopTone, until: number): Ended {
    if (until > frame.position) this.#capture(frame, until);
    this.#take.cut(Math.max(0, Math.min(this.#length, onset - Math.max(0, this.#origin))));
    return { by: 'stopTone', keys };
  }

  /** Whether the frame's key is the one that broke in, or of the time before: they may share the first frame with the recording. */
  #isHeard({ position, toneOnset }: Readonly<Frame>): boolean {
    return position < this.#from && toneOnset < this.#from;
  }
}
