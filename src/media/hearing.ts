/**
 * What a line hears: packets in, one frame for each 20 ms of the timeline out. Pure but for the promises of its listener; times are
 * passed in. Nothing is allocated per packet.
 */
import { TonearmError } from '../errors.ts';
import type { G711 } from '../wire/g711.ts';
import type { RtpPacket } from '../wire/rtp.ts';
import { emptyTelephoneEvent, readTelephoneEvent } from '../wire/telephone-event.ts';
import { createHistory, emptyFrame, LOOK_BACK_SAMPLES, ROOM_SAMPLES } from './history.ts';
import { createKeyDetector } from './keys.ts';
import { FRAME_SAMPLES, type Frame, type Key } from './line.ts';
import { createListener, type Listener } from './listener.ts';
import { createSpeechDetector } from './speech.ts';
import { createTimeline, LONGEST_PACKET } from './timeline.ts';

/** While a key is held, audio is muted so far beyond what its last packet said: 40 ms. */
const MUTED_BEYOND = 320;
/** Keys that wait for their frame: more than can be pressed in the time that is not settled. */
const MOST_KEYS = 16;

export interface Hearing {
  /** Position after the last frame that was made. */
  readonly position: number;
  /** Time begins to pass. */
  open(now: number): void;
  /** Hold: nothing is expected, so nothing is missed. */
  expectMedia(expected: boolean): void;
  audio(law: G711, bytes: Uint8Array, packet: Readonly<RtpPacket>, now: number): void;
  event(bytes: Uint8Array, packet: Readonly<RtpPacket>, now: number): void;
  /** A packet that says that there is nothing to hear: comfort noise, or an empty one to keep a path open. */
  silence(packet: Readonly<RtpPacket>, now: number): void;
  /** Fills what did not arrive by `now`; returns the earliest time at which there can be more to fill. */
  fill(now: number): number;
  /** As Line.listen. */
  listen(options: { readonly from?: number | undefined; readonly signal: AbortSignal }): AsyncIterable<Frame>;
  /** Ends the listener. */
  close(): void;
}

/** `onFrame` is called with each frame as it is made, synchronously; the frame is reused, and its samples are not in it. */
export function createHearing(onFrame: (frame: Omit<Frame, 'samples'>) => void): Hearing {
  const timeline = createTimeline();
  const history = createHistory();
  const speech = createSpeechDetector();
  const keys = createKeyDetector();
  const event = emptyTelephoneEvent();
  const made = emptyFrame();
  const pressed: { key: Key; onset: number }[] = [];
  let position = 0;
  let expecting = true;
  let lastArrival = 0;
  let mutedFrom = 0;
  let mutedTo = 0;
  let listener: Listener | undefined;

  /** Zeros where nothing arrived; tells whether there was any such place. */
  const conceal = (from: number, to: number) => {
    let holes = false;
    for (let at = from; at < to; ) {
      const reach = timeline.coverage.reach(at);
      if (reach > at) {
        lastArrival = Math.max(lastArrival, Math.min(reach, to));
        at = reach;
        continue;
      }
      const next = Math.min(timeline.coverage.next(at), to);
      history.silence(at, next);
      holes = true;
      at = next;
    }
    timeline.coverage.forget(to);
    return holes;
  };

  const make = () => {
    const end = position + FRAME_SAMPLES;
    made.position = position;
    made.concealed = conceal(position, end);
    if (!expecting) lastArrival = Math.max(lastArrival, end);
    made.noMedia = Math.max(0, end - lastArrival);
    if (made.concealed) speech.miss(position);
    else speech.hear(history.samples, history.index(position), position);
    made.speech = speech.speech;
    made.speechOnset = speech.onset;
    const press = pressed.length > 0 && pressed[0]!.onset < end ? pressed.shift() : undefined;
    made.tone = press?.key;
    made.toneOnset = press?.onset ?? 0;
    history.keep(made);
    position = end;
    onFrame(made);
  };

  /** A long gap becomes frames only as they are listened to: the ring holds no more than a listener can look back on. */
  const advance = () => {
    while (position + FRAME_SAMPLES <= timeline.due) {
      if (listener !== undefined && position - listener.cursor >= LOOK_BACK_SAMPLES) break;
      make();
    }
    listener?.wake();
  };

  /** Sees to it that `[…, end)` can be written, whoever is slow to listen. */
  const makeRoom = (end: number) => {
    while (end - position > ROOM_SAMPLES && position + FRAME_SAMPLES <= timeline.due) make();
    return end - position <= ROOM_SAMPLES;
  };

  const mute = (from: number, to: number) => {
    if (from < mutedTo && to > mutedFrom) history.silence(Math.max(from, mutedFrom), Math.min(to, mutedTo));
  };

  const arrived = (now: number) => {
    lastArrival = Math.max(lastArrival, Math.min(timeline.expected(now), position + ROOM_SAMPLES));
  };

  return {
    get position() {
      return position;
    },
    open: timeline.open,
    expectMedia(expected) {
      expecting = expected;
    },
    audio(law, bytes, packet, now) {
      const length = Math.min(packet.payloadEnd - packet.payloadStart, LONGEST_PACKET);
      const { ssrc, sequence, timestamp, marker } = packet;
      const start = timeline.audio(ssrc, sequence, timestamp, marker, length, now);
      if (start < 0) {
        arrived(now);
        return;
      }
      const from = packet.payloadStart + timeline.skip;
      const to = packet.payloadStart + length;
      const end = start + to - from;
      if (makeRoom(end)) {
        history.decode(law, bytes, from, to, start);
        mute(start, end);
      }
      advance();
    },
    event(bytes, packet, now) {
      if (!readTelephoneEvent(bytes, packet.payloadStart, packet.payloadEnd, event)) return;
      const { ssrc, sequence, timestamp, marker } = packet;
      const began = timeline.event(ssrc, sequence, timestamp, event.duration, now);
      const onset = began < 0 ? timeline.due : began;
      const end = began < 0 ? onset : onset + event.duration;
      const key = keys.hear(event, ssrc, sequence, timestamp, marker);
      if (key !== undefined && pressed.length < MOST_KEYS) pressed.push({ key, onset });
      if (onset >= mutedFrom) {
        mutedFrom = onset;
        mutedTo = event.end ? end : end + MUTED_BEYOND;
      }
      // Audio may run under the event, and have come before the packet that tells of it.
      const to = Math.min(end, position + ROOM_SAMPLES);
      if (position < to) history.silence(Math.max(position, onset), to);
      arrived(now);
      advance();
    },
    silence(packet, now) {
      timeline.silence(packet.ssrc, packet.sequence, packet.timestamp, now);
      arrived(now);
      advance();
    },
    fill(now) {
      const again = timeline.fill(now);
      advance();
      return again;
    },
    listen({ from, signal }) {
      const earliest = Math.max(0, position - LOOK_BACK_SAMPLES);
      const wanted = Math.min(position, Math.max(earliest, from ?? position));
      const begin = Math.floor(wanted / FRAME_SAMPLES) * FRAME_SAMPLES;
      const opened: Listener = createListener({
        begin,
        signal,
        position: () => position,
        recall: history.recall,
        more: advance,
        onEnd() {
          if (listener === opened) listener = undefined;
          advance();
        },
      });
      if (listener !== undefined) throw new TonearmError('listening', 'a line has one listener at a time');
      if (!signal.aborted) listener = opened;
      return opened;
    },
    close() {
      listener?.end();
    },
  };
}
