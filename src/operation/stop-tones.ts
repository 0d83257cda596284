/**
 * Finds stop tones, sequences of one or more keys, among the keys that a caller presses. Pure; positions are of the line.
 *
 * A sequence is complete when its keys were the last ones pressed, each within the inter-key limit of the one before, onset to
 * onset. So "1#" is found in 1 1 #, and any other key starts anew. The longest match counts: of two that are complete at once the longer one;
 * and one that a longer one goes on from counts only when the caller did not go on within the limit.
 */
import { type Key, SPEECH_TAIL } from '../media/line.ts';

export interface StopTones {
  /** No key was pressed that can still matter: `pass` need not be called. */
  readonly idle: boolean;
  /**
   * Where a sequence that may still be completed would be cut off: what lies before is safe. `Infinity` when no stop tone has begun.
   */
  readonly heldFrom: number;
  /** The stop tone that is complete and counts unless a longer one becomes of it. */
  readonly complete: StopTone | undefined;
  /** Takes a key; the stop tone that counts now, if one does. */
  press(key: Key, onset: number): StopTone | undefined;
  /** Takes note that time has come to `position`, and whether the caller speaks there (as Frame has it); the stop tone that counts now, if one does. */
  pass(position: number, speech: boolean, speechOnset: number): StopTone | undefined;
}

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

/** `interKey`: samples. */
export function createStopTones(tones: readonly (readonly Key[])[], interKey: number): StopTones {
  const longestFirst = [...tones].sort((a, b) => b.length - a.length);
  /** The longest run of last keys that begins a stop tone. */
  let pressed: Press[] = [];
  let heldFrom = Infinity;
  let complete: StopTone | undefined;
  /** The first press of it. */
  let first: Press | undefined;

  const keep = (presses: Press[]) => {
    pressed = presses;
    heldFrom = presses.find((first, at) => !first.spoken && begins(presses.slice(at)))?.onset ?? Infinity;
    if (complete !== undefined) heldFrom = Math.min(heldFrom, complete.onset);
  };
  const begins = (presses: readonly Press[]) =>
    longestFirst.some(
      (tone) => presses.length < tone.length && presses.every(({ key }, at) => key === tone[at]),
    );
  const over = (tone: StopTone) => {
    complete = first = undefined;
    keep([]);
    return tone;
  };

  return {
    get idle() {
      return pressed.length === 0;
    },
    get heldFrom() {
      return heldFrom;
    },
    get complete() {
      return complete;
    },
    press(key, onset) {
      const last = pressed.at(-1);
      const inTime = last !== undefined && onset - last.onset <= interKey;
      if (!inTime && complete !== undefined) return over(complete);
      const now = [...(inTime ? pressed : []), { key, onset, spoken: false }];
      const start = now.findIndex((_, at) => begins(now.slice(at)));
      const found = longestFirst.find((tone) => {
        const begin = now.length - tone.length;
        return begin >= 0 && tone.every((wanted, at) => now[begin + at]?.key === wanted);
      });
      const begin = found === undefined ? now.length : now.length - found.length;
      const whole = first === undefined ? now.length : now.indexOf(first);
      if (found === undefined || begin > whole) {
        // The caller went on, but to no longer stop tone.
        if (complete !== undefined && (start < 0 || start > whole)) return over(complete);
        keep(start < 0 ? [] : now.slice(start));
        return undefined;
      }
      first = now[begin]!;
      complete = { keys: found.join(''), onset: first.spoken ? onset : first.onset };
      if (start < 0 || start > begin) return over(complete);
      keep(now.slice(start));
      return undefined;
    },
    pass(position, speech, speechOnset) {
      const last = pressed.at(-1);
      if (last === undefined) return undefined;
      if (position - last.onset > interKey) {
        if (complete !== undefined) return over(complete);
        keep([]);
        return undefined;
      }
      if (!speech) return undefined;
      for (const press of pressed)
        press.spoken ||= speechOnset >= press.onset || position - press.onset > SPEECH_TAIL;
      keep(pressed);
      return undefined;
    },
  };
}
