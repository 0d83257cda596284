/**
 * The prompt's own echo: how much of what is heard is what we play, come back through the caller's phone. Pure; nothing is allocated per frame.
 *
 * Only levels are compared, 20 ms each: codecs and the phone's own echo suppressor leave of the waveform little that could be
 * cancelled, but an echo is as loud as what was played, less its loss, a while later. Delay and loss are learned while the prompt plays; until
 * then anything far enough below the prompt is taken for its echo (Geigel's rule).
 */
import { BANDS, decibels } from './bands.ts';
import type { Played } from './played.ts';

/** Delays are looked for up to so many frames: 640 ms, networks and the phone's jitter buffer included. */
const DELAYS = 32;
/** What is remembered of past frames fades by this much a frame: a time constant of one second. */
const KEEP = 0.98;
/** So many frames of prompt teach enough. */
const LEARNED_FRAMES = 20;
/** The delay is looked for anew after so many frames. */
const LOOK_FRAMES = 5;
/** Of each delay. */
const SUMS = 3;
/** Levels that rise and fall together like this are cause and effect. */
const SURE = 0.6;
/** … and like this are not. */
const UNLIKE = 0.35;
/** dB that an echo may be over what is expected of it. */
const TOLERANCE_DB = 6;
/** Until there is better knowledge an echo is at least so far below the prompt; and when none is to be found, this far. */
const UNKNOWN_LOSS_DB = 14;
const NO_ECHO_LOSS_DB = 28;
/** The loss is learned in steps no larger than this, and three times as large towards a louder echo. */
const LOSS_STEP_DB = 0.15;
/** What is weaker is no prompt: dBov. */
const SILENT = -60;

export class Echo {
  readonly #source: Played;
  /** Levels of the frames that were played last, each twice, DELAYS apart: those up to the newest lie in one piece. */
  readonly #played = new Float64Array(2 * DELAYS).fill(SILENT);
  #newest = 0;
  /** So many frames nothing was played. */
  #silent = DELAYS;
  /** By delay: sums, fading, of what was played, its square, its product with what was heard. */
  readonly #sums = new Float64Array(SUMS * DELAYS);
  #y = 0;
  #yy = 0;
  #weight = 0;
  #taught = 0;
  #delay = -1;
  #loss = 0;
  #unlike = false;

  /** @param played what is played to the caller */
  constructor(played: Played) {
    this.#source = played;
  }

  /** Delay in frames and loss in dB; `undefined` while they are not known. */
  get path(): { readonly delay: number; readonly loss: number } | undefined {
    return this.#delay < 0 ? undefined : { delay: this.#delay, loss: this.#loss };
  }

  /**
   * Whether what is heard in the frame at `position` is, for all one knows, the echo: `level` of it and `floor` of the noise in dBov. To be
   * asked for each frame that is heard, in order.
   */
  explains(level: number, floor: number, position: number): boolean {
    this.#advance(position);
    if (this.#silent >= DELAYS) return false;
    const explained = level <= this.#expected() + TOLERANCE_DB;
    // Who speaks over the prompt teaches nothing about its echo.
    if (explained || this.#delay < 0) this.#learn(Math.max(level, floor));
    return explained;
  }

  #advance(position: number) {
    let level = SILENT;
    if (this.#source.measure(position, ENERGIES))
      level = Math.max(SILENT, decibels(ENERGIES[0]! + ENERGIES[1]! + ENERGIES[2]! + ENERGIES[3]!));
    this.#silent = level > SILENT ? 0 : this.#silent + 1;
    this.#newest = (this.#newest + 1) % DELAYS;
    this.#played[this.#newest] = this.#played[this.#newest + DELAYS] = level;
  }

  #loudest(from: number, to: number) {
    let loudest = SILENT;
    const newest = this.#newest + DELAYS;
    for (let delay = Math.max(0, from); delay < Math.min(DELAYS, to); delay++) {
      const level = this.#played[newest - delay]!;
      if (level > loudest) loudest = level;
    }
    return loudest;
  }

  /** How loud the echo may be now, dBov. */
  #expected(): number {
    // Frames of theirs and ours do not coincide, and rooms ring on.
    if (this.#delay >= 0) return this.#loudest(this.#delay - 2, this.#delay + 4) - this.#loss;
    return this.#loudest(0, DELAYS) - TOLERANCE_DB - (this.#unlike ? NO_ECHO_LOSS_DB : UNKNOWN_LOSS_DB);
  }

  #learn(y: number) {
    this.#weight = KEEP * this.#weight + 1;
    this.#y = KEEP * this.#y + y;
    this.#yy = KEEP * this.#yy + y * y;
    this.#taught++;
    const sums = this.#sums;
    const newest = this.#newest + DELAYS;
    for (let delay = 0, at = 0; delay < DELAYS; delay++, at += SUMS) {
      const x = this.#played[newest - delay]!;
      sums[at] = KEEP * sums[at]! + x;
      sums[at + 1] = KEEP * sums[at + 1]! + x * x;
      sums[at + 2] = KEEP * sums[at + 2]! + x * y;
    }
    if (this.#taught >= LEARNED_FRAMES && this.#taught % LOOK_FRAMES === 0) this.#look();
    if (this.#delay >= 0) this.#note(y, this.#played[newest - this.#delay]!);
  }

  /** Which delay it is, if any. */
  #look() {
    const weight = this.#weight;
    const mean = this.#y / weight;
    const deviation = Math.sqrt(Math.max(0, this.#yy / weight - mean ** 2));
    let best = 0;
    let bestAlike = -1;
    for (let delay = 0, at = 0; delay < DELAYS; delay++, at += SUMS) {
      const meanX = this.#sums[at]! / weight;
      const spread = Math.sqrt(Math.max(0, this.#sums[at + 1]! / weight - meanX * meanX)) * deviation;
      const alike = (this.#sums[at + 2]! / weight - meanX * mean) / (spread + 1);
      if (alike > bestAlike) {
        bestAlike = alike;
        best = delay;
      }
    }
    this.#unlike = bestAlike < UNLIKE;
    if (bestAlike >= SURE) this.#delay = best;
    else if (this.#unlike) this.#delay = -1;
  }

  /** So that a quarter of the frames, those that lost least, are above what is expected, before tolerance. */
  #note(y: number, x: number) {
    if (this.#loss === 0) this.#loss = UNKNOWN_LOSS_DB + TOLERANCE_DB;
    // An echo that is in the noise says nothing.
    if (x < SILENT + 20) return;
    const error = x - y - this.#loss;
    this.#loss += error < 0 ? Math.max(-LOSS_STEP_DB * 3, 0.3 * error) : Math.min(LOSS_STEP_DB, 0.1 * error);
  }
}

/** Filled and read at once: one for all. */
const ENERGIES = new Float64Array(BANDS);
