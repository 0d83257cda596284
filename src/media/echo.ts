/**
 * The prompt's own echo: how much of what is heard is what we play, come back through the caller's phone. Pure; nothing is allocated per frame.
 *
 * Only levels are compared, 20 ms each and band by band: codecs and the phone's own echo suppressor leave of the waveform little that could be
 * cancelled, but an echo is as loud as what was played, less its loss, a while later; and where the prompt has little, a voice stands out. Delay and
 * losses are learned while the prompt plays; until then anything far enough below the prompt is taken for its echo (Geigel's rule), and how far that is
 * comes to be known within a second.
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
/** Until there is better knowledge an echo is at least so far below the prompt; and when what is heard is nothing like it, this far. */
const UNKNOWN_LOSS_DB = 10;
const NO_ECHO_LOSS_DB = 34;
/** While no delay is known, the loss is what lost least in three stretches of 320 ms: longer than the longest delay. */
const FRAMES_OF_LEAST = 16;
const STRETCHES = 3;
const MOST_LOSS_DB = 45;
/** The loss is learned in steps no larger than this, and three times as large towards a louder echo. */
const LOSS_STEP_DB = 0.15;
/** What is weaker is no prompt, and the echo of what is weaker than LOUD is in the noise: dBov. */
const SILENT = -60;
const LOUD = SILENT + 10;

export class Echo {
  readonly #source: Played;
  /** Levels in the frame that was heard last up to which it may be the echo, by band, dBov. */
  readonly limits = new Float64Array(BANDS).fill(Number.NEGATIVE_INFINITY);
  /** Levels of the frames that were played last, each twice, DELAYS apart: those up to the newest lie in one piece. The same by band. */
  readonly #played = new Float32Array(2 * DELAYS).fill(SILENT);
  readonly #bands = new Float32Array(2 * DELAYS * BANDS).fill(SILENT);
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
  #loss = UNKNOWN_LOSS_DB + TOLERANCE_DB;
  readonly #losses = new Float64Array(BANDS);
  #unlike = false;
  /** The present stretch of FRAMES_OF_LEAST, and those before it. */
  readonly #least = new Float64Array(STRETCHES + 1).fill(UNKNOWN_LOSS_DB);
  #noted = 0;

  /** @param played what is played to the caller */
  constructor(played: Played) {
    this.#source = played;
  }

  /** Delay in frames and loss in dB; `undefined` while they are not known. */
  get path(): { readonly delay: number; readonly loss: number } | undefined {
    return this.#delay < 0 ? undefined : { delay: this.#delay, loss: this.#loss };
  }

  /**
   * Whether all that is heard in the frame at `position` is, for all one knows, the echo: `level` of it, `levels` of its bands and `floor` of
   * the noise in dBov. Sets `limits`. To be asked for each frame that is heard, in order.
   */
  explains(level: number, levels: Float64Array, floor: number, position: number): boolean {
    this.#advance(position);
    if (this.#silent >= DELAYS) {
      this.limits.fill(Number.NEGATIVE_INFINITY);
      return false;
    }
    const known = this.#delay >= 0;
    // Frames of theirs and ours do not coincide, and rooms ring on.
    const from = known ? Math.max(0, this.#delay - 2) : 0;
    const to = known ? Math.min(DELAYS, this.#delay + 4) : DELAYS;
    const unknown = known ? 0 : this.#leastLoss();
    let explained = true;
    for (let band = 0; band < BANDS; band++) {
      const loss = known ? this.#losses[band]! : unknown;
      this.limits[band] = loudest(this.#bands, BANDS, band, this.#newest, from, to) - loss + TOLERANCE_DB;
      if (levels[band]! > this.limits[band]!) explained = false;
    }
    const heard = Math.max(level, floor);
    // Who speaks over the prompt teaches nothing about its echo.
    if (explained) this.#noteLeast(heard);
    if (explained || !known) this.#learn(heard, levels);
    return explained;
  }

  #advance(position: number) {
    const played = this.#source.measure(position, ENERGIES);
    const energy = ENERGIES[0]! + ENERGIES[1]! + ENERGIES[2]! + ENERGIES[3]!;
    const level = played ? Math.max(SILENT, decibels(energy)) : SILENT;
    this.#silent = level > SILENT ? 0 : this.#silent + 1;
    this.#newest = (this.#newest + 1) % DELAYS;
    this.#played[this.#newest] = this.#played[this.#newest + DELAYS] = level;
    for (let band = 0; band < BANDS; band++) {
      const at = BANDS * this.#newest + band;
      this.#bands[at] = this.#bands[at + BANDS * DELAYS] =
        level > SILENT ? decibels(ENERGIES[band]!) : SILENT;
    }
  }

  #leastLoss(): number {
    const least = Math.min(this.#least[1]!, this.#least[2]!, this.#least[3]!);
    return Math.max(this.#unlike ? NO_ECHO_LOSS_DB : UNKNOWN_LOSS_DB, least);
  }

  #noteLeast(y: number) {
    const x = loudest(this.#played, 1, 0, this.#newest, 0, DELAYS);
    if (x < LOUD) return;
    const least = this.#least;
    if (this.#noted++ % FRAMES_OF_LEAST === 0) {
      least.copyWithin(1, 0);
      least[0] = MOST_LOSS_DB;
    }
    least[0] = Math.min(least[0]!, x - y);
  }

  #learn(y: number, levels: Float64Array) {
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
    if (this.#delay < 0) return;
    const played = this.#played[newest - this.#delay]!;
    if (played >= LOUD) this.#loss = nearer(this.#loss, played - y);
    for (let band = 0; band < BANDS; band++) {
      const of = this.#bands[BANDS * (newest - this.#delay) + band]!;
      if (of >= LOUD) this.#losses[band] = nearer(this.#losses[band]!, of - levels[band]!);
    }
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
    if (bestAlike >= SURE) {
      if (this.#delay < 0) this.#losses.fill(this.#loss);
      this.#delay = best;
    } else if (this.#unlike) this.#delay = -1;
  }
}

/** So that a quarter of the frames, those that lost least, are above what is expected, before tolerance. */
function nearer(loss: number, seen: number): number {
  const error = seen - loss;
  return loss + (error < 0 ? Math.max(-LOSS_STEP_DB * 3, 0.3 * error) : Math.min(LOSS_STEP_DB, 0.1 * error));
}

/** The highest of the levels of the frames that were played `from`…`to` frames before the newest; each frame has `width` of them. */
function loudest(
  levels: Float32Array,
  width: number,
  band: number,
  newest: number,
  from: number,
  to: number,
): number {
  let most = SILENT;
  for (let delay = from; delay < to; delay++) {
    const level = levels[width * (newest + DELAYS - delay) + band]!;
    if (level > most) most = level;
  }
  return most;
}

/** Filled and read at once: one for all. */
const ENERGIES = new Float64Array(BANDS);
