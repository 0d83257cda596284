/**
 * The end-pointer: where a caller begins and ends to speak, from the energy of each 20 ms in four bands over floors that adapt.
 * Pure; nothing is allocated per frame. Weighed against others in decision 0008 and by `npm run bench -- hearing`.
 *
 * The bands are those of a Haar pyramid, 250–500, 500–1000, 1000–2000 and 2000–4000 Hz: a voice stands out in some of them, whatever the colour of
 * the noise; below 250 Hz there is hum and rumble. Levels are dBov (RFC 6465 §3: 0 is the loudest a sample can say, silence is −127), of the
 * part of the power that lies in a band.
 */
import { BANDS, decibels, measureBands } from './bands.ts';
import type { Echo } from './echo.ts';
import { FLOOR_NUMBERS, floorOf, followFloors, newFloors } from './floors.ts';
import { FRAME_SAMPLES, LINE_RATE, type Sensitivity, SPEECH_TAIL } from './line.ts';
import { LineMemory } from './line-memory.ts';

/** A frame is loud when a band stands so much over its floor; once speech goes on, less will do. */
const ONSET_OVER_FLOOR_DB = 8;
const HOLD_OVER_FLOOR_DB = 5;
const SENSITIVITY_DB: Readonly<Record<Sensitivity, number>> = { low: 3, normal: 0, high: -3 };
/**
 * … and all bands together are nearer to the caller's level than to that of the background: what is weaker is somebody else, or music. Words trail off,
 * so what follows a frame that came half the way up within so many frames belongs to it; what comes later is the background, and its level their mean.
 */
const HALF = 0.5;
const TRAIL_FRAMES = 15;
const BACKGROUND_STEP = 0.03;
/**
 * Where nobody else is to be heard, speech may begin lower: over the background by as much as that swings, which is how far it is above the
 * floor; and by half of what the caller stands out more than CLEAR_DB.
 */
const CLEAR_DB = 10;
/** The caller's level while nothing is known of it, over the floor, and how fast it is forgotten: dB a frame. */
const CALLER_OVER_FLOOR_DB = 4;
const CALLER_FADES_DB = 0.02;
/** Speech is decided when so many of the last WINDOW_FRAMES were loud: a click of 60 ms touches at most four. */
const LOUD_FRAMES = 5;
const WINDOW_FRAMES = 8;
/** Of these so many may become more. */
const UNDECIDED_FRAMES = 2;
/** It goes on while so many of the last four were: a click alone does not carry it on. */
const HOLD_FRAMES = 2;
/** … and differed by so much: what starts and stays level is a tone or a fan. The more it stands out over the floor, the more a voice would differ. */
const LIVELY_DB = 3;
const LIVELIEST_DB = 6;
const LIVELY_SHARE = 0.15;
/** Speech ends after so long without it: longer than the closure of a plosive. */
const HANGOVER_FRAMES = SPEECH_TAIL / FRAME_SAMPLES;
/** … and later by a frame for each dB that the noise is nearer to the caller than this, at most so many: it hides the ends of words. */
const HIDING_DB = 30;
const HIDDEN_FRAMES = 15;
/** So many frames in a row that are lost change nothing: 160 ms. */
const FROZEN_FRAMES = 8;
/** So much before the first loud frame speech is taken to begin: 120 ms, for soft consonants. */
const LOOK_BACK = (120 * LINE_RATE) / 1000;
// Filled and read at once: one for all.
const ENERGIES = new Float64Array(BANDS);
const LEVELS = new Float64Array(BANDS);

// Its numbers in the line's memory. `weak`: frames since one that came half the way up to the caller; `missed`: frames lost in a row.
const CALLER = 0;
const BACKGROUND = 1;
const WEAK = 2;
const LOUDNESS = 3;
const FIRST_LOUD = 4;
const SPEECH = 5;
const ONSET = 6;
const ENDED = 7;
const QUIET = 8;
const LEVEL = 9;
const LOWEST = 10;
const HIGHEST = 11;
const MARGIN = 12;
const CONFIDENCE = 13;
const MISSED = 14;
const FLOORS = 15;
const NUMBERS = FLOORS + FLOOR_NUMBERS;

