/** A line without a network or a clock of its own: datagrams go in as bytes, at the moments that a script says. An hour takes a second. */
import { silentLog } from '../../src/log.ts';
import { audioOf, FRAME_SAMPLES, type Frame, type Key } from '../../src/media/line.ts';
import { RtpLine, type RtpLineOptions } from '../../src/media/rtp-line.ts';
import type { DatagramListener } from '../../src/media/rtp-sockets.ts';
import type { AudioParameters } from '../../src/media/session-description.ts';
import { TICK_MS, type Ticked } from '../../src/media/tick.ts';
import { type RtpPacket, writeRtpHeader } from '../../src/wire/rtp.ts';
import { writeTelephoneEvent } from '../../src/wire/telephone-event.ts';

/** `at`: ms since the line was connected. */
export type Happening =
  | { readonly at: number; readonly bytes: Uint8Array }
  | { readonly at: number; readonly happens: (line: RtpLine) => void };

export interface WiredLine {
  readonly line: RtpLine;
  /** Lets everything happen in its order until that time, tick by tick; each yields its time, in ms. */
  ticks(script: readonly Happening[], untilMs: number): Iterable<number>;
}

/** The caller's, and what they agreed on. */
const CALLER = { address: '192.0.2.1', port: 4000 };
export const USUAL: AudioParameters = {
  remote: { ...CALLER, rtcpPort: 4001 },
  codec: 'PCMU',
  sendPayloadType: 0,
  receive: { 0: 'PCMU', 8: 'PCMA', 13: 'CN', 101: 'telephone-event' },
  sendEventPayloadType: 101,
  sendEventClock: 8000,
  packetTimeMs: 20,
  direction: 'sendrecv',
};

/** Connected; the caller of this closes the line. */
export function wiredLine(
  parameters: Partial<AudioParameters> = {},
  options: Pick<RtpLineOptions, 'dtmf'> = {},
): WiredLine {
  let now = 0;
  let ticked: Ticked | undefined;
  const turn = { sendAt: 0, fillAt: 0, end: () => void (ticked = undefined) };
  let listener: DatagramListener | undefined;
  const rtcp = { port: CALLER.port + 1, sendsAtOnce: true, listen() {}, send() {}, close() {} };
  const rtp = {
    port: CALLER.port,
    sendsAtOnce: true,
    listen: (hears: DatagramListener) => void (listener = hears),
    send: (_bytes: Uint8Array, _port: number, _to: string, onSent: (error: Error | null) => void) =>
      onSent(null),
    close() {},
  };
  const never = { cancel() {} };
  const line = new RtpLine(
    { port: CALLER.port, rtp, rtcp, close() {} },
    {
      ...options,
      clock: { now: () => now, monotonic: () => now, after: () => never },
      log: silentLog,
      tick: {
        add(added) {
          ticked = added;
          return turn;
        },
      },
    },
  );
  line.connect({ ...USUAL, ...parameters });
  let nextTick = TICK_MS;
  const ticksUntil = function* (ms: number) {
    for (; nextTick <= ms; nextTick += TICK_MS) {
      now = nextTick;
      if (turn.sendAt <= now) ticked?.send(now);
      if (turn.fillAt <= now) ticked?.fill(now);
      yield now;
    }
  };
  return {
    line,
    *ticks(script, untilMs) {
      for (const happening of script.toSorted((a, b) => a.at - b.at)) {
        if (happening.at > untilMs) break;
        // What comes at the moment of a tick comes before it.
        yield* ticksUntil(Math.ceil(happening.at / TICK_MS - 1) * TICK_MS);
        now = happening.at;
        if ('happens' in happening) happening.happens(line);
        else listener?.datagram(happening.bytes, 0, happening.bytes.length, CALLER.address, CALLER.port, now);
      }
      yield* ticksUntil(untilMs);
    },
  };
}

/** A datagram. */
export function rtpBytes(
  packet: Partial<Omit<RtpPacket, 'payloadStart' | 'payloadEnd'>>,
  payload: Uint8Array,
): Uint8Array {
  const { payloadType = 0, marker = false, sequence = 0, timestamp = 0, ssrc = 7 } = packet;
  const bytes = new Uint8Array(12 + payload.length);
  writeRtpHeader(bytes, payloadType, marker, sequence, timestamp, ssrc);
  bytes.set(payload, 12);
  return bytes;
}

/** The payload of a telephone event. */
export function eventBytes(event: number, duration: number, end: boolean): Uint8Array {
  const bytes = new Uint8Array(4);
  writeTelephoneEvent(bytes, 0, { event, end, volume: 10, duration });
  return bytes;
}

export interface HeardOnWire {
  readonly keys: readonly {
    readonly key: Key;
    readonly onset: number;
    /** Position after the frame in which it was told. */
    readonly told: number;
  }[];
  /** As settled when the last frame but `settledAfter` came: what a recording has. */
  readonly samples: Int16Array;
  readonly concealed: number;
  /** Frames of speech. */
  readonly speech: number;
}

/** Listens from the beginning on. `keyDelay`: what was heard may change for so long, as for a recorder. */
export async function hearOnWire(
  wire: WiredLine,
  script: readonly Happening[],
  untilMs: number,
): Promise<HeardOnWire> {
  const { line } = wire;
  const keys: HeardOnWire['keys'][number][] = [];
  const parts: { readonly live: Int16Array; readonly kept: Int16Array }[] = [];
  let concealed = 0;
  let speech = 0;
  const over = new AbortController();
  const listened = line.listen(
    {
      hear: (frame: Readonly<Frame>) => {
        const { tone, toneOnset, position } = frame;
        if (tone !== undefined) keys.push({ key: tone, onset: toneOnset, told: position + FRAME_SAMPLES });
        if (frame.concealed) concealed++;
        if (frame.speech) speech++;
        const live = audioOf(frame);
        parts.push({ live, kept: live.slice() });
        const open = Math.ceil(line.keyDelay / FRAME_SAMPLES);
        for (const part of parts.slice(-1 - open)) part.kept.set(part.live);
      },
    },
    { from: 0, signal: over.signal },
  );
  for (const _ of wire.ticks(script, untilMs));
  over.abort();
  await listened;
  await line.close();
  const samples = new Int16Array(parts.length * FRAME_SAMPLES);
  for (const [index, { kept }] of parts.entries()) samples.set(kept, index * FRAME_SAMPLES);
  return { keys, samples, concealed, speech };
}
