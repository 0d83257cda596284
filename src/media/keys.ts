/**
 * Keys out of telephone events (RFC 4733 §2.5): each press once, whatever packets of it are lost, doubled or late.
 */
import type { RtpPacket } from '../wire/rtp.ts';
import type { TelephoneEvent } from '../wire/telephone-event.ts';
import type { Key } from './line.ts';

/** By event number (RFC 4733 §3.2). */
export const KEYS: readonly Key[] = [
  ...(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D', 'flash'] as const),
];

/** How keys are heard: as events, and in the audio only when none were agreed on; both ways, each press told once; as events only. */
export const DTMF_MODES = ['auto', 'both', 'events'] as const;
export type DtmfMode = (typeof DTMF_MODES)[number];

/**
 * How far an event's timestamp may lie beyond the last one's end and still continue it, in samples: 60 ms, no more than the gap between
 * two presses of a fast dialler.
 */
const CONTINUED = 480;
/** The longest duration that an event can say: where a longer one starts a new segment. */
const SEGMENT = 0xffff;
/** RFC 3550 A.1: a packet that is older by less is late; by more, the sender counts anew. */
const MISORDER = 128;
/** A press that has not ended goes on under another source if that one is heard within so long. */
const TAKEN_OVER_MS = 200;
/** After so long without an event, packets that were there before are no duplicates: a capture is played once more. */
const FORGOTTEN_MS = 1000;
/** Presses whose packets may still come, the newest included. */
const REMEMBERED = 4;

interface Pressed {
  source: number;
  readonly code: number;
  /** Timestamp of its newest segment. */
  began: number;
  duration: number;
  ended: boolean;
}

export interface KeyDetector {
  /**
   * The key whose press begins with this event of `packet`, `undefined` when it belongs to a press that was told, or is no key.
   * `timestamp`: of the event, which is the packet's but for events behind the first; as the duration, in samples of the line. `ticks`: of
   * the event's own clock for each of them.
   */
  hear(
    event: Readonly<TelephoneEvent>,
    packet: Pick<RtpPacket, 'ssrc' | 'sequence' | 'marker'>,
    timestamp: number,
    now: number,
    ticks?: number,
  ): Key | undefined;
}

/**
 * A press is told with the first of its packets that arrives, be it an end. It is known by its timestamp, which all its packets share; but
 * - an event held for longer than the duration field can say goes on under a later timestamp (segments, RFC 4733 §2.5.1.3), and some
 *   senders move the timestamp with every packet: without marker, and with nothing between, that is the same press;
 * - some senders let the timestamp stand still between presses: after an end, a newer packet with the marker is another press;
 * - its end may be sent again when the next press has begun already, or be packed before it (RFC 4733 §2.5.1.5);
 * - the sender may become another source while the key is held.
 *
 * Departs from RFC 4733 §2.3.5, which would have a duration of zero ignored: gateways of the time of RFC 2833 begin a press with it.
 */
export function createKeyDetector(): KeyDetector {
  return new EventKeys();
}

/** One a line: a class, as hearing.ts says why. */
class EventKeys implements KeyDetector {
  /** The newest first. */
  readonly #presses: Pressed[] = [];
  #newest = 0;
  #heardAt = Number.NEGATIVE_INFINITY;

  hear(
    event: Readonly<TelephoneEvent>,
    { ssrc, sequence, marker }: Pick<RtpPacket, 'ssrc' | 'sequence' | 'marker'>,
    timestamp: number,
    now: number,
    ticks = 1,
  ): Key | undefined {
    const key = KEYS[event.event];
    if (key === undefined) return undefined;
    if (now - this.#heardAt > FORGOTTEN_MS) this.#presses.length = 0;
    const [last] = this.#presses;
    const newer = ((sequence - this.#newest) << 16) >> 16;
    const late = last?.source === ssrc && newer <= 0 && newer > -MISORDER;
    const soon = now - this.#heardAt <= TAKEN_OVER_MS;
    this.#heardAt = now;
    if (!late) this.#newest = sequence;
    let known: Pressed | undefined;
    for (const press of this.#presses)
      if (press.source === ssrc && press.code === event.event && press.began === timestamp) known ??= press;
    if (known !== undefined) {
      const again = known.ended && marker && !event.end && !late;
      if (!again) {
        goOn(known, event, ssrc, timestamp);
        return undefined;
      }
    } else if (last !== undefined) {
      const advance = (timestamp - last.began) | 0;
      if (late && advance <= 0) return undefined;
      const segment = Math.abs(advance - SEGMENT / ticks) <= 1;
      const touches =
        last.source === ssrc ? segment || (advance > 0 && advance <= last.duration + CONTINUED) : soon;
      // An end is no beginning: senders that move the timestamp do so with ends that they send again, too.
      const open = !last.ended || event.end;
      if (last.code === event.event && touches && open && !marker) {
        goOn(last, event, ssrc, timestamp);
        return undefined;
      }
    }
    this.#begin(event, ssrc, timestamp);
    return key;
  }

  #begin(event: Readonly<TelephoneEvent>, source: number, timestamp: number): void {
    this.#presses.unshift({
      source,
      code: event.event,
      began: timestamp,
      duration: event.duration,
      ended: event.end,
    });
    if (this.#presses.length > REMEMBERED) this.#presses.pop();
  }
}

function goOn(press: Pressed, event: Readonly<TelephoneEvent>, source: number, timestamp: number): void {
  press.source = source;
  press.duration = press.began === timestamp ? Math.max(press.duration, event.duration) : event.duration;
  press.began = timestamp;
  press.ended ||= event.end;
}
