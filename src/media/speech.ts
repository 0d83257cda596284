/**
 * The end-pointer: where a caller begins and ends to speak, from the energy of each 20 ms over a floor that adapts.
 * Pure; nothing is allocated per frame.
 *
 * Levels are dBov (RFC 6465 §3: 0 is the loudest a sample can say, silence is −127) after a first difference, which takes
 * the hum and rumble out of the energy and leaves the voice about 6 dB weaker than it is.
 */
import { FRAME_SAMPLES, LINE_RATE, SPEECH_TAIL } from './line.ts';
import { LineMemory } from './line-memory.ts';

/** Loud is so much above the floor; once speech goes on, less will do. */
const ONSET_ABOVE_FLOOR_DB = 9;
const HOLD_ABOVE_FLOOR_DB = 6;
/** Never taken for speech, however quiet the line: the noise of a cheap handset. */
const QUIETEST_SPEECH = -56;
const LOWEST_FLOOR = -72;
const FIRST_FLOOR = -62;
/** The floor falls to what is quieter in about 100 ms, and creeps up by 1 dB in a second. */
const FLOOR_FALL = 0.2;
const FLOOR_CREEP_DB = 0.02;
/** Sound that varies less than this over STEADY_FRAMES is noise, and the floor rises to it in about 200 ms. */
const STEADY_DB = 4;
const STEADY_FRAMES = 16;
const FLOOR_RISE = 0.2;
/** Speech is decided when so many of the last WINDOW_FRAMES were loud: a click of 60 ms touches at most four. */
const LOUD_FRAMES = 5;
const WINDOW_FRAMES = 8;
/** … and differed by so much: what starts and stays level is a tone or a fan. */
const LIVELY_DB = 3;
/** Speech ends after so long without it: 300 ms, longer than the closure of a plosive. */
const HANGOVER_FRAMES = SPEECH_TAIL / FRAME_SAMPLES;
/** So much before the first loud frame speech is taken to begin: 120 ms, for soft consonants. */
const LOOK_BACK = (120 * LINE_RATE) / 1000;

// Its numbers in the line's memory, and the levels of the last frames.
const HEARD = 0;
const FLOOR = 1;
const LAST = 2;
const LOUDNESS = 3;
const FIRST_LOUD = 4;
const SPEECH = 5;
const ONSET = 6;
const ENDED = 7;
const QUIET = 8;
const LEVELS = 9;
const NUMBERS = LEVELS + STEADY_FRAMES;

export class SpeechDetector {
  readonly #n: Float64Array;
  readonly #at: number;

  constructor(memory = new LineMemory()) {
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
    this.floor = FIRST_FLOOR;
    this.#n.fill(Number.NEGATIVE_INFINITY, this.#at + LEVELS, this.#at + NUMBERS);
  }

  /** Hears the frame that begins at `position`: FRAME_SAMPLES of `samples` from index `from` on. */
  hear(samples: Int16Array, from: number, position: number): void {
    let energy = 0;
    let last = this.last;
    for (let index = from; index < from + FRAME_SAMPLES; index++) {
      const sample = samples[index]!;
      const difference = sample - last;
      energy += difference * difference;
      last = sample;
    }
    this.last = last;
    const level = 10 * Math.log10(energy / FRAME_SAMPLES / 32768 ** 2 + 2e-13);
    const above = this.speech ? HOLD_ABOVE_FLOOR_DB : ONSET_ABOVE_FLOOR_DB;
    const loud = level > QUIETEST_SPEECH && level > this.floor + above;
    this.#n[this.#at + LEVELS + (this.heard++ % STEADY_FRAMES)] = level;
    this.#adapt(level);
    this.#step(loud, position);
  }

  /** A frame of which nothing is known: it is not speech, and says nothing about the floor. */
  miss(position: number): void {
    this.last = 0;
    this.#step(false, position);
  }

  #range(frames: number) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let back = 1; back <= frames; back++) {
      const level = this.#n[this.#at + LEVELS + ((this.heard - back + STEADY_FRAMES) % STEADY_FRAMES)]!;
      if (level < low) low = level;
      if (level > high) high = level;
    }
    return high - low;
  }

  #adapt(level: number) {
    if (level < this.floor) this.floor += (level - this.floor) * FLOOR_FALL;
    else if (this.heard >= STEADY_FRAMES && this.#range(STEADY_FRAMES) < STEADY_DB)
      this.floor += (level - this.floor) * FLOOR_RISE;
    else this.floor += FLOOR_CREEP_DB;
    if (this.floor < LOWEST_FLOOR) this.floor = LOWEST_FLOOR;
  }

  #step(loud: boolean, position: number) {
    this.loudness = ((this.loudness << 1) | (loud ? 1 : 0)) & ((1 << WINDOW_FRAMES) - 1);
    if (this.speech) {
      this.quiet = loud ? 0 : this.quiet + 1;
      if (this.quiet <= HANGOVER_FRAMES) return;
      this.speech = false;
      this.ended = position;
      this.loudness = 0;
      return;
    }
    if (!loud) return;
    if (this.loudness === 1) this.firstLoud = position;
    if (bits(this.loudness) < LOUD_FRAMES) return;
    // The first loud frame may hold only the end of its 20 ms: any sound rises there.
    const since = Math.min(STEADY_FRAMES, (position - this.firstLoud) / FRAME_SAMPLES);
    if (this.#range(since) < LIVELY_DB) return;
    this.speech = true;
    this.quiet = 0;
    this.onset = Math.max(this.ended, this.firstLoud - LOOK_BACK);
  }

  private get heard(): number {
    return this.#n[this.#at + HEARD]!;
  }
  private set heard(value: number) {
    this.#n[this.#at + HEARD] = value;
  }
  /** What speech has to stand out over, dBov. */
  get floor(): number {
    return this.#n[this.#at + FLOOR]!;
  }
  private set floor(value: number) {
    this.#n[this.#at + FLOOR] = value;
  }
  private get last(): number {
    return this.#n[this.#at + LAST]!;
  }
  private set last(value: number) {
    this.#n[this.#at + LAST] = value;
  }
  private get loudness(): number {
    return this.#n[this.#at + LOUDNESS]!;
  }
  private set loudness(value: number) {
    this.#n[this.#at + LOUDNESS] = value;
  }
  private get firstLoud(): number {
    return this.#n[this.#at + FIRST_LOUD]!;
  }
  private set firstLoud(value: number) {
    this.#n[this.#at + FIRST_LOUD] = value;
  }
  /** Whether the last frame is speech, hangover included. */
  get speech(): boolean {
    return this.#n[this.#at + SPEECH] !== 0;
  }
  private set speech(value: boolean) {
    this.#n[this.#at + SPEECH] = value ? 1 : 0;
  }
  /** Position where the current or last stretch began; never before the end of the one before it. */
  get onset(): number {
    return this.#n[this.#at + ONSET]!;
  }
  private set onset(value: number) {
    this.#n[this.#at + ONSET] = value;
  }
  private get ended(): number {
    return this.#n[this.#at + ENDED]!;
  }
  private set ended(value: number) {
    this.#n[this.#at + ENDED] = value;
  }
  private get quiet(): number {
    return this.#n[this.#at + QUIET]!;
  }
  private set quiet(value: number) {
    this.#n[this.#at + QUIET] = value;
  }
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
