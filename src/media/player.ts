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
/** A packet that the kernel could not take at once is still read from its buffer; the next ones go into others. */
const BUFFERS = 4;
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

/** `ssrc`, `sequence` and `timestamp` are random (RFC 3550 §5.1). `transmit` gets bytes that stay untouched for three more packets. */
export function createPlayer(options: {
  readonly ssrc: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly silence: SendSilence;
  readonly transmit: (bytes: Uint8Array) => void;
}): Player {
  const { ssrc, transmit } = options;
  const buffers = Array.from({ length: BUFFERS }, () => Buffer.alloc(RTP_HEADER_BYTES + MOST_PAYLOAD_BYTES));
  let sending: Sending | undefined;
  let encoder: WideEncoder | undefined;
  let encodes: Codec | undefined;
  /** RTP timestamps in a millisecond. */
  let ticksPerMs = SAMPLES_PER_MS;
  let muted = false;
  let activity: Activity | undefined;
  let sequence = options.sequence & 0xffff;
  let timestamp = options.timestamp >>> 0;
  let nextAt = Number.NaN;
  let packets = 0;
  let octets = 0;
  /** Whether the packet before this one, in time, was sent: else the next begins a talkspurt and bears the marker. */
  let contiguous = false;
  let opening = OPENING_BURST_MS;
  let silentMs = 0;
  /** Nothing was to be sent, and `send` may not have been called for long. */
  let parked = false;

  const put = (payloadType: number, marker: boolean, at: number, payloadBytes: number) => {
    const buffer = buffers[packets % BUFFERS]!;
    writeRtpHeader(buffer, payloadType, marker, sequence, at, ssrc);
    sequence = (sequence + 1) & 0xffff;
    packets++;
    octets += payloadBytes;
    silentMs = 0;
    transmit(buffer.subarray(0, RTP_HEADER_BYTES + payloadBytes));
  };

  const sendAudio = (sound: Sound, from: number, packetSamples: number, marker: boolean) => {
    if (sending === undefined) return;
    if (isWide(sending.codec)) return sendWide(sound, from, packetSamples, marker);
    const audio = sound.narrow;
    const payload = buffers[packets % BUFFERS]!;
    const to = muted ? from : Math.min(audio.length, from + packetSamples);
    encodeG711(sending.codec, audio, from, to, payload, RTP_HEADER_BYTES);
    payload.fill(SILENCE[sending.codec], RTP_HEADER_BYTES + to - from, RTP_HEADER_BYTES + packetSamples);
    put(sending.payloadType, marker, timestamp, packetSamples);
  };

  const sendWide = ({ wide = NOTHING }: Sound, from: number, packetSamples: number, marker: boolean) => {
    if (sending === undefined || encoder === undefined) return;
    const count = 2 * packetSamples;
    const to = muted ? 2 * from : Math.min(wide.length, 2 * from + count);
    for (let i = 0; i < count; i++) WIDE[i] = 2 * from + i < to ? wide[2 * from + i]! : 0;
    const bytes = encoder.encode(WIDE, 0, count, buffers[packets % BUFFERS]!, RTP_HEADER_BYTES);
    if (bytes > 0) put(sending.payloadType, marker, timestamp, bytes);
  };

  const sendSilence = (packetMs: number) => {
    silentMs += packetMs;
    const always = options.silence === 'always' || opening > 0;
    if (sending === undefined || (!always && silentMs < KEEP_ALIVE_MS)) {
      contiguous = false;
      return;
    }
    sendAudio(SILENT, 0, packetMs * SAMPLES_PER_MS, always && !contiguous);
    contiguous = always;
    opening -= packetMs;
  };

  const run = (signal: AbortSignal, step: Activity['step']) => {
    if (activity !== undefined)
      return Promise.reject(new TonearmError('lineBusy', 'the line is playing already'));
    if (signal.aborted) return Promise.resolve(false);
    return new Promise<boolean>((resolve, reject) => {
      const onAbort = () => running.settle(false);
      const over = () => {
        signal.removeEventListener('abort', onAbort);
        if (activity === running) activity = undefined;
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
      activity = running;
      signal.addEventListener('abort', onAbort, { once: true });
    });
  };

  /** One press: updates, then its end three times at their interval, then the gap. */
  const press = (key: Key, duration: number, gap: number): Activity['step'] => {
    const event = { event: KEYS.indexOf(key), end: false, volume: KEY_VOLUME, duration: 0 };
    let began: number | undefined;
    let ends = 0;
    let passed = 0;
    return (packetSamples) => {
      const marker = began === undefined;
      began ??= timestamp;
      passed += packetSamples;
      const ticks = (sending?.eventClock ?? LINE_RATE) / LINE_RATE;
      event.duration = Math.min(LONGEST_EVENT, ticks * Math.min(duration, passed));
      event.end = passed >= duration;
      if (event.end) ends++;
      const payloadType = sending?.eventPayloadType;
      if (ends <= END_PACKETS && payloadType !== undefined) {
        writeTelephoneEvent(buffers[packets % BUFFERS]!, RTP_HEADER_BYTES, event);
        put(payloadType, marker, began, 4);
      }
      contiguous = false;
      return ends >= END_PACKETS && passed >= duration + gap;
    };
  };

  const slot = (packetMs: number) => {
    const current = activity;
    const packetSamples = packetMs * SAMPLES_PER_MS;
    if (current === undefined) sendSilence(packetMs);
    else if (current.step(packetSamples)) current.settle(true);
    timestamp = (timestamp + packetMs * ticksPerMs) >>> 0;
  };

  /** Time in which nothing was sent. */
  const passBy = (ms: number) => {
    nextAt += ms;
    timestamp = (timestamp + ms * ticksPerMs) >>> 0;
    silentMs += ms;
    contiguous = false;
  };

  return {
    get packets() {
      return packets;
    },
    get octets() {
      return octets;
    },
    timestamp(now) {
      const since = Number.isNaN(nextAt) ? 0 : (now - nextAt) * ticksPerMs;
      return (timestamp + Math.round(since)) >>> 0;
    },
    change(next) {
      if (next === undefined) contiguous = false;
      sending = next;
      if (next === undefined || next.codec === encodes) return;
      encoder?.close();
      encodes = next.codec;
      encoder = isWide(next.codec) ? openEncoder(next.codec) : undefined;
      ticksPerMs = CODECS[next.codec].ticksPerPosition * SAMPLES_PER_MS;
    },
    send(now) {
      const packetMs = sending?.packetTimeMs ?? 20;
      if (Number.isNaN(nextAt)) nextAt = now;
      const behind = Math.floor((now - nextAt) / packetMs);
      if (behind > 0 && (parked || behind * packetMs > MOST_BEHIND_MS)) passBy(behind * packetMs);
      while (nextAt <= now + EARLY_MS) {
        nextAt += packetMs;
        slot(packetMs);
      }
      parked =
        activity === undefined &&
        (sending === undefined || (opening <= 0 && options.silence === 'keepalive'));
      if (!parked) return nextAt - EARLY_MS;
      return sending === undefined ? Infinity : nextAt + KEEP_ALIVE_MS - silentMs - packetMs - EARLY_MS;
    },
    play(sound, signal) {
      if (sound.narrow.length === 0) return Promise.resolve(!signal.aborted);
      const { narrow } = sound;
      // Only what is short has to be widened here: prompts bring it with them.
      const both = encoder === undefined ? sound : { narrow, wide: sound.wide ?? upsampled(narrow) };
      let at = 0;
      return run(signal, (packetSamples) => {
        sendAudio(both, at, packetSamples, !contiguous);
        contiguous = sending !== undefined;
        at += packetSamples;
        return at >= narrow.length;
      });
    },
    async keys(keys, durationMs, gapMs, signal) {
      if (sending !== undefined && sending.eventPayloadType === undefined) {
        throw new TonearmError(
          'noTelephoneEvents',
          'the far end did not agree to telephone-event: keys cannot be sent',
        );
      }
      const duration = Math.min(8000, Math.max(10, durationMs)) * SAMPLES_PER_MS;
      for (const key of keys) {
        if (!(await run(signal, press(key, duration, gapMs * SAMPLES_PER_MS)))) return false;
      }
      return true;
    },
    mute(now) {
      muted = now;
    },
    fail(error) {
      activity?.fail(error);
    },
    stop() {
      activity?.settle(false);
      encoder?.close();
      encoder = encodes = undefined;
      sending = undefined;
    },
  };
}

const NOTHING = new Int16Array(0);
const SILENT: Sound = { narrow: NOTHING, wide: NOTHING };
/** Filled and read at once: one for all. */
const WIDE = new Int16Array(2 * LONGEST_PACKET_MS * SAMPLES_PER_MS);
