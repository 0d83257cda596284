/**
 * Keys out of the audio itself: dual-tone multi-frequency signalling (ITU-T Q.23), received as ITU-T Q.24 asks. For callers with whom no
 * telephone-event was agreed on. Nothing is allocated per frame.
 *
 * A window of two blocks of 10 ms moves on by one block. It bears a key when one tone of each group stands out, both are steady through the
 * window, on their frequency, alike in level, and nearly all that is heard. Two such windows in a row are a key: 40 ms of tone always
 * give two, 23 ms never do. It is over after four windows without it: 40 ms of pause always give four, an interruption of 10 ms never does.
 * What was lost is no pause.
 */
import { FRAME_SAMPLES, type Key, LINE_RATE } from './line.ts';

/** Q.23: the low group is a key's row, the high group its column. */
const LOW = [697, 770, 852, 941] as const;
const HIGH = [1209, 1336, 1477, 1633] as const;
const FREQUENCIES = [...LOW, ...HIGH];
const KEYPAD: readonly Key[] = [
  '1',
  '2',
  '3',
  'A',
  '4',
  '5',
  '6',
  'B',
  '7',
  '8',
  '9',
  'C',
  '*',
  '0',
  '#',
  'D',
];

const BLOCK = FRAME_SAMPLES / 2;
const BLOCK_SECONDS = BLOCK / LINE_RATE;
const WINDOWS_OF_KEY = 2;
const WINDOWS_OF_PAUSE = 4;
/** Of frames that were lost in a row so many may hide no pause: 60 ms. */
const MOST_LOST = 3;
/** A key is told so long after it began, at the latest: 80 ms. */
export const KEY_DELAY = 640;

/** Q.24: −25 dBm0 must be heard; here −32. A tone of 0 dBm0 has a peak of 22,308 (G.711: a full scale sine is 3.17 dBm0). */
const QUIETEST_PEAK = 22_308 * 10 ** (-32 / 20);
const QUIETEST = (QUIETEST_PEAK * BLOCK) / 2;
const QUIETEST_POWER = QUIETEST * QUIETEST;
/** Two such tones, as the sum of the squares of a block's samples. */
const QUIETEST_ENERGY = 2 * BLOCK * (QUIETEST_PEAK * QUIETEST_PEAK) * 0.5 * 0.5;
/** Q.24 asks for 4 dB more in the high group, and 8 dB more in the low one; a little more than that is taken. */
const HIGH_OVER_LOW = 10 ** (5 / 10);
const LOW_OVER_HIGH = 10 ** (9 / 10);
/** The tone of a group over each other one of it. */
const STANDS_OUT = 10 ** (8 / 10);
/** Of all energy: at 15 dB over noise it is 97 %, with both tones 1.5 % off their frequency still 88 %; speech seldom has it. */
const SHARE = 0.78;
/** Of the block of a window with more energy in a tone, the other one has at least this much: it is no edge. */
const STEADY = 0.5;
/** A block that has this much of the energy of the next is all tone: the two tones beat. */
const FULL = 0.75;
const SPARE = 0.2;
/** Q.24: off by 1.5 % must be heard, by 3.5 % must not. */
const OFF_FREQUENCY = 0.024;
const OFF_HERTZ = 3;

const COEFFICIENTS = FREQUENCIES.map((hertz) => 2 * Math.cos((2 * Math.PI * hertz) / LINE_RATE));
/** By how much a tone turns in a block, and the parts of that: what two blocks have in common stands still once it is taken out. */
const TURNS = FREQUENCIES.map((hertz) => 2 * Math.PI * hertz * BLOCK_SECONDS);
const COSINES = FREQUENCIES.map((hertz) => Math.cos((2 * Math.PI * hertz) / LINE_RATE));
const SINES = FREQUENCIES.map((hertz) => Math.sin((2 * Math.PI * hertz) / LINE_RATE));
const TURN_COSINES = TURNS.map(Math.cos);
const TURN_SINES = TURNS.map(Math.sin);

export class DtmfDetector {
  /** Of the block before and this one, by frequency: in-phase and quadrature. */
  #lastI = new Float64Array(8);
  #lastQ = new Float64Array(8);
  #i = new Float64Array(8);
  #q = new Float64Array(8);
  /** Of the block before those two, the first of the window and its second. */
  #earlierEnergy = 0;
  #lastEnergy = 0;
  #energy = 0;
  #candidate = -1;
  #windows = 0;
  #pause = WINDOWS_OF_PAUSE;
  #pressed = -1;
  #began = 0;
  #onset = 0;
  #soundsUntil = 0;
  #lost = 0;

