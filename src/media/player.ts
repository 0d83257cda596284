/**
 * What a line sends: audio, keys, and enough silence to be known as alive. It turns the time it is told into packets; whoever
 * owns the socket sends them.
 */
import { TonearmError } from '../errors.ts';
import { encodeG711, SILENCE } from '../wire/g711.ts';
import { RTP_HEADER_BYTES, writeRtpHeader } from '../wire/rtp.ts';
import { writeTelephoneEvent } from '../wire/telephone-event.ts';
import { upsampled } from '../wire/upsample.ts';
import { CODECS, type Codec, isWide, MOST_PAYLOAD_BYTES, openEncoder, type WideEncoder } from './codecs.ts';
import { KEYS } from './keys.ts';
import { type Key, LINE_RATE } from './line.ts';
import type { Sound } from './played.ts';
import type { AudioParameters } from './session-description.ts';

/**
 * What is sent while there is nothing to say. `always`: a packet of silence each packet time. `keepalive`: one a second, which is RTP as it may
 * be at any time (silence suppression, RFC 3551 §4.1), for a fiftieth of the work.
 */
export type SendSilence = 'always' | 'keepalive';

/** How we send, as offer/answer settled it. */
export interface Sending {
  readonly codec: Codec;
  readonly payloadType: number;
  /** `undefined`: the far end takes no keys. */
  readonly eventPayloadType: number | undefined;
  /** Hz; default 8000. */
  readonly eventClock?: 8000 | 48_000 | undefined;
  /** One of the codec's. */
  readonly packetTimeMs: number;
}

/** `undefined` when the direction is not to send. */
export function sendingOf(parameters: AudioParameters): Sending | undefined {
  if (parameters.direction === 'recvonly' || parameters.direction === 'inactive') return undefined;
  return {
    codec: parameters.codec,
    payloadType: parameters.sendPayloadType,
    eventPayloadType: parameters.sendEventPayloadType,
    eventClock: parameters.sendEventClock,
    packetTimeMs: packetTimeOf(parameters),
  };
}

/** The longest that the codec can make and that is no longer than what is wanted. */
function packetTimeOf({ codec, packetTimeMs }: AudioParameters): number {
  const times = CODECS[codec].packetTimesMs;
  const wanted = Math.min(LONGEST_PACKET_MS, Math.max(10, Math.round(packetTimeMs)));
  // Phones ask for odd times of G.711, and it can make any.
  return isWide(codec) ? (times.findLast((time) => time <= wanted) ?? times[0] ?? 20) : wanted;
}

export interface Player {
  /** Packets and payload octets sent, for sender reports. */
  readonly packets: number;
  readonly octets: number;
  /** The RTP timestamp that `now` has. */
  timestamp(now: number): number;
  /** How to send from now on; `undefined`: not at all (hold), while what plays goes by unheard in its time. */
  change(sending: Sending | undefined): void;
  /** Sends what is due; returns when there is more to send, unless `play`, `keys` or `change` comes before. */
  send(now: number): number;
  /** `true` when the last sample was sent, `false` when `signal` aborted. One of `play` and `keys` at a time. */
  play(sound: Sound, signal: AbortSignal): Promise<boolean>;
  /** `durationMs` 10–8000. Throws TonearmError `noTelephoneEvents` when the far end takes none. */
  keys(keys: readonly Key[], durationMs: number, gapMs: number, signal: AbortSignal): Promise<boolean>;
  /** While muted, silence is sent in the place of audio; keys are sent all the same. */
  mute(muted: boolean): void;
  /** What plays rejects with `error`. */
  fail(error: Error): void;
  /** What plays ends as if aborted, and nothing is sent any more. */
  stop(): void;
}

const SAMPLES_PER_MS = LINE_RATE / 1000;
/**
 * At first: opens the pinholes on the way, and tells the far end's symmetric RTP and jitter buffer where we are, though some be lost.
 */
const OPENING_BURST_MS = 100;
/**
 * Between packets of silence: well within the shortest time-outs in use (RFC 6263 §4 wants one each 15 s for the path's sake; phones and
 * session border controllers give up on media after 5–60 s).
 */
const KEEP_ALIVE_MS = 1000;
/** A timer may fire early by this much of a packet's time. */
const EARLY_MS = 5;
/** A process that was held up for longer does not make up for what it did not send. */
const MOST_BEHIND_MS = 200;
const LONGEST_PACKET_MS = 60;
/** The longest packet. */
export const PACKET_BYTES = RTP_HEADER_BYTES + MOST_PAYLOAD_BYTES;
/** RFC 4733 §2.5.1.4: the final packet of an event is sent three times. */
const END_PACKETS = 3;
const KEY_VOLUME = 10;
/** 16 bits: 8 s at 8,000 Hz, 1.4 s at 48,000. */
const LONGEST_EVENT = 0xffff;

/** Something that takes its time, packet by packet; `step` sends one and tells whether it was the last. */
interface Activity {
  step(packetSamples: number): boolean;
  settle(done: boolean): void;
  fail(error: Error): void;
}

