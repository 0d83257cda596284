/**
 * Telephone events, the payload that carries keys (RFC 4733 §2.3). Level 0.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |     event     |E|R| volume    |          duration             |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */

export const TELEPHONE_EVENT_BYTES = 4;

/** An event as read; made once and filled again, so that reading allocates nothing. */
export interface TelephoneEvent {
  /** 0–9, 10 `*`, 11 `#`, 12–15 `A`–`D`, 16 flash (RFC 4733 §3.2); others are tones of machines. */
  event: number;
  /** The event has ended with this packet. */
  end: boolean;
  /** Power of the tone, in −dBm0: 0–63. */
  volume: number;
  /** Samples since the packet's timestamp, 16 bits: how long it lasts so far. */
  duration: number;
}

/** A TelephoneEvent to read into. */
export function emptyTelephoneEvent(): TelephoneEvent {
  return { event: 0, end: false, volume: 0, duration: 0 };
}

/**
 * Reads the first event of `bytes[from…to)` into `event`; `false` when it is too short. Never throws. Further events
 * that a sender may have packed behind it (RFC 4733 §2.5.1.5) are states that can't follow from keys, and are left alone.
 */
export function readTelephoneEvent(
  bytes: Uint8Array,
  from: number,
  to: number,
  event: TelephoneEvent,
): boolean {
  if (to - from < TELEPHONE_EVENT_BYTES) return false;
  event.event = bytes[from]!;
  event.end = (bytes[from + 1]! & 0x80) !== 0;
  event.volume = bytes[from + 1]! & 0x3f;
  event.duration = (bytes[from + 2]! << 8) | bytes[from + 3]!;
  return true;
}

/** Writes an event into `bytes` from index `at` on. */
export function writeTelephoneEvent(bytes: Uint8Array, at: number, event: Readonly<TelephoneEvent>): void {
  bytes[at] = event.event;
  bytes[at + 1] = (event.end ? 0x80 : 0) | (event.volume & 0x3f);
  bytes[at + 2] = event.duration >> 8;
  bytes[at + 3] = event.duration;
}
