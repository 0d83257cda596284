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
import { FRAME_SAMPLES, LINE_RATE, type Sensitivity, SPEECH_TAIL } from './line.ts';
import { LineMemory } from './line-memory.ts';

/** A frame is loud when a band stands so much over its floor; once speech goes on, less will do. */
const ONSET_OVER_FLOOR_DB = 8;
const HOLD_OVER_FLOOR_DB = 5;
const SENSITIVITY_DB: Readonly<Record<Sensitivity, number>> = { low: 3, normal: 0, high: -3 };
/** … and all bands together are at least this far on the way from the floor to the caller's own level: what is much weaker is somebody else. */
const NEAR_CALLER = 0.2;
/** The caller's level while nothing is known of it, over the floor, and how fast it is forgotten: dB a frame. */
const CALLER_OVER_FLOOR_DB = 4;
const CALLER_FADES_DB = 0.02;
/**
 * The floor of a band is the least that its level, smoothed, has been in 1.6 s (minimum statistics, after R. Martin): even who
 * speaks without a pause is silent between two syllables. The least of noise is below its mean by about BIAS_DB.
 */
const SMOOTHING = 0.7;
const BIAS_DB = 1;
const MINIMA = 4;
const FRAMES_OF_MINIMUM = 20;
const LOWEST_FLOOR = -80;
/** Of a line of which so few frames were heard one knows no floor; it is taken to be no higher than this. */
const NEW_FRAMES = 25;
const HIGHEST_NEW_FLOOR = -50;
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
/** … and so much later in noise less than so far below the caller: it hides the end of the word. */
const HIDDEN_FRAMES = 3;
const HIDING_DB = 30;
/** So much before the first loud frame speech is taken to begin: 120 ms, for soft consonants. */
const LOOK_BACK = (120 * LINE_RATE) / 1000;
/** Filled and read at once: one for all. */
const ENERGIES = new Float64Array(BANDS);

// Its numbers in the line's memory; of each band the smoothed level, the least of the present stretch and of those before it.
const HEARD = 0;
const CALLER = 1;
const LOUDNESS = 2;
const FIRST_LOUD = 3;
const SPEECH = 4;
const ONSET = 5;
const ENDED = 6;
const QUIET = 7;
const LEVEL = 8;
const LOWEST = 9;
const HIGHEST = 10;
const MARGIN = 11;
const CONFIDENCE = 12;
const FLOORS = 13;
const SMOOTHED = FLOORS + BANDS;
const LEAST = SMOOTHED + BANDS;
const NUMBERS = LEAST + BANDS * MINIMA;

export class SpeechDetector {
  readonly #n: Float64Array;
  readonly #at: number;

  constructor(memory = new LineMemory(), sensitivity: Sensitivity = 'normal') {
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
    this.#n.fill(HIGHEST_NEW_FLOOR, this.#at + FLOORS, this.#at + SMOOTHED);
    this.#n.fill(Number.POSITIVE_INFINITY, this.#at + LEAST, this.#at + NUMBERS);
    this.#n[this.#at + CALLER] = Number.NEGATIVE_INFINITY;
    this.sensitivity = sensitivity;
  }

  set sensitivity(sensitivity: Sensitivity) {
    this.#n[this.#at + MARGIN] = SENSITIVITY_DB[sensitivity];
  }

  /** Whether the last frame is speech, hangover included. */
  get speech(): boolean {
    return this.#n[this.#at + SPEECH] !== 0;
  }

  /** Something was heard just now of which it is not decided yet whether it is speech: it will be within 160 ms. */
  get undecided(): boolean {
    const loudness = this.#n[this.#at + LOUDNESS]!;
    return this.#n[this.#at + SPEECH] === 0 && (loudness & 7) !== 0 && bits(loudness) >= UNDECIDED_FRAMES;
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
    let power = 0;
    for (let band = 0; band < BANDS; band++) power += 10 ** (this.#n[this.#at + FLOORS + band]! / 10);
    return 10 * Math.log10(power);
  }

  /** Hears the frame that begins at `position`: FRAME_SAMPLES of `samples` from index `from` on. `echo` may explain it, and then it is no speech. */
  hear(samples: Int16Array, from: number, position: number, echo?: Echo): void {
    measureBands(samples, from, ENERGIES);
    const over = this.#adapt(ENERGIES[0]!, ENERGIES[1]!, ENERGIES[2]!, ENERGIES[3]!);
    const loud = this.#isLoud(over);
    const explained = echo?.explains(this.#n[this.#at + LEVEL]!, this.floor, position) ?? false;
    this.#step(loud && !explained, position);
  }

  /** A frame of which nothing is known: it is not speech, and says nothing about the floor. */
  miss(position: number): void {
    this.#n[this.#at + CONFIDENCE] = 0;
    this.#step(false, position);
  }

  /** Takes in the energies of the bands; by how much the one that stands out most is over its floor, dB. */
  #adapt(e0: number, e1: number, e2: number, e3: number): number {
    const n = this.#n;
    const at = this.#at;
    const heard = n[at + HEARD]!;
    n[at + HEARD] = heard + 1;
    const over = Math.max(
      this.#band(0, e0, heard),
      this.#band(1, e1, heard),
      this.#band(2, e2, heard),
      this.#band(3, e3, heard),
    );
    n[at + LEVEL] = decibels(e0 + e1 + e2 + e3);
    return over;
  }

  #band(band: number, energy: number, heard: number): number {
    const n = this.#n;
    const smoothedAt = this.#at + SMOOTHED + band;
    const least = this.#at + LEAST + band * MINIMA;
    const level = decibels(energy);
    const smoothed = heard === 0 ? level : SMOOTHING * n[smoothedAt]! + (1 - SMOOTHING) * level;
    n[smoothedAt] = smoothed;
    if (heard % FRAMES_OF_MINIMUM === 0) {
      n.copyWithin(least + 1, least, least + MINIMA - 1);
      n[least] = smoothed;
    } else if (smoothed < n[least]!) n[least] = smoothed;
    let floor = Math.min(n[least]!, n[least + 1]!, n[least + 2]!, n[least + 3]!) + BIAS_DB;
    if (heard < NEW_FRAMES && floor > HIGHEST_NEW_FLOOR) floor = HIGHEST_NEW_FLOOR;
    if (floor < LOWEST_FLOOR) floor = LOWEST_FLOOR;
    n[this.#at + FLOORS + band] = floor;
    return level - floor;
  }

  #isLoud(over: number): boolean {
    const n = this.#n;
    const at = this.#at;
    const speech = n[at + SPEECH] !== 0;
    const wanted = (speech ? HOLD_OVER_FLOOR_DB : ONSET_OVER_FLOOR_DB) + n[at + MARGIN]!;
    n[at + CONFIDENCE] = Math.max(0, Math.min(1, (over - wanted + 6) / 12));
    if (over < wanted) return false;
    const floor = this.floor;
    const level = n[at + LEVEL]!;
    const caller = Math.max(floor + CALLER_OVER_FLOOR_DB, n[at + CALLER]! - CALLER_FADES_DB);
    n[at + CALLER] = speech && level > caller ? caller + 0.2 * (level - caller) : caller;
    return level > floor + NEAR_CALLER * (caller - floor);
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
      if (quiet <= HANGOVER_FRAMES + HIDDEN_FRAMES && n[at + CALLER]! - this.floor < HIDING_DB) return;
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
