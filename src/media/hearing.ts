/**
 * What a line hears: packets in, one frame for each 20 ms of the timeline out. Pure but for the promise of its listener; times are
 * passed in. Nothing is allocated per packet.
 */
import { TonearmError } from '../errors.ts';
import type { G711 } from '../wire/g711.ts';
import type { RtpPacket } from '../wire/rtp.ts';
import { emptyTelephoneEvent, readTelephoneEvent } from '../wire/telephone-event.ts';
import { DtmfDetector } from './dtmf.ts';
import { emptyFrame, History, LOOK_BACK_SAMPLES, ROOM_SAMPLES } from './history.ts';
import { createKeyDetector } from './keys.ts';
import { FRAME_SAMPLES, type Frame, type Key } from './line.ts';
import { Listener } from './listener.ts';
import { SpeechDetector } from './speech.ts';
import { LONGEST_PACKET, Timeline } from './timeline.ts';

/** While a key is held, audio is muted so far beyond what its last packet said: 40 ms. */
const MUTED_BEYOND = 320;
/** Keys that wait for their frame: more than can be pressed in the time that is not settled. */
const MOST_KEYS = 16;

/**
 * One a line. It and its parts are classes, though they own nothing to close: a factory's functions are one object each for every line, and with a
 * thousand lines each packet found some forty of them out of the cache.
 */
export class Hearing {
  readonly #timeline = new Timeline();
  readonly #history = new History();
  readonly #speech = new SpeechDetector();
  readonly #keys = createKeyDetector();
  #tones: DtmfDetector | undefined;
  readonly #event = emptyTelephoneEvent();
  readonly #made = emptyFrame();
  readonly #pressed: { key: Key; onset: number }[] = [];
  #position = 0;
  #late = 0;
  #expecting = true;
  #lastArrival = 0;
  #mutedFrom = 0;
  #mutedTo = 0;
  #listener: Pick<Listener<unknown>, 'take' | 'end'> | undefined;
  readonly #onFrame: (frame: Readonly<Frame>) => void;

  /** `onFrame` is called with each frame as it is made, before the listener hears it. */
  constructor(onFrame: (frame: Readonly<Frame>) => void) {
    this.#onFrame = onFrame;
  }

  /** Packets of audio that came when their time was over. */
  get late(): number {
    return this.#late;
  }

  /** Of noise, dBov. */
  get floor(): number {
    return this.#speech.floor;
  }

  /** Position after the last frame that was made. */
  get position(): number {
    return this.#position;
  }

  /** Time begins to pass. */
  open(now: number): void {
    this.#timeline.open(now);
  }

  /** Whether keys are listened for in the audio: when no events for them were agreed on. */
  listenForTones(wanted: boolean): void {
    this.#tones = wanted ? (this.#tones ?? new DtmfDetector()) : undefined;
  }

  /** `false` on hold: nothing is expected, so nothing is missed. */
  expectMedia(expected: boolean): void {
    this.#expecting = expected;
  }

  audio(law: G711, bytes: Uint8Array, packet: Readonly<RtpPacket>, now: number): void {
    const length = Math.min(packet.payloadEnd - packet.payloadStart, LONGEST_PACKET);
    const { ssrc, sequence, timestamp, marker } = packet;
    const start = this.#timeline.audio(ssrc, sequence, timestamp, marker, length, now);
    if (start < 0) {
      this.#late++;
      this.#arrived(now);
      return;
    }
    const from = packet.payloadStart + this.#timeline.skip;
    const to = packet.payloadStart + length;
    const end = start + to - from;
    if (this.#makeRoom(end)) {
      this.#history.decode(law, bytes, from, to, start);
      this.#mute(start, end);
    }
    this.#advance();
  }