  /** Where the key that was told last began. */
  get onset(): number {
    return this.#onset;
  }

  /** … and where the last block of it ends so far. */
  get soundsUntil(): number {
    return this.#soundsUntil;
  }

  /** Whether a key is held now. */
  get held(): boolean {
    return this.#pressed >= 0;
  }

  /** Where `key` began, when it is what sounds now, though one cannot be sure of it yet; else `undefined`. */
  onsetOf(key: Key): number | undefined {
    const sounds = KEYPAD.indexOf(key);
    if (sounds < 0) return undefined;
    if (sounds === this.#pressed) return this.#onset;
    return sounds === this.#candidate ? this.#began : undefined;
  }

  /** Hears the frame that begins at `position`: FRAME_SAMPLES of `samples` from index `from` on. A key whose press it made sure of. */
  hear(samples: Int16Array, from: number, position: number): Key | undefined {
    this.#lost = 0;
    const first = this.#block(samples, from, position);
    return this.#block(samples, from + BLOCK, position + BLOCK) ?? first;
  }

  /** The frame that begins at `position` was lost: while a key is held, what stands in for it may sound like it. */
  lose(position: number): void {
    this.#lastEnergy = 0;
    this.#energy = 0;
    if (this.held && ++this.#lost <= MOST_LOST) {
      this.#candidate = -1;
      this.#soundsUntil = position + FRAME_SAMPLES;
      return;
    }
    this.#decide(-1, position);
    this.#decide(-1, position + BLOCK);
  }

  #block(samples: Int16Array, from: number, position: number): Key | undefined {
    const beforeI = this.#lastI;
    const beforeQ = this.#lastQ;
    this.#lastI = this.#i;
    this.#lastQ = this.#q;
    this.#i = beforeI;
    this.#q = beforeQ;
    this.#earlierEnergy = this.#lastEnergy;
    this.#lastEnergy = this.#energy;
    this.#energy = energyOf(samples, from);
    // Quiet is what most blocks are, and costs no more than this.
    if (this.#energy < QUIETEST_ENERGY) return this.#decide(-1, position);
    this.#correlate(samples, from, 0);
    this.#correlate(samples, from, 4);
    if (this.#lastEnergy < QUIETEST_ENERGY) return this.#decide(-1, position);
    return this.#decide(this.#keyOfWindow(), position);
  }

  /** Goertzel's, for the four tones of a group side by side: one after the other takes nearly twice as long. */
  #correlate(samples: Int16Array, from: number, group: 0 | 4): void {
    const c0 = COEFFICIENTS[group]!;
    const c1 = COEFFICIENTS[group + 1]!;
    const c2 = COEFFICIENTS[group + 2]!;
    const c3 = COEFFICIENTS[group + 3]!;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    let b0 = 0;
    let b1 = 0;
    let b2 = 0;
    let b3 = 0;
    for (let index = from; index < from + BLOCK; index++) {
      const sample = samples[index]!;
      const n0 = sample + c0 * a0 - b0;
      const n1 = sample + c1 * a1 - b1;
      const n2 = sample + c2 * a2 - b2;
      const n3 = sample + c3 * a3 - b3;
      b0 = a0;
      b1 = a1;
      b2 = a2;
      b3 = a3;
      a0 = n0;
      a1 = n1;
      a2 = n2;
      a3 = n3;
    }
    this.#keep(group, a0, b0);
    this.#keep(group + 1, a1, b1);
    this.#keep(group + 2, a2, b2);
    this.#keep(group + 3, a3, b3);
  }

  #keep(tone: number, one: number, two: number): void {
    this.#i[tone] = one - two * COSINES[tone]!;
    this.#q[tone] = two * SINES[tone]!;
  }