export class SpeechDetector {
  readonly #n: Float64Array;
  readonly #at: number;

  constructor(memory = new LineMemory(), sensitivity: Sensitivity = 'normal') {
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
    newFloors(this.#n, this.#at + FLOORS);
    this.#n[this.#at + CALLER] = Number.NEGATIVE_INFINITY;
    this.#n[this.#at + BACKGROUND] = Number.NEGATIVE_INFINITY;
    this.sensitivity = sensitivity;
  }

  prefetch(): number {
    return this.#at;
  }

  set sensitivity(sensitivity: Sensitivity) {
    this.#n[this.#at + MARGIN] = SENSITIVITY_DB[sensitivity];
  }

  /** Whether the last frame is speech, hangover included. */
  get speech(): boolean {
    return this.#n[this.#at + SPEECH] !== 0;
  }

  /** Something was heard in the last 160 ms of which it is not decided yet whether it is speech. */
  get undecided(): boolean {
    return this.#n[this.#at + SPEECH] === 0 && bits(this.#n[this.#at + LOUDNESS]!) >= UNDECIDED_FRAMES;
  }

  /** How sure that is, of the last frame alone: 0–1. */
  get confidence(): number {
    return this.#n[this.#at + CONFIDENCE]!;
  }

  /** Position where the current or last stretch began; never before the end of the one before it. */
  get onset(): number {
    return this.#n[this.#at + ONSET]!;
  }

  /** What speech has to stand out over, dBov: all bands together. */
  get floor(): number {
    return floorOf(this.#n, this.#at + FLOORS);
  }

  /** Hears the frame that begins at `position`: FRAME_SAMPLES of `samples` from index `from` on. What `echo` explains of it is no speech. */
  hear(samples: Int16Array, from: number, position: number, echo?: Echo): void {
    measureBands(samples, from, ENERGIES);
    this.#n[this.#at + MISSED] = 0;
    this.#adapt();
    const over = this.#over(echo, position);
    this.#step(this.#isLoud(over), position);
  }

  /** A frame that was lost: it may have been speech or not, so for a while all stays as it was. */
  miss(position: number): void {
    const missed = this.#n[this.#at + MISSED]! + 1;
    this.#n[this.#at + MISSED] = missed;
    if (missed > FROZEN_FRAMES) this.pass(position);
  }

  /** A frame in which nothing was sent, or a key: it is not speech, and says nothing about the floor. */
  pass(position: number): void {
    this.#n[this.#at + CONFIDENCE] = 0;
    this.#step(false, position);
  }

  /** Takes in the energies of the bands. */
  #adapt() {
    const n = this.#n;
    const at = this.#at;
    let energy = 0;
    for (let band = 0; band < BANDS; band++) {
      energy += ENERGIES[band]!;
      LEVELS[band] = decibels(ENERGIES[band]!);
    }
    n[at + LEVEL] = decibels(energy);
    followFloors(n, at + FLOORS, LEVELS, n[at + SPEECH] === 0 ? Number.NEGATIVE_INFINITY : n[at + CALLER]!);
  }

  /** By how much the band that stands out most is over its floor, dB, of those that are no echo; −Infinity: all is echo. */
  #over(echo: Echo | undefined, position: number): number {
    const n = this.#n;
    const floors = this.#at + FLOORS;
    if (echo?.explains(n[this.#at + LEVEL]!, LEVELS, this.floor, position)) return Number.NEGATIVE_INFINITY;
    let over = Number.NEGATIVE_INFINITY;
    for (let band = 0; band < BANDS; band++) {
      if (echo !== undefined && LEVELS[band]! <= echo.limits[band]!) continue;
      over = Math.max(over, LEVELS[band]! - n[floors + band]!);
    }
    return over;
  }

  /** Whether it is the caller, as far as one frame can tell. */
  #isLoud(over: number): boolean {
    const n = this.#n;
    const at = this.#at;
    const speech = n[at + SPEECH] !== 0;
    const wanted = (speech ? HOLD_OVER_FLOOR_DB : ONSET_OVER_FLOOR_DB) + n[at + MARGIN]!;
    n[at + CONFIDENCE] = Math.max(0, Math.min(1, (over - wanted + 6) / 12));
    if (over === Number.NEGATIVE_INFINITY) return false;
    const floor = this.floor;
    this.#placeCaller(speech && over >= wanted, floor);
    if (over < wanted) return false;
    if (speech) return n[at + WEAK]! <= TRAIL_FRAMES;
    const background = Math.max(floor, n[at + BACKGROUND]!);
    const room = n[at + CALLER]! - background;
    const gate = Math.max(Math.min(HALF * room, background - floor), HALF * (room - CLEAR_DB));
    return n[at + LEVEL]! > background + gate;
  }

  /** Follows the level of the caller and that of what is heard behind them. `speaking`: the frame is loud enough to be the caller. */
  #placeCaller(speaking: boolean, floor: number) {
    const n = this.#n;
    const at = this.#at;
    const level = n[at + LEVEL]!;
    const caller = Math.max(floor + CALLER_OVER_FLOOR_DB, n[at + CALLER]! - CALLER_FADES_DB);
    n[at + CALLER] = speaking && level > caller ? caller + 0.2 * (level - caller) : caller;
    const background = Math.max(floor, n[at + BACKGROUND]!);
    if (n[at + WEAK]! > TRAIL_FRAMES)
      n[at + BACKGROUND] = background + BACKGROUND_STEP * (level - background);
    n[at + WEAK] = level > background + HALF * (caller - background) ? 0 : n[at + WEAK]! + 1;
  }

  #step(loud: boolean, position: number) {
    const n = this.#n;
    const at = this.#at;
    const loudness = ((n[at + LOUDNESS]! << 1) | (loud ? 1 : 0)) & ((1 << WINDOW_FRAMES) - 1);
    n[at + LOUDNESS] = loudness;
    if (n[at + SPEECH] !== 0) {
      const goesOn = loud && bits(loudness & 15) >= HOLD_FRAMES;
      const quiet = goesOn ? 0 : n[at + QUIET]! + 1;
      n[at + QUIET] = quiet;
      if (quiet <= HANGOVER_FRAMES) return;
      const hidden = Math.min(HIDDEN_FRAMES, HIDING_DB - (n[at + CALLER]! - this.floor));
      if (quiet <= HANGOVER_FRAMES + hidden) return;
      n[at + SPEECH] = 0;
      n[at + ENDED] = position;
      n[at + LOUDNESS] = 0;
      return;
    }
    if (!loud) return;
    const level = n[at + LEVEL]!;
    if (loudness === 1) {
      n[at + FIRST_LOUD] = position;
      n[at + LOWEST] = Number.POSITIVE_INFINITY;
      n[at + HIGHEST] = Number.NEGATIVE_INFINITY;
    } else {
      // The first loud frame may hold only the end of its 20 ms: any sound rises there.
      if (level < n[at + LOWEST]!) n[at + LOWEST] = level;
      if (level > n[at + HIGHEST]!) n[at + HIGHEST] = level;
    }
    if (bits(loudness) < LOUD_FRAMES) return;
    const over = n[at + HIGHEST]! - this.floor;
    const lively = Math.min(LIVELIEST_DB, Math.max(LIVELY_DB, LIVELY_SHARE * over));
    if (n[at + HIGHEST]! - n[at + LOWEST]! < lively) return;
    n[at + SPEECH] = 1;
    n[at + QUIET] = 0;
    n[at + ONSET] = Math.max(n[at + ENDED]!, n[at + FIRST_LOUD]! - LOOK_BACK);
  }
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
