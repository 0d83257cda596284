/**
 * Finds stop tones, sequences of one or more keys, among the keys that a caller presses. Pure; positions are of the line.
 *
 * A sequence is complete when its keys were the last ones pressed, each within the inter-key limit of the one before, onset to
 * onset. So "1#" is found in 1 1 #, and any other key starts anew. The longest match counts: of two that are complete at once the longer one;
 * and one that a longer one goes on from counts only when the caller did not go on within the limit.
 */
import { type Key, SPEECH_TAIL } from '../media/line.ts';

export interface StopTone {
  readonly keys: string;
  /** Onset of its first key, or of its last one when the caller spoke between them. */
  readonly onset: number;
}

interface Press {
  readonly key: Key;
  readonly onset: number;
  /** The caller has spoken since. */
  spoken: boolean;
}

/** One a recording: a class, as recorder.ts says why. */
export class StopTones {
  readonly #longestFirst: readonly (readonly Key[])[];
  readonly #interKey: number;
  /** The longest run of last keys that begins a stop tone. */
  #pressed: Press[] = [];
  #heldFrom = Infinity;
  #complete: StopTone | undefined;
  /** The first press of it. */
  #first: Press | undefined;

  /** `interKey`: samples. */
  constructor(tones: readonly (readonly Key[])[], interKey: number) {
    this.#longestFirst = [...tones].sort((a, b) => b.length - a.length);
    this.#interKey = interKey;
  }

  /** No key was pressed that can still matter: `pass` need not be called. */
  get idle(): boolean {
    return this.#pressed.length === 0;
  }

  /**
   * Where a sequence that may still be completed would be cut off: what lies before is safe. `Infinity` when no stop tone has begun.
   */
  get heldFrom(): number {
    return this.#heldFrom;
  }

  /** The stop tone that is complete and counts unless a longer one becomes of it. */
  get complete(): StopTone | undefined {
    return this.#complete;
  }

  /** Takes a key; the stop tone that counts now, if one does. */
  press(key: Key, onset: number): StopTone | undefined {
    const last = this.#pressed.at(-1);
    const inTime = last !== undefined && onset - last.onset <= this.#interKey;
    const { complete } = this;
    if (!inTime && complete !== undefined) return this.#over(complete);
    const now = [...(inTime ? this.#pressed : []), { key, onset, spoken: false }];
    const start = now.findIndex((_, at) => this.#begins(now.slice(at)));
    const found = this.#longestFirst.find((tone) => {
      const begin = now.length - tone.length;
      return begin >= 0 && tone.every((wanted, at) => now[begin + at]?.key === wanted);
    });
    const begin = found === undefined ? now.length : now.length - found.length;
    const whole = this.#first === undefined ? now.length : now.indexOf(this.#first);
    if (found === undefined || begin > whole) {
      // The caller went on, but to no longer stop tone.
      if (complete !== undefined && (start < 0 || start > whole)) return this.#over(complete);
      this.#keep(start < 0 ? [] : now.slice(start));
      return undefined;
    }
    const first = now[begin]!;
    const counts = { keys: found.join(''), onset: first.spoken ? onset : first.onset };
    this.#first = first;
    this.#complete = counts;
    if (start < 0 || start > begin) return this.#over(counts);
    this.#keep(now.slice(start));
    return undefined;
  }

  /** Takes note that time has come to `position`, and whether the caller speaks there (as Frame has it); the stop tone that counts now, if one does. */
  pass(position: number, speech: boolean, speechOnset: number): StopTone | undefined {
    const last = this.#pressed.at(-1);
    if (last === undefined) return undefined;
    if (position - last.onset > this.#interKey) {
      if (this.#complete !== undefined) return this.#over(this.#complete);
      this.#keep([]);
      return undefined;
    }
    if (!speech) return undefined;
    for (const press of this.#pressed)
      press.spoken ||= speechOnset >= press.onset || position - press.onset > SPEECH_TAIL;
    this.#keep(this.#pressed);
    return undefined;
  }

  #keep(presses: Press[]) {
    this.#pressed = presses;
    const begun = presses.find((first, at) => !first.spoken && this.#begins(presses.slice(at)));
    this.#heldFrom = Math.min(begun?.onset ?? Infinity, this.#complete?.onset ?? Infinity);
  }

  #begins(presses: readonly Press[]) {
    return this.#longestFirst.some(
      (tone) => presses.length < tone.length && presses.every(({ key }, at) => key === tone[at]),
    );
  }

  #over(tone: StopTone) {
    this.#complete = this.#first = undefined;
    this.#keep([]);
    return tone;
  }
}
