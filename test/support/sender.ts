/** What a caller sends, as RTP packets that a test can lose, swap and spoil before they become datagrams. */
import { KEYS } from '../../src/media/keys.ts';
import type { Key } from '../../src/media/line.ts';
import { eventBytes, type Happening, rtpBytes } from './wired-line.ts';

export interface Packet {
  /** When it arrives, ms. */
  readonly at: number;
  readonly payloadType: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly ssrc: number;
  readonly payload: Uint8Array;
}

export type Piece =
  /** G.711, a byte a sample. */
  | { readonly says: Uint8Array }
  /** Nothing is sent. */
  | { readonly pausesMs: number }
  /** Nothing but events is sent, one each packet time, the last of them three times at once. */
  | { readonly key: Key; readonly ms?: number };

export interface Sender {
  readonly packetMs?: number;
  readonly payloadType?: number;
  readonly eventType?: number;
  /** Timestamps for each sample. */
  readonly ticks?: number;
  readonly ssrc?: number;
  /** Of the first packet. */
  readonly sequence?: number;
  readonly timestamp?: number;
  /** When it begins to speak, ms: its first packet leaves when its last sample has been said. */
  readonly fromMs?: number;
}

const SAMPLES_PER_MS = 8;

/** One piece after the other. */
export function packetsOf(pieces: readonly Piece[], sender: Sender = {}): Packet[] {
  const { packetMs = 20, payloadType = 0, eventType = 101, ticks = 1, ssrc = 7, fromMs = 0 } = sender;
  const packetSamples = packetMs * SAMPLES_PER_MS;
  const packets: Packet[] = [];
  let samples = 0;
  let marker = true;
  const put = (sentAt: number, type: number, stampedAt: number, payload: Uint8Array) => {
    packets.push({
      at: fromMs + sentAt / SAMPLES_PER_MS,
      payloadType: type,
      sequence: ((sender.sequence ?? 0) + packets.length) & 0xffff,
      timestamp: ((sender.timestamp ?? 0) + ticks * stampedAt) >>> 0,
      marker,
      ssrc,
      payload,
    });
    marker = false;
  };
  for (const piece of pieces) {
    if ('says' in piece) {
      for (let from = 0; from < piece.says.length; from += packetSamples) {
        const payload = piece.says.subarray(from, from + packetSamples);
        put(samples + from + payload.length, payloadType, samples + from, payload);
      }
      samples += piece.says.length;
    } else if ('key' in piece) {
      const { key, ms = 100 } = piece;
      const last = ms * SAMPLES_PER_MS;
      marker = true;
      for (let lasted = Math.min(packetSamples, last); ; lasted = Math.min(lasted + packetSamples, last)) {
        for (let copy = 0; copy < (lasted === last ? 3 : 1); copy++)
          put(
            samples + lasted,
            eventType,
            samples,
            eventBytes(KEYS.indexOf(key), ticks * lasted, lasted === last),
          );
        if (lasted === last) break;
      }
      samples += last;
      marker = true;
    } else {
      samples += piece.pausesMs * SAMPLES_PER_MS;
      marker = true;
    }
  }
  return packets;
}

export function datagrams(packets: readonly Packet[]): Happening[] {
  return packets.map((packet) => ({ at: packet.at, bytes: rtpBytes(packet, packet.payload) }));
}
