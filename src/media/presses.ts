/**
 * One press, told once, of callers whose keys are heard in two ways: as telephone events, and as the tones that may sound beside them. Gateways
 * send both: the tone until they were sure of it, or all of it, under the event, some time before it or after it.
 *
 * Events are exact, so each of them is a press. A tone is one only when no event says the same: one of the same key that began at about the
 * same time, or lasts while the tone begins. What came first is told; the other one belongs to it. Each has one of the other kind at most, the earliest that
 * fits, so that two presses in a row, both in both ways, are two. The price: of two presses of one key within 300 ms of which only the first
 * came as an event, and without a tone that could be heard, only that one is told.
 *
 * Signalling (INFO) may tell of a press as well, about when it begins or, with how long it lasted, when it is over; its way is another than RTP's. It
 * is paired in the same manner, within a second: nobody sends one press so and the next one otherwise.
 */
import type { Key } from './line.ts';

/** How far a press's two onsets may lie apart, and how long after its event a tone may still be it: 300 ms. */
const APART = 2400;
/** How much later than RTP signalling may be, or earlier: 1 s. */
const SIGNALLED = 8000;
/** How long after an event a tone that it silenced may be heard to begin once more: 30 ms. */
const SILENCED = 240;
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
  ended: boolean;
  /** When signalling told of it, and until when it would last if it began then. */
  signal: number | undefined;
  signalEnd: number;
}

/** Of one line. Times are positions. */
export class Presses {
  /** In the order in which they were told. */
  readonly #heard: Heard[] = [];
  #lastEvent: Heard | undefined;

  /** A press began as an event; `sounds`: where its tone began, if it is heard right now. The press to be told, unless it was told already. */
  event(key: Key, onset: number, sounds?: number): Press | undefined {
    const told = this.#heard.find(
      (press) =>
        press.key === key &&
        press.event === undefined &&
        (press.tone === undefined
          ? isSignalled(press, onset)
          : near(press.tone, onset) || press.tone === sounds),
    );
    if (told !== undefined) {
      told.event = told.eventEnd = onset;
      this.#lastEvent = told;
      return undefined;
    }
    const began = sounds !== undefined && near(sounds, onset) ? Math.min(sounds, onset) : onset;
    this.#lastEvent = this.#add({ key, onset: began, event: onset, eventEnd: onset });
    return this.#lastEvent;
  }

  /** Signalling tells of a press, now, at `onset`, that lasts until `end` or lasted so long. The press to be told, unless it was heard. */
  signalled(key: Key, onset: number, end: number): Press | undefined {
    const signal = { signal: onset, signalEnd: end };
    const heard = this.#heard.find(
      (press) =>
        press.key === key &&
        press.signal === undefined &&
        (isSignalled({ ...press, ...signal }, press.event ?? press.tone ?? onset) ||
          (press.event !== undefined && onset >= press.event && onset <= press.eventEnd + SIGNALLED)),
    );
    if (heard === undefined) return this.#add({ key, onset, ...signal });
    Object.assign(heard, signal);
    return undefined;
  }

  /** The newest event, if it is of this key, lasts until `end`, or longer unless it has `ended`. */
  goesOn(key: Key, end: number, ended: boolean): void {
    const press = this.#lastEvent;
    if (press?.key !== key) return;
    press.eventEnd = Math.max(press.eventEnd, end);
    press.ended ||= ended;
  }

  /** A press began as a tone. The press to be told, unless it was told, or is about to be, as an event or by signalling. */
  tone(key: Key, onset: number): Press | undefined {
    const same = this.#heard.filter((press) => press.key === key);
    const press = same.find((one) => awaits(one, onset)) ?? same.find((one) => continues(one, onset));
    if (press === undefined) return this.#add({ key, onset, tone: onset });
    press.tone ??= onset;
    press.onset = Math.min(press.onset, onset);
    return undefined;
  }

  #add(known: Press & Partial<Heard>): Heard {
    const { onset } = known;
    const press = { ...UNHEARD, eventEnd: onset, signalEnd: onset, ...known };
    this.#heard.push(press);
    if (this.#heard.length > REMEMBERED) this.#heard.shift();
    return press;
  }
}

const UNHEARD = { tone: undefined, event: undefined, ended: false, signal: undefined } as const;

function near(one: number, other: number): boolean {
  return Math.abs(one - other) <= APART;
}

/** Whether what is heard from `onset` on may be what signalling told of. */
function isSignalled({ signal, signalEnd }: Heard, onset: number): boolean {
  if (signal === undefined) return false;
  const lasted = signalEnd - signal;
  return onset >= signal - lasted - SIGNALLED && onset <= signal + SIGNALLED;
}

/** Whether a tone that begins at `onset` may be that of a press of which none was heard. */
function awaits(press: Heard, onset: number): boolean {
  const { tone, event, eventEnd } = press;
  if (tone !== undefined) return false;
  if (event === undefined) return isSignalled(press, onset);
  return onset >= event - APART && onset <= eventEnd + APART;
}

/** Whether it may be the tone of an event once more, which was interrupted: by a loss, or by the event itself. */
function continues({ tone, event, eventEnd, ended }: Heard, onset: number): boolean {
  if (tone === undefined || event === undefined) return false;
  return onset <= eventEnd + Math.max(0, tone - event) + (ended ? SILENCED : APART);
}
