/**
 * The prompt's own echo: how much of what is heard is what we play, come back through the caller's phone. Pure; nothing is allocated per frame.
 *
 * Only levels are compared, 20 ms each: codecs and the phone's own echo suppressor leave of the waveform little that could be
 * cancelled, but an echo is as loud as what was played, less its loss, a while later. Delay and loss are learned while the prompt plays; until
 * then anything far enough below the prompt is taken for its echo (Geigel's rule).
 */
import { FRAME_SAMPLES } from './line.ts';
import type { Played } from './played.ts';
import { decibels, measureBands } from './speech.ts';

/** Delays are looked for up to so many frames: 640 ms, networks and the phone's jitter buffer included. */
const DELAYS = 32;
/** What is remembered of past frames fades by this much a frame: a time constant of one second. */
const KEEP = 0.98;
/** So many frames of prompt teach enough. */
const LEARNED_FRAMES = 20;
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
  #next = 0;
  /** Levels of the frames that were played last, the newest at `#next - 1`, modulo DELAYS. */
  readonly #played = new Float64Array(DELAYS).fill(SILENT);
  /** By delay: sums, fading, of what was played, its square, its product with what was heard, and heard less played. */
  readonly #x = new Float64Array(DELAYS);
  readonly #xx = new Float64Array(DELAYS);
  readonly #xy = new Float64Array(DELAYS);
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
    const loudest = this.#loudest(0, DELAYS);
    if (loudest <= SILENT) return false;
    const explained = level <= this.#expected(loudest) + TOLERANCE_DB;
    // Who speaks over the prompt teaches nothing about its echo.
    if (explained || this.#delay < 0) this.#learn(Math.max(level, floor));
    return explained;
  }

  #advance(position: number) {
    let level = SILENT;
    if (this.#source.read(position, FRAME)) {
      measureBands(FRAME, 0, ENERGIES);
      level = Math.max(SILENT, decibels(ENERGIES[0]! + ENERGIES[1]! + ENERGIES[2]! + ENERGIES[3]!));
    }
    this.#played[this.#next % DELAYS] = level;
    this.#next++;
  }

  #before(delay: number) {
    return this.#played[(this.#next - 1 - delay + DELAYS) % DELAYS]!;
  }

  #loudest(from: number, to: number) {
    let loudest = SILENT;
    for (let delay = Math.max(0, from); delay < Math.min(DELAYS, to); delay++) {
      const level = this.#before(delay);
      if (level > loudest) loudest = level;
    }
    return loudest;
  }

  /** How loud the echo may be now, dBov. */
  #expected(loudest: number): number {
    // Frames of theirs and ours do not coincide, and rooms ring on.
    if (this.#delay >= 0) return this.#loudest(this.#delay - 2, this.#delay + 4) - this.#loss;
    return loudest - TOLERANCE_DB - (this.#unlike ? NO_ECHO_LOSS_DB : UNKNOWN_LOSS_DB);
  }

  #learn(y: number) {
    this.#weight = KEEP * this.#weight + 1;
    this.#y = KEEP * this.#y + y;
    this.#yy = KEEP * this.#yy + y * y;
    this.#taught++;
    const weight = this.#weight;
    const deviation = Math.sqrt(Math.max(0, this.#yy / weight - (this.#y / weight) ** 2));
    let best = 0;
    let bestAlike = -1;
    for (let delay = 0; delay < DELAYS; delay++) {
      const x = this.#before(delay);
      const sum = KEEP * this.#x[delay]! + x;
      const squares = KEEP * this.#xx[delay]! + x * x;
      const products = KEEP * this.#xy[delay]! + x * y;
      this.#x[delay] = sum;
      this.#xx[delay] = squares;
      this.#xy[delay] = products;
      const mean = sum / weight;
      const spread = Math.sqrt(Math.max(0, squares / weight - mean * mean)) * deviation;
      const alike = (products / weight - (mean * this.#y) / weight) / (spread + 1);
      if (alike > bestAlike) {
        bestAlike = alike;
        best = delay;
      }
    }
    if (this.#taught < LEARNED_FRAMES) return;
    this.#unlike = bestAlike < UNLIKE;
    if (bestAlike < SURE) {
      if (this.#unlike) this.#delay = -1;
      return;
    }
    this.#delay = best;
    this.#note(y, this.#before(best));
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
const FRAME = new Int16Array(FRAME_SAMPLES);
const ENERGIES = new Float64Array(4);