export interface PlayerOptions {
  /** These three are random (RFC 3550 §5.1). */
  readonly ssrc: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly silence: SendSilence;
  /** What packets are made in, in turn, of PACKET_BYTES each; as many as `transmit` may still be reading. */
  readonly buffers: readonly Uint8Array[];
  readonly transmit: (bytes: Uint8Array) => void;
}

export function createPlayer(options: PlayerOptions): Player {
  return new PacketPlayer(options);
}

/** One a line: a class, as hearing.ts says why. */
class PacketPlayer implements Player {
  readonly #options: PlayerOptions;
  #sending: Sending | undefined;
  #encoder: WideEncoder | undefined;
  #encodes: Codec | undefined;
  /** RTP timestamps in a millisecond. */
  #ticksPerMs = SAMPLES_PER_MS;
  #muted = false;
  #activity: Activity | undefined;
  #sequence: number;
  #timestamp: number;
  #nextAt = Number.NaN;
  #packets = 0;
  #octets = 0;
  /** Whether the packet before this one, in time, was sent: else the next begins a talkspurt and bears the marker. */
  #contiguous = false;
  #opening = OPENING_BURST_MS;
  #silentMs = 0;
  /** Nothing was to be sent, and `send` may not have been called for long. */
  #parked = false;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#sequence = options.sequence & 0xffff;
    this.#timestamp = options.timestamp >>> 0;
  }

  get packets(): number {
    return this.#packets;
  }

  get octets(): number {
    return this.#octets;
  }

  timestamp(now: number): number {
    const since = Number.isNaN(this.#nextAt) ? 0 : (now - this.#nextAt) * this.#ticksPerMs;
    return (this.#timestamp + Math.round(since)) >>> 0;
  }

  change(next: Sending | undefined): void {
    if (next === undefined) this.#contiguous = false;
    this.#sending = next;
    if (next === undefined || next.codec === this.#encodes) return;
    this.#encoder?.close();
    this.#encodes = next.codec;
    this.#encoder = isWide(next.codec) ? openEncoder(next.codec) : undefined;
    this.#ticksPerMs = CODECS[next.codec].ticksPerPosition * SAMPLES_PER_MS;
  }

  send(now: number): number {
    const packetMs = this.#sending?.packetTimeMs ?? 20;
    if (Number.isNaN(this.#nextAt)) this.#nextAt = now;
    const behind = Math.floor((now - this.#nextAt) / packetMs);
    if (behind > 0 && (this.#parked || behind * packetMs > MOST_BEHIND_MS)) this.#passBy(behind * packetMs);
    while (this.#nextAt <= now + EARLY_MS) {
      this.#nextAt += packetMs;
      this.#slot(packetMs);
    }
    this.#parked =
      this.#activity === undefined &&
      !this.#hasTail &&
      (this.#sending === undefined || (this.#opening <= 0 && this.#options.silence === 'keepalive'));
    if (!this.#parked) return this.#nextAt - EARLY_MS;
    if (this.#sending === undefined) return Infinity;
    return this.#nextAt + KEEP_ALIVE_MS - this.#silentMs - packetMs - EARLY_MS;
  }

  play(sound: Sound, signal: AbortSignal): Promise<boolean> {
    if (sound.narrow.length === 0) return Promise.resolve(!signal.aborted);
    const { narrow } = sound;
    // Only what is short has to be widened here: prompts bring it with them.
    const both = this.#encoder === undefined ? sound : { narrow, wide: sound.wide ?? upsampled(narrow) };
    let at = 0;
    return this.#run(signal, (packetSamples) => {
      this.#sendAudio(both, at, packetSamples, !this.#contiguous);
      this.#contiguous = this.#sending !== undefined;
      at += packetSamples;
      return at >= narrow.length;
    });
  }

  async keys(keys: readonly Key[], durationMs: number, gapMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#sending !== undefined && this.#sending.eventPayloadType === undefined) {
      throw new TonearmError(
        'noTelephoneEvents',
        'the far end did not agree to telephone-event: keys cannot be sent',
      );
    }
    const duration = Math.min(8000, Math.max(10, durationMs)) * SAMPLES_PER_MS;
    for (const key of keys) {
      if (!(await this.#run(signal, this.#press(key, duration, gapMs * SAMPLES_PER_MS)))) return false;
    }
    return true;
  }

  mute(muted: boolean): void {
    this.#muted = muted;
  }

  fail(error: Error): void {
    this.#activity?.fail(error);
  }

  stop(): void {
    this.#activity?.settle(false);
    this.#encoder?.close();
    this.#encoder = this.#encodes = undefined;
    this.#sending = undefined;
  }

  /** An encoder that looks ahead has the last of what was played in it still: one packet more, and it is out. */
  get #hasTail(): boolean {
    return this.#contiguous && this.#encoder !== undefined;
  }

  /** What the next packet is made in. */
  get #buffer(): Uint8Array {
    const { buffers } = this.#options;
    return buffers[this.#packets % buffers.length]!;
  }

  #put(payloadType: number, marker: boolean, at: number, payloadBytes: number) {
    const buffer = this.#buffer;
    writeRtpHeader(buffer, payloadType, marker, this.#sequence, at, this.#options.ssrc);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#packets++;
    this.#octets += payloadBytes;
    this.#silentMs = 0;
    this.#options.transmit(buffer.subarray(0, RTP_HEADER_BYTES + payloadBytes));
  }

  #sendAudio(sound: Sound, from: number, packetSamples: number, marker: boolean) {
    const sending = this.#sending;
    if (sending === undefined) return;
    if (isWide(sending.codec)) return this.#sendWide(sending, sound, from, packetSamples, marker);
    const audio = sound.narrow;
    const payload = this.#buffer;
    const to = this.#muted ? from : Math.min(audio.length, from + packetSamples);
    encodeG711(sending.codec, audio, from, to, payload, RTP_HEADER_BYTES);
    payload.fill(SILENCE[sending.codec], RTP_HEADER_BYTES + to - from, RTP_HEADER_BYTES + packetSamples);
    this.#put(sending.payloadType, marker, this.#timestamp, packetSamples);
  }

  #sendWide(
    sending: Sending,
    { wide = NOTHING }: Sound,
    from: number,
    packetSamples: number,
    marker: boolean,
  ) {
    if (this.#encoder === undefined) return;
    const count = 2 * packetSamples;
    const to = this.#muted ? 2 * from : Math.min(wide.length, 2 * from + count);
    for (let i = 0; i < count; i++) WIDE[i] = 2 * from + i < to ? wide[2 * from + i]! : 0;
    const bytes = this.#encoder.encode(WIDE, 0, count, this.#buffer, RTP_HEADER_BYTES);
    if (bytes > 0) this.#put(sending.payloadType, marker, this.#timestamp, bytes);
  }

  #sendSilence(packetMs: number) {
    this.#silentMs += packetMs;
    const always = this.#options.silence === 'always' || this.#opening > 0;
    if (this.#sending === undefined || (!always && !this.#hasTail && this.#silentMs < KEEP_ALIVE_MS)) {
      this.#contiguous = false;
      return;
    }
    this.#sendAudio(SILENT, 0, packetMs * SAMPLES_PER_MS, always && !this.#contiguous);
    this.#contiguous = always;
    this.#opening -= packetMs;
  }

  #run(signal: AbortSignal, step: Activity['step']): Promise<boolean> {
    if (this.#activity !== undefined)
      return Promise.reject(new TonearmError('lineBusy', 'the line is playing already'));
    if (signal.aborted) return Promise.resolve(false);
    return new Promise<boolean>((resolve, reject) => {
      const onAbort = () => running.settle(false);
      const over = () => {
        signal.removeEventListener('abort', onAbort);
        if (this.#activity === running) this.#activity = undefined;
      };
      const running: Activity = {
        step,
        settle(done) {
          over();
          resolve(done);
        },
        fail(error) {
          over();
          reject(error);
        },
      };
      this.#activity = running;
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** One press: updates, then its end three times at their interval, then the gap. */
  #press(key: Key, duration: number, gap: number): Activity['step'] {
    const event = { event: KEYS.indexOf(key), end: false, volume: KEY_VOLUME, duration: 0 };
    let began: number | undefined;
    let ends = 0;
    let passed = 0;
    return (packetSamples) => {
      const marker = began === undefined;
      began ??= this.#timestamp;
      passed += packetSamples;
      const ticks = (this.#sending?.eventClock ?? LINE_RATE) / LINE_RATE;
      event.duration = Math.min(LONGEST_EVENT, ticks * Math.min(duration, passed));
      event.end = passed >= duration;
      if (event.end) ends++;
      const payloadType = this.#sending?.eventPayloadType;
      if (ends <= END_PACKETS && payloadType !== undefined) {
        writeTelephoneEvent(this.#buffer, RTP_HEADER_BYTES, event);
        this.#put(payloadType, marker, began, 4);
      }
      this.#contiguous = false;
      return ends >= END_PACKETS && passed >= duration + gap;
    };
  }

  #slot(packetMs: number) {
    const current = this.#activity;
    const packetSamples = packetMs * SAMPLES_PER_MS;
    if (current === undefined) this.#sendSilence(packetMs);
    else if (current.step(packetSamples)) current.settle(true);
    this.#timestamp = (this.#timestamp + packetMs * this.#ticksPerMs) >>> 0;
  }

  /** Time in which nothing was sent. */
  #passBy(ms: number) {
    this.#nextAt += ms;
    this.#timestamp = (this.#timestamp + ms * this.#ticksPerMs) >>> 0;
    this.#silentMs += ms;
    this.#contiguous = false;
  }
}

const NOTHING = new Int16Array(0);
const SILENT: Sound = { narrow: NOTHING, wide: NOTHING };
/** Filled and read at once: one for all. */
const WIDE = new Int16Array(2 * LONGEST_PACKET_MS * SAMPLES_PER_MS);
