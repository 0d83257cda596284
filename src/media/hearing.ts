/**
 * What a line hears: packets in, one frame for each 20 ms of the timeline out. Pure but for the promise of its listener; times are
 * passed in. Nothing is allocated per packet.
 */
import { TonearmError } from '../errors.ts';
import type { RtpPacket } from '../wire/rtp.ts';
import { emptyTelephoneEvent, readTelephoneEvent, TELEPHONE_EVENT_BYTES } from '../wire/telephone-event.ts';
import { type Codec, isWide, type WideCodec } from './codecs.ts';
import { Concealment } from './concealment.ts';
import { type DualRing, openDualRing } from './dual-ring.ts';
import { Echo } from './echo.ts';
import { emptyFrame, History, LOOK_BACK_SAMPLES, ROOM_SAMPLES } from './history.ts';
import { KeyEar } from './key-ear.ts';
import { FRAME_SAMPLES, type FrameListener, type Key, LINE_RATE, type Sensitivity } from './line.ts';
import { LineMemory } from './line-memory.ts';
import { Listener } from './listener.ts';
import { Played, type Sound } from './played.ts';
import { SpeechDetector } from './speech.ts';
import { LONGEST_PACKET, Timeline } from './timeline.ts';
import { WideStream } from './wide-stream.ts';

// Made and read before anything else is: one for all lines.
const MADE = emptyFrame();
const EVENT = emptyTelephoneEvent();
/** What was heard before a loss: 21 ms. */
const PAST = new Int16Array(new Concealment(LINE_RATE).reach);
// Its numbers in the line's memory.
const POSITION = 0;
const LATE = 1;
const EXPECTING = 2;
const LAST_ARRIVAL = 3;
const NUMBERS = 4;

/**
 * One a line. It and its parts are classes, though they own nothing to close: a factory's functions are one object each for every line, and with a
 * thousand lines each packet found some forty of them out of the cache.
 */
export class Hearing {
  readonly #timeline: Timeline;
  readonly #history: History;
  readonly #speech: SpeechDetector;
  readonly #keys: KeyEar;
  /** Made with the first prompt, as is what listens for its echo. */
  #played: Played | undefined;
  #echo: Echo | undefined;
  /** Once a wide-band codec was agreed on. */
  #wide: WideStream | undefined;
  /** Once it was asked for. */
  #dual: DualRing | undefined;
  /** Made with the first loss. */
  #concealment: Concealment | undefined;
  #concealed = 0;
  readonly #n: Float64Array;
  readonly #at: number;
  #listener: Pick<Listener<unknown>, 'take' | 'end' | 'prefetch'> | undefined;
  readonly #first: FrameListener<unknown>;

  /** `first` hears each frame as it is made, before whoever listens. */
  constructor(first: FrameListener<unknown>, memory = new LineMemory()) {
    this.#first = first;
    this.#timeline = new Timeline(memory);
    this.#history = new History(memory);
    this.#speech = new SpeechDetector(memory);
    this.#keys = new KeyEar(memory);
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
    this.expecting = true;
  }

  prefetch(depth: number): number {
    if (depth === 0) return this.#concealed;
    const more = this.#listener?.prefetch(depth - 1) ?? 0;
    if (depth === 1)
      return (
        more +
        this.#timeline.prefetch(0) +
        this.#history.prefetch(this.position) +
        this.#speech.prefetch() +
        this.#keys.prefetch()
      );
    return depth === 2 ? more + this.#timeline.prefetch(1) : more;
  }

  /** Of noise, dBov. */
  get floor(): number {
    return this.#speech.floor;
  }

  /** Samples of frames of which something did not come. */
  get concealed(): number {
    return this.#concealed;
  }

  set sensitivity(sensitivity: Sensitivity) {
    this.#speech.sensitivity = sensitivity;
  }

  /** Whether the caller speaks, as the last frame has it. */
  get speech(): boolean {
    return this.#speech.speech;
  }

  /** Time begins to pass. */
  open(now: number): void {
    this.#timeline.open(now);
  }

  /** `sound` is being played from now on: its echo is not the caller. */
  playing(sound: Sound): void {
    this.#played ??= new Played();
    this.#echo ??= new Echo(this.#played);
    this.#played.begin(sound, this.position);
  }

  /** It is played no longer, before its end. */
  cutOff(): void {
    this.#played?.cut(this.position);
  }

