/**
 * Finds stop tones, sequences of one or more keys, among the keys that a caller presses. Pure; positions are of the line.
 *
 * A sequence is complete when its keys were the last ones pressed, each within the inter-key limit of the one before, onset to
 * onset. So "1#" is found in 1 1 #, and any other key starts anew. Of two that are complete at once the longer one counts.
 */
import { type Key, SPEECH_TAIL } from '../media/line.ts';

export interface StopTones {
  /**
   * Where a sequence that may still be completed would be cut off: what lies before is safe. `Infinity` when no stop tone has begun.
   */
  readonly heldFrom: number;
  /** Takes a key; the stop tone that it completes, if it does. */
  press(key: Key, onset: number): StopTone | undefined;
  /** Takes note that time has come to `position`, and whether the caller speaks there (as Frame has it). */
  pass(position: number, speech: boolean, speechOnset: number): void;
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

  const keep = (presses: Press[]) => {
    pressed = presses;
    heldFrom = presses.find((first, at) => !first.spoken && begins(presses.slice(at)))?.onset ?? Infinity;
  };
  const begins = (presses: readonly Press[]) =>
    longestFirst.some(
      (tone) => presses.length < tone.length && presses.every(({ key }, at) => key === tone[at]),
    );

  return {
    get heldFrom() {
      return heldFrom;
    },
    press(key, onset) {
      const last = pressed.at(-1);
      const before = last !== undefined && onset - last.onset <= interKey ? pressed : [];
      const now = [...before, { key, onset, spoken: false }];
      for (const tone of longestFirst) {
        const start = now.length - tone.length;
        const first = now[start];
        if (first === undefined || !tone.every((wanted, at) => now[start + at]?.key === wanted)) continue;
        keep([]);
        return { keys: tone.join(''), onset: first.spoken ? onset : first.onset };
      }
      const start = now.findIndex((_, at) => begins(now.slice(at)));
      keep(start < 0 ? [] : now.slice(start));
      return undefined;
    },
    pass(position, speech, speechOnset) {
      const last = pressed.at(-1);
      if (last === undefined) return;
      if (position - last.onset > interKey) {
        keep([]);
        return;
      }
      if (!speech) return;
      for (const press of pressed)
        press.spoken ||= speechOnset >= press.onset || position - press.onset > SPEECH_TAIL;
      keep(pressed);
    },
  };
}