  event(bytes: Uint8Array, packet: Readonly<RtpPacket>, now: number): void {
    if (!readTelephoneEvent(bytes, packet.payloadStart, packet.payloadEnd, this.#event)) return;
    const { ssrc, sequence, timestamp, marker } = packet;
    const began = this.#timeline.event(ssrc, sequence, timestamp, this.#event.duration, now);
    const onset = began < 0 ? this.#timeline.due : began;
    const end = began < 0 ? onset : onset + this.#event.duration;
    const key = this.#keys.hear(this.#event, ssrc, sequence, timestamp, marker);
    if (key !== undefined && this.#pressed.length < MOST_KEYS) this.#pressed.push({ key, onset });
    if (onset >= this.#mutedFrom) {
      this.#mutedFrom = onset;
      this.#mutedTo = this.#event.end ? end : end + MUTED_BEYOND;
    }
    // Audio may run under the event, and have come before the packet that tells of it.
    const to = Math.min(end, this.#position + ROOM_SAMPLES);
    if (this.#position < to) this.#history.silence(Math.max(this.#position, onset), to);
    this.#arrived(now);
    this.#advance();
  }

  /** A packet that says that there is nothing to hear: comfort noise, or an empty one to keep a path open. */
  silence(packet: Readonly<RtpPacket>, now: number): void {
    this.#timeline.silence(packet.ssrc, packet.sequence, packet.timestamp, now);
    this.#arrived(now);
    this.#advance();
  }

  /** Fills what did not arrive by `now`; returns the earliest time at which there can be more to fill. */
  fill(now: number): number {
    const again = this.#timeline.fill(now);
    this.#advance();
    return again;
  }

  /** As Line.listen. */
  listen<T>(
    hear: (frame: Readonly<Frame>) => T | undefined,
    { from, signal }: { readonly from?: number | undefined; readonly signal: AbortSignal },
  ): Promise<T | undefined> {
    if (this.#listener !== undefined)
      return Promise.reject(new TonearmError('listening', 'a line has one listener at a time'));
    if (signal.aborted) return Promise.resolve(undefined);
    const earliest = Math.max(0, this.#position - LOOK_BACK_SAMPLES);
    const wanted = Math.min(this.#position, Math.max(earliest, from ?? this.#position));
    const begin = Math.floor(wanted / FRAME_SAMPLES) * FRAME_SAMPLES;
    const onEnd = () => {
      this.#listener = undefined;
    };
    const listener = new Listener({ begin, hear, signal, onEnd });
    this.#listener = listener;
    const past = emptyFrame();
    while (!listener.ended && listener.next < this.#position) {
      this.#history.recall(listener.next, past);
      listener.take(past);
    }
    return listener.heard;
  }

  /** Ends the listener. */
  close(): void {
    this.#listener?.end();
  }

  /** Zeros where nothing arrived; tells whether there was any such place. */
  #conceal(from: number, to: number) {
    let holes = false;
    for (let at = from; at < to; ) {
      const reach = this.#timeline.coverage.reach(at);
      if (reach > at) {
        this.#lastArrival = Math.max(this.#lastArrival, Math.min(reach, to));
        at = reach;
        continue;
      }
      const next = Math.min(this.#timeline.coverage.next(at), to);
      this.#history.silence(at, next);
      holes = true;
      at = next;
    }
    this.#timeline.coverage.forget(to);
    return holes;
  }

  #make() {
    const end = this.#position + FRAME_SAMPLES;
    this.#made.position = this.#position;
    this.#made.samples = this.#history.samples;
    this.#made.at = this.#history.index(this.#position);
    this.#made.concealed = this.#conceal(this.#position, end);
    if (!this.#expecting) this.#lastArrival = Math.max(this.#lastArrival, end);
    this.#made.noMedia = Math.max(0, end - this.#lastArrival);
    this.#hearTone();
    // A key is held: it is no speech, though it begins like some.
    if (this.#made.concealed || this.#tones?.held) this.#speech.miss(this.#position);
    else this.#speech.hear(this.#made.samples, this.#made.at, this.#position);
    this.#made.speech = this.#speech.speech;
    this.#made.speechOnset = this.#speech.onset;
    const press =
      this.#pressed.length > 0 && this.#pressed[0]!.onset < end ? this.#pressed.shift() : undefined;
    this.#made.tone = press?.key;
    this.#made.toneOnset = press?.onset ?? 0;
    this.#history.keep(this.#made);
    this.#position = end;
    this.#onFrame(this.#made);
    this.#listener?.take(this.#made);
  }

  #hearTone() {
    if (this.#tones === undefined) return;
    if (this.#made.concealed) return this.#tones.miss();
    const key = this.#tones.hear(this.#made.samples, this.#made.at, this.#position);
    if (key !== undefined && this.#pressed.length < MOST_KEYS)
      this.#pressed.push({ key, onset: this.#tones.onset });
  }

  #advance() {
    while (this.#position + FRAME_SAMPLES <= this.#timeline.due) this.#make();
  }

  /** Sees to it that `[…, end)` can be written. */
  #makeRoom(end: number) {
    while (end - this.#position > ROOM_SAMPLES && this.#position + FRAME_SAMPLES <= this.#timeline.due)
      this.#make();
    return end - this.#position <= ROOM_SAMPLES;
  }

  #mute(from: number, to: number) {
    if (from < this.#mutedTo && to > this.#mutedFrom)
      this.#history.silence(Math.max(from, this.#mutedFrom), Math.min(to, this.#mutedTo));
  }

  #arrived(now: number) {
    this.#lastArrival = Math.max(
      this.#lastArrival,
      Math.min(this.#timeline.expected(now), this.#position + ROOM_SAMPLES),
    );
  }
}
