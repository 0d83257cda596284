/**
 * What a line hears of keys, as events and as tones: which are told in which frame, and which audio is theirs. Times are positions. Nothing is
 * allocated per frame.
 */
import type { RtpPacket } from '../wire/rtp.ts';
import type { TelephoneEvent } from '../wire/telephone-event.ts';
import { DtmfDetector, KEY_DELAY } from './dtmf.ts';
import { createKeyDetector, KEYS } from './keys.ts';
import { FRAME_SAMPLES, type Frame, type Key } from './line.ts';
import { LineMemory } from './line-memory.ts';
import { type Press, Presses } from './presses.ts';

/** While a key is held, audio is muted so far beyond what its last packet said: 40 ms. */
const MUTED_BEYOND = 320;
/** Keys that wait for their frame: more than can be pressed in the time that is not settled. */
const MOST_KEYS = 16;

// Its numbers in the line's memory. `waiting`: keys in `pressed`.
const MUTED_FROM = 0;
const MUTED_TO = 1;
const WAITING = 2;
const NUMBERS = 3;

/** Of one line. */
export class KeyEar {
  readonly #events = createKeyDetector();
  #tones: DtmfDetector | undefined;
  readonly #presses = new Presses();
  /** They wait for their frame, in the order of their onsets. */
  readonly #pressed: Press[] = [];
  readonly #n: Float64Array;
  readonly #at: number;

  constructor(memory = new LineMemory()) {
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
  }

  prefetch(): number {
    return this.#at;
  }

  /** Whether keys are listened for in the audio. */
  listenForTones(wanted: boolean): void {
    this.#tones = wanted ? (this.#tones ?? new DtmfDetector()) : undefined;
  }

  /** So long after it was heard, audio may turn out to be a key's. */
  get delay(): number {
    return this.#tones === undefined ? 0 : KEY_DELAY;
  }

  /** The newest event's, of whatever it is: audio that runs under it is muted. */
  get mutedFrom(): number {
    return this.#n[this.#at + MUTED_FROM]!;
  }
  get mutedTo(): number {
    return this.#n[this.#at + MUTED_TO]!;
  }

  /** Takes an event of `packet` (as KeyDetector.hear) that is heard at `[onset, end)`; gives where its press began. */
  event(
    event: Readonly<TelephoneEvent>,
    packet: Readonly<RtpPacket>,
    timestamp: number,
    now: number,
    ticks: number,
    onset: number,
    end: number,
  ): number {
    if (onset >= this.mutedFrom) {
      this.#n[this.#at + MUTED_FROM] = onset;
      this.#n[this.#at + MUTED_TO] = event.end ? end : end + MUTED_BEYOND;
    }
    const key = KEYS[event.event];
    if (key === undefined) return onset;
    let began = onset;
    if (this.#events.hear(event, packet, timestamp, now, ticks) !== undefined) {
      const press = this.#presses.event(key, onset, this.#tones?.onsetOf(key));
      if (press !== undefined) began = this.#wait(press);
    }
    this.#presses.goesOn(key, end, event.end);
    return began;
  }

  /** A key that the caller's signalling tells of, at `[onset, end)` for all that is known. No audio is taken for it. */
  signalled(key: Key, onset: number, end: number): void {
    const press = this.#presses.signalled(key, onset, end);
    if (press !== undefined) this.#wait(press);
  }

  /** Listens for tones in the frame; `lost`: in the place of its audio is what stands in for it. Where a tone began that ends at `soundsUntil`. */
  hear({ samples, at, position }: Readonly<Frame>, lost: boolean): number {
    const tones = this.#tones;
    if (tones === undefined) return Number.POSITIVE_INFINITY;
    const key = lost ? undefined : tones.hear(samples, at, position);
    if (lost) tones.lose(position);
    if (key === undefined) return tones.held ? position : Number.POSITIVE_INFINITY;
    const press = this.#presses.tone(key, tones.onset);
    if (press !== undefined) this.#wait(press);
    return tones.onset;
  }

  /** Where the last block of a tone ends so far. */
  get soundsUntil(): number {
    return this.#tones?.soundsUntil ?? 0;
  }

  /** Whether the frame at `position`, which was heard last, is a key's. */
  isKey(position: number): boolean {
    if (this.#tones?.held) return true;
    return position < this.mutedTo && position + FRAME_SAMPLES > this.mutedFrom;
  }

  /** The next key that began before `end`, to be told now. */
  before(end: number): Press | undefined {
    const waiting = this.#n[this.#at + WAITING]!;
    if (waiting === 0 || this.#pressed[0]!.onset >= end) return undefined;
    this.#n[this.#at + WAITING] = waiting - 1;
    return this.#pressed.shift();
  }

  /** Gives the onset. */
  #wait(press: Press): number {
    let at = this.#pressed.length;
    if (at < MOST_KEYS) {
      while (at > 0 && this.#pressed[at - 1]!.onset > press.onset) at--;
      this.#pressed.splice(at, 0, press);
      this.#n[this.#at + WAITING] = this.#pressed.length;
    }
    return press.onset;
  }
}
