/**
 * Keys out of telephone events (RFC 4733 §2.5): each press once, whatever packets of it are lost, doubled or late.
 */
import type { TelephoneEvent } from '../wire/telephone-event.ts';
import type { Key } from './line.ts';

/** By event number (RFC 4733 §3.2). */
export const KEYS: readonly Key[] = [
  ...(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D', 'flash'] as const),
];

/**
 * How far an event's timestamp may lie beyond the last one's end and still continue it, in samples: 60 ms, no more than the gap between
 * two presses of a fast dialler.
 */
const CONTINUED = 480;
/** The longest duration that an event can say: where a longer one starts a new segment. */
const SEGMENT = 0xffff;
/** RFC 3550 A.1: a packet that is older by less is late; by more, the sender counts anew. */
const MISORDER = 128;

export interface KeyDetector {
  /** The key whose press begins with this packet, `undefined` when it belongs to a press that was told, or is no key. */
  hear(
    event: Readonly<TelephoneEvent>,
    ssrc: number,
    sequence: number,
    timestamp: number,
    marker: boolean,
  ): Key | undefined;
}

/**
 * A press is told with the first of its packets that arrives, be it an end. It is known by its timestamp, which all its packets share; but
 * - an event held for longer than the duration field can say goes on under a later timestamp (segments, RFC 4733 §2.5.1.3), and some
 *   senders move the timestamp with every packet: without marker, and with nothing between, that is the same press;
 * - some senders let the timestamp stand still between presses: after an end, a newer packet with the marker is another press.
 */
export function createKeyDetector(): KeyDetector {
  let known = false;
  let source = 0;
  let code = 0;
  let newest = 0;
  let began = 0;
  let duration = 0;
  let ended = false;

  return {
    hear(event, ssrc, sequence, timestamp, marker) {
      const key = KEYS[event.event];
      if (key === undefined) return undefined;
      const newer = ((sequence - newest) << 16) >> 16;
      const advance = (timestamp - began) | 0;
      if (known && ssrc === source) {
        const late = newer <= 0 && newer > -MISORDER;
        if (advance <= 0 && late) {
          if (advance === 0 && event.end) ended = true;
          return undefined;
        }
        if (event.event === code) {
          const again = advance === 0 && !(ended && marker && !event.end);
          const touches = advance === SEGMENT || (advance > 0 && advance <= duration + CONTINUED);
          const goesOn = touches && !ended && !marker;
          if (again || goesOn) {
            newest = sequence;
            began = timestamp;
            duration = event.duration;
            ended ||= event.end;
            return undefined;
          }
        }
      }
      known = true;
      source = ssrc;
      code = event.event;
      newest = sequence;
      began = timestamp;
      duration = event.duration;
      ended = event.end;
      return key;
    },
  };
}