  /** Silence is sent in the place of what plays, or no longer. */
  mute(muted: boolean): void {
    this.#played ??= new Played();
    this.#played.muted = muted;
  }

  /** From now on wide-band codecs are understood as well; `codec` is one that is expected. */
  widen(codec: WideCodec): void {
    this.#wide ??= new WideStream(this.#history, this.position);
    this.#wide.expect(codec);
  }

  /** From now on what is played is kept beside what is heard. */
  keepBoth(): void {
    this.#dual ??= openDualRing(this.#wide !== undefined);
  }

  /** What a take of so many channels is written from; `undefined`: the line's own ring. */
  takeRing(channels: 1 | 2): Pick<DualRing, 'samples' | 'rate'> | undefined {
    if (channels === 2) return this.#dual;
    return this.#wide && { samples: this.#wide.samples, rate: 16_000 };
  }

  /** Whether keys are listened for in the audio. */
  listenForTones(wanted: boolean): void {
    this.#keys.listenForTones(wanted);
  }

  /** A key that came by another way than RTP: it begins with the next frame. */
  press(key: Key, durationMs: number): void {
    this.#keys.signalled(key, this.position, this.position + Math.round((durationMs * LINE_RATE) / 1000));
  }

  /** Where the last key that was heard ends, as far as is known. */
  get keysUntil(): number {
    return Math.max(this.#keys.mutedTo, this.#keys.soundsUntil);
  }

  /** As Line.keyDelay. */
  get keyDelay(): number {
    return this.#keys.delay;
  }

  /** `false` on hold: nothing is expected, so nothing is missed. */
  expectMedia(expected: boolean): void {
    this.expecting = expected;
  }

  audio(codec: Codec, bytes: Uint8Array, packet: Readonly<RtpPacket>, now: number): void {
    const wide = this.#wide;
    const size = packet.payloadEnd - packet.payloadStart;
    const length = wide?.lengthOf(codec, bytes, packet.payloadStart, packet.payloadEnd) ?? size;
    // What is malformed has come all the same.
    if (length <= 0 || length > LONGEST_PACKET) return this.silence(packet, now);
    const { ssrc, sequence, timestamp, marker } = packet;
    const start = this.#timeline.audio(ssrc, sequence, timestamp, marker, length, now);
    if (start < 0) {
      if (!this.#isFilled(this.#timeline.placeOf(timestamp))) this.late += 1;
      this.#arrived(now);
      return;
    }
    const { skip } = this.#timeline;
    const end = start + length - skip;
    if (this.#makeRoom(end)) {
      if (wide !== undefined)
        wide.add(codec, bytes, packet.payloadStart, packet.payloadEnd, start, skip, length);
      else if (!isWide(codec)) {
        this.#history.decode(codec, bytes, packet.payloadStart + skip, packet.payloadEnd, start);
        this.#mute(start, end);
      }
    }
    this.#advance();
  }

  /**
   * `ticks`: of the event's clock, for each position. Events that the sender packed behind the first each begin where the one before ended
   * (RFC 4733 §2.5.1.5).
   */
  event(bytes: Uint8Array, packet: Readonly<RtpPacket>, now: number, ticks = 1): void {
    let { timestamp, payloadStart: from } = packet;
    if (!readTelephoneEvent(bytes, from, packet.payloadEnd, EVENT)) return this.silence(packet, now);
    do {
      EVENT.duration = Math.round(EVENT.duration / ticks);
      this.#event(packet, timestamp, now, ticks);
      timestamp = (timestamp + EVENT.duration) >>> 0;
      from += TELEPHONE_EVENT_BYTES;
    } while (EVENT.end && readTelephoneEvent(bytes, from, packet.payloadEnd, EVENT));
    this.#arrived(now);
    this.#advance();
  }

  /** A packet that says that there is nothing to hear: comfort noise, or an empty one to keep a path open. */
  silence(packet: Readonly<RtpPacket>, now: number): void {
    this.#timeline.silence(packet.ssrc, packet.sequence, packet.timestamp, now);
    this.#arrived(now);
    this.#advance();
  }

  /** A packet of the caller's that nobody understands: it is not to be stood in for as a loss. */
  passOver(packet: Readonly<RtpPacket>): void {
    this.#timeline.passOver(packet.ssrc, packet.sequence);
  }

  /** Fills what did not arrive by `now`; returns the earliest time at which there can be more to fill. */
  fill(now: number): number {
    const again = this.#timeline.fill(now);
    this.#advance();
    return again;
  }

  /** As Line.listen. */
  listen<T>(
    hearer: FrameListener<T>,
    { from, signal }: { readonly from?: number | undefined; readonly signal: AbortSignal },
  ): Promise<T | undefined> {
    if (this.#listener !== undefined)
      return Promise.reject(new TonearmError('listening', 'a line has one listener at a time'));
    if (signal.aborted) return Promise.resolve(undefined);
    const earliest = Math.max(0, this.position - LOOK_BACK_SAMPLES);
    const wanted = Math.min(this.position, Math.max(earliest, from ?? this.position));
    const begin = Math.floor(wanted / FRAME_SAMPLES) * FRAME_SAMPLES;
    const onEnd = () => {
      this.#listener = undefined;
    };
    const listener = new Listener({ begin, hearer, signal, onEnd });
    this.#listener = listener;
    const past = emptyFrame();
    while (!listener.ended && listener.next < this.position) {
      this.#history.recall(listener.next, past);
      listener.take(past);
    }
    return listener.heard;
  }

  /** Ends the listener. */
  close(): void {
    this.#listener?.end();
    this.#wide?.close();
  }

  /** Takes EVENT. */
  #event(packet: Readonly<RtpPacket>, timestamp: number, now: number, ticks: number) {
    const { ssrc, sequence } = packet;
    const began = this.#timeline.event(ssrc, sequence, timestamp, EVENT.duration, now);
    const onset = began < 0 ? this.#timeline.due : began;
    const end = began < 0 ? onset : onset + EVENT.duration;
    const press = this.#keys.event(EVENT, packet, timestamp, now, ticks, onset, end);
    // Audio may run under the event, and have come before the packet that tells of it.
    const open = this.position - this.#keys.delay;
    this.#cutOut(Math.max(open, press), Math.min(end, this.position + ROOM_SAMPLES));
  }

  /** Fills what did not arrive: loss by what the voice would have said, other gaps by silence. Tells whether there was any such place. */
  #conceal(from: number, to: number) {
    let holes = false;
    for (let at = from; at < to; ) {
      const reach = this.#timeline.coverage.reach(at);
      if (reach > at) {
        this.lastArrival = Math.max(this.lastArrival, Math.min(reach, to));
        this.#concealment?.join(this.#history.samples, this.#history.index(at), Math.min(reach, to) - at);
        at = reach;
        continue;
      }
      const next = Math.min(this.#timeline.coverage.next(at), to);
      if (at < this.#timeline.lossEnd) this.#standIn(at, next);
      else {
        this.#history.silence(at, next);
        this.#concealment?.reset();
      }
      holes = true;
      at = next;
    }
    this.#timeline.coverage.forget(to);
    return holes;
  }

  /** As `#conceal`, of a wide-band line: its packets are decoded only now. */
  #concealWide(wide: WideStream, from: number, to: number) {
    let holes = false;
    for (let at = from; at < to; ) {
      const { end } = wide;
      if (end > at) {
        at = Math.min(end, to);
        this.lastArrival = Math.max(this.lastArrival, at);
        continue;
      }
      const reach = this.#timeline.coverage.reach(at);
      if (reach > at && wide.decode()) {
        this.#muteWide(wide, at, wide.end);
        continue;
      }
      // What arrived and is no audio is a key.
      const next = Math.min(reach > at ? reach : this.#timeline.coverage.next(at), to);
      if (reach <= at && at < this.#timeline.lossEnd) wide.conceal(next);
      else wide.silence(next);
      if (reach > at) this.lastArrival = Math.max(this.lastArrival, next);
      else holes = true;
      at = next;
    }
    this.#timeline.coverage.forget(to);
    return holes;
  }

  /** Whether what belongs there came in time: a packet for it is a duplicate. */
  #isFilled(place: number) {
    if (place >= this.position) return this.#timeline.coverage.reach(place) > place;
    return place >= this.position - LOOK_BACK_SAMPLES && !this.#history.isConcealed(place);
  }

  #muteWide(wide: WideStream, from: number, to: number) {
    const { mutedFrom, mutedTo } = this.#keys;
    if (from >= mutedTo || to <= mutedFrom) return;
    this.#mute(from, to);
    wide.mute(Math.max(from, mutedFrom), Math.min(to, mutedTo));
  }

  /** Within a frame. */
  #standIn(from: number, to: number) {
    const { samples } = this.#history;
    this.#concealment ??= new Concealment(LINE_RATE);
    if (!this.#concealment.concealing) {
      // Before the line's first sample there was silence.
      const known = Math.min(from, PAST.length);
      PAST.fill(0, 0, PAST.length - known);
      for (let back = 1; back <= known; back++)
        PAST[PAST.length - back] = samples[this.#history.index(from - back)]!;
    }
    this.#concealment.conceal(PAST, PAST.length, samples, this.#history.index(from), to - from);
  }

  #make() {
    const made = MADE;
    const end = this.position + FRAME_SAMPLES;
    made.position = this.position;
    made.samples = this.#history.samples;
    made.at = this.#history.index(this.position);
    made.concealed =
      this.#wide === undefined
        ? this.#conceal(this.position, end)
        : this.#concealWide(this.#wide, this.position, end);
    if (!this.expecting) this.lastArrival = Math.max(this.lastArrival, end);
    if (made.concealed) this.#concealed += FRAME_SAMPLES;
    made.noMedia = Math.max(0, end - this.lastArrival);
    // Silence that was not sent is silence; of what was lost one can't tell.
    const lost = made.concealed && this.position < this.#timeline.lossEnd;
    const tone = this.#keys.hear(made, lost);
    this.#cutOut(tone, this.#keys.soundsUntil);
    // A key is no speech, though its tone begins like some, and its silence says nothing of how quiet the line is.
    if (this.#keys.isKey(this.position)) this.#speech.pass(this.position);
    else if (lost) this.#speech.miss(this.position);
    else if (made.concealed) this.#speech.pass(this.position);
    else this.#speech.hear(made.samples, made.at, this.position, this.#echo);
    made.speech = this.#speech.speech;
    made.undecided = this.#speech.undecided;
    made.speechOnset = this.#speech.onset;
    const press = this.#keys.before(end);
    made.tone = press?.key;
    made.toneOnset = press?.onset ?? 0;
    this.#history.keep(made);
    this.#dual?.keep(made, this.#wide?.samples, this.#played);
    this.position = end;
    this.#first.hear(made);
    this.#listener?.take(made);
  }

  /** A key is silence in a recording, as far as it is not settled: see Line.keyDelay. */
  #cutOut(from: number, to: number) {
    if (from >= to) return;
    this.#history.silence(from, to);
    this.#wide?.mute(from, Math.min(to, this.#wide.end));
    this.#dual?.mute(from, to);
  }

  #advance() {
    while (this.position + FRAME_SAMPLES <= this.#timeline.due) this.#make();
  }

  /** Sees to it that `[…, end)` can be written. */
  #makeRoom(end: number) {
    while (end - this.position > ROOM_SAMPLES && this.position + FRAME_SAMPLES <= this.#timeline.due)
      this.#make();
    return end - this.position <= ROOM_SAMPLES;
  }

  #mute(from: number, to: number) {
    const { mutedFrom, mutedTo } = this.#keys;
    if (from < mutedTo && to > mutedFrom)
      this.#history.silence(Math.max(from, mutedFrom), Math.min(to, mutedTo));
  }

  #arrived(now: number) {
    this.lastArrival = Math.max(
      this.lastArrival,
      Math.min(this.#timeline.expected(now), this.position + ROOM_SAMPLES),
    );
  }

  /** Position after the last frame that was made. */
  get position(): number {
    return this.#n[this.#at + POSITION]!;
  }
  private set position(value: number) {
    this.#n[this.#at + POSITION] = value;
  }
  /** Packets of audio that came when their time was over. */
  get late(): number {
    return this.#n[this.#at + LATE]!;
  }
  private set late(value: number) {
    this.#n[this.#at + LATE] = value;
  }
  private get expecting(): boolean {
    return this.#n[this.#at + EXPECTING] !== 0;
  }
  private set expecting(value: boolean) {
    this.#n[this.#at + EXPECTING] = value ? 1 : 0;
  }
  private get lastArrival(): number {
    return this.#n[this.#at + LAST_ARRIVAL]!;
  }
  private set lastArrival(value: number) {
    this.#n[this.#at + LAST_ARRIVAL] = value;
  }
}