  /** Index into KEYPAD, or −1. */
  #keyOfWindow(): number {
    const row = this.#strongest(0);
    const column = this.#strongest(4);
    if (row < 0 || column < 0) return -1;
    const low = this.#power(row);
    const high = this.#power(column);
    if (high > low * HIGH_OVER_LOW || low > high * LOW_OVER_HIGH) return -1;
    // A tone of that power has this energy, were it alone: both blocks together.
    const tonal = ((low + high) * 2) / BLOCK;
    if (tonal < SHARE * (this.#energy + this.#lastEnergy)) return -1;
    return this.#isSteady(row) && this.#isSteady(column) ? row * 4 + (column - 4) : -1;
  }

  /** The tone of a group that stands out over the others of it, through the whole window; −1: none does, or it is too quiet. */
  #strongest(group: 0 | 4): number {
    let best = -1;
    let most = 0;
    let second = 0;
    for (let tone = group; tone < group + 4; tone++) {
      const power = this.#windowPower(tone);
      if (power > most) {
        second = most;
        most = power;
        best = tone;
      } else if (power > second) second = power;
    }
    return most > second * STANDS_OUT && this.#power(best) > 2 * QUIETEST_POWER ? best : -1;
  }

  /** Of the two blocks, each for itself. */
  #power(tone: number): number {
    const i = this.#i[tone]!;
    const q = this.#q[tone]!;
    const lastI = this.#lastI[tone]!;
    const lastQ = this.#lastQ[tone]!;
    return i * i + q * q + lastI * lastI + lastQ * lastQ;
  }

  /** Of the window as a whole, which tells frequencies apart twice as well. */
  #windowPower(tone: number): number {
    const cosine = TURN_COSINES[tone]!;
    const sine = TURN_SINES[tone]!;
    const i = this.#i[tone]! + this.#lastI[tone]! * cosine - this.#lastQ[tone]! * sine;
    const q = this.#q[tone]! + this.#lastI[tone]! * sine + this.#lastQ[tone]! * cosine;
    return i * i + q * q;
  }

  /** Whether a tone is as strong at the end as at the beginning, and turns as fast as its frequency says. */
  #isSteady(tone: number): boolean {
    const i = this.#i[tone]!;
    const q = this.#q[tone]!;
    const lastI = this.#lastI[tone]!;
    const lastQ = this.#lastQ[tone]!;
    const now = i * i + q * q;
    const before = lastI * lastI + lastQ * lastQ;
    if (Math.min(now, before) < STEADY * Math.max(now, before)) return false;
    const cosine = TURN_COSINES[tone]!;
    const sine = TURN_SINES[tone]!;
    const expectedI = lastI * cosine - lastQ * sine;
    const expectedQ = lastI * sine + lastQ * cosine;
    const turned = Math.atan2(q * expectedI - i * expectedQ, i * expectedI + q * expectedQ);
    const offHertz = Math.abs(turned) / (2 * Math.PI * BLOCK_SECONDS);
    return offHertz <= FREQUENCIES[tone]! * OFF_FREQUENCY + OFF_HERTZ;
  }

  /** How many blocks before the second one of this window its key began: by how much of the tone is in those before. */
  #blocksBefore(): number {
    const first = this.#lastEnergy / this.#energy;
    const earlier = this.#earlierEnergy / this.#lastEnergy;
    // Rather a little too early: what is left of a key is heard, a few milliseconds of pause are not missed.
    return first < FULL
      ? Math.min(1, first + SPARE)
      : 1 + Math.min(1, earlier + (earlier > 0.01 ? SPARE : 0));
  }

  /** Takes what a window bears; `position` is where its second block begins. */
  #decide(key: number, position: number): Key | undefined {
    if (key < 0 || key !== this.#candidate) {
      this.#candidate = key;
      this.#windows = 0;
      this.#began = Math.max(0, position - Math.round(BLOCK * this.#blocksBefore()));
    }
    if (key === this.#pressed && key >= 0) this.#pause = 0;
    else if (++this.#pause >= WINDOWS_OF_PAUSE) this.#pressed = -1;
    const told = key >= 0 && ++this.#windows >= WINDOWS_OF_KEY && key !== this.#pressed;
    if (told) {
      this.#pressed = key;
      this.#pause = 0;
      this.#onset = this.#began;
    }
    // The block in which a tone ends is no window of it any more.
    if (this.held && this.#pause <= 1) this.#soundsUntil = position + BLOCK;
    return told ? KEYPAD[key] : undefined;
  }
}

function energyOf(samples: Int16Array, from: number): number {
  let energy = 0;
  for (let index = from; index < from + BLOCK; index++) energy += samples[index]! * samples[index]!;
  return energy;
}
