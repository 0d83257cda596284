/**
 * One press, told once, of callers whose keys are heard in two ways: as telephone events, and as the tones that may sound beside them. Gateways
 * send both: the tone until they were sure of it, or all of it, under the event, some time before it or after it.
 *
 * Events are exact, so each of them is a press. A tone is one only when no event says the same: one of the same key that began at about the
 * same time, or lasts while the tone begins. What came first is told; the other one belongs to it. Each has one of the other kind at most, the earliest that
 * fits, so that two presses in a row, both in both ways, are two. The price: of two presses of one key within 300 ms, one as an event
 * alone and one as a tone alone, only the first is told.
 */
import type { Key } from './line.ts';

/** How far a press's two onsets may lie apart, and how long after its event a tone may still be it: 300 ms. */
const APART = 2400;
/** Presses that can still matter: more than are pressed in a second. */
const REMEMBERED = 16;

export interface Press {
  readonly key: Key;
  /** Position; the earlier one of the two, as far as they are known. */
  onset: number;
}

interface Heard extends Press {
  /** Where the tone began. */
  tone: number | undefined;
  /** Where the event began and ends, as far as was said. */
  event: number | undefined;
  eventEnd: number;
}

/** Of one line. Times are positions. */
export class Presses {
  /** In the order in which they were told. */
  readonly #heard: Heard[] = [];
  #lastEvent: Heard | undefined;

  /** A press began as an event; `sounds`: where its tone began, if it is heard right now. The press to be told, unless it was told as a tone. */
  event(key: Key, onset: number, sounds?: number): Press | undefined {
    const told = this.#heard.find(
      ({ key: other, event, tone }) =>
        other === key && event === undefined && tone !== undefined && (near(tone, onset) || tone === sounds),
    );
    if (told !== undefined) {
      told.event = told.eventEnd = onset;
      this.#lastEvent = told;
      return undefined;
    }
    const began = sounds !== undefined && near(sounds, onset) ? Math.min(sounds, onset) : onset;
    this.#lastEvent = this.#add({ key, onset: began, tone: undefined, event: onset, eventEnd: onset });
    return this.#lastEvent;
  }

  /** The newest event, if it is of this key, lasts until `end`, as far as was said. */
  goesOn(key: Key, end: number): void {
    const press = this.#lastEvent;
    if (press?.key === key) press.eventEnd = Math.max(press.eventEnd, end);
  }

  /** A press began as a tone. The press to be told, unless it was told, or is about to be, as an event. */
  tone(key: Key, onset: number): Press | undefined {
    const same = this.#heard.filter(({ key: other, event }) => other === key && event !== undefined);
    const press =
      same.find(({ tone, event, eventEnd }) => tone === undefined && during(onset, event!, eventEnd)) ??
      // The same tone once more: it was interrupted.
      same.find(
        ({ tone, event, eventEnd }) => tone !== undefined && onset <= eventEnd + Math.max(0, tone - event!),
      );
    if (press === undefined) return this.#add({ key, onset, tone: onset, event: undefined, eventEnd: onset });
    press.tone ??= onset;
    press.onset = Math.min(press.onset, onset);
    return undefined;
  }

  #add(press: Heard): Heard {
    this.#heard.push(press);
    if (this.#heard.length > REMEMBERED) this.#heard.shift();
    return press;
  }
}

function near(one: number, other: number): boolean {
  return Math.abs(one - other) <= APART;
}

/** Whether a tone that begins at `onset` may be that of the event. */
function during(onset: number, event: number, eventEnd: number): boolean {
  return onset >= event - APART && onset <= eventEnd + APART;
}
