import { encodeMuLaw } from './mu-law.ts';
import type { Packet } from './sender.ts';

/** One RTP packet of a made capture. */
export interface CapturedPacket {
  readonly atMs: number;
  readonly payloadType: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Uint8Array;
}

/** G.711 µ-law packets of `packetMs` for `samples`, the first at `fromMs`. */
export function speechPackets(
  samples: Int16Array,
  { fromMs = 0, packetMs = 20, sequence = 1 } = {},
): CapturedPacket[] {
  const perPacket = packetMs * 8;
  const packets: CapturedPacket[] = [];
  for (let at = 0; at + perPacket <= samples.length; at += perPacket) {
    packets.push({
      atMs: fromMs + at / 8,
      payloadType: 0,
      sequence: sequence + packets.length,
      timestamp: fromMs * 8 + at,
      marker: at === 0,
      payload: encodeMuLaw(samples.subarray(at, at + perPacket)),
    });
  }
  return packets;
}

const EVENTS = '0123456789*#ABCD';

/** A key as RFC 4733 events: 5 packets of 20 ms, the last repeated twice more. */
export function keyPackets(
  key: string,
  { atMs, sequence, payloadType = 101 }: { atMs: number; sequence: number; payloadType?: number },
) {
  const event = EVENTS.indexOf(key);
  const packets: CapturedPacket[] = [];
  for (let i = 0; i < 7; i++) {
    const duration = Math.min(i + 1, 5) * 160;
    const end = i >= 4;
    packets.push({
      atMs: atMs + Math.min(i, 4) * 20 + Math.max(0, i - 4),
      payloadType,
      sequence: sequence + i,
      timestamp: atMs * 8,
      marker: i === 0,
      payload: Uint8Array.of(event, (end ? 0x80 : 0) | 10, duration >> 8, duration & 255),
    });
  }
  return packets;
}

/** What `sender.ts` makes, as a capture. */
export function capturedPackets(packets: readonly Packet[]): readonly CapturedPacket[] {
  return packets.toSorted((a, b) => a.at - b.at).map(({ at, ...packet }) => ({ ...packet, atMs: at }));
}

/** A pcap file (Ethernet, IPv4, UDP) that sipp's play_pcap_audio takes. */
export function pcapFile(packets: readonly CapturedPacket[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  return Buffer.concat([header, ...packets.map(record)]);
}

function record(packet: CapturedPacket): Buffer {
  const length = 14 + 20 + 8 + 12 + packet.payload.length;
  const bytes = Buffer.alloc(16 + length);
  const atUs = Math.round((packet.atMs + 1000) * 1000);
  bytes.writeUInt32LE(Math.floor(atUs / 1e6), 0);
  bytes.writeUInt32LE(atUs % 1e6, 4);
  bytes.writeUInt32LE(length, 8);
  bytes.writeUInt32LE(length, 12);
  bytes.writeUInt16BE(0x0800, 28);
  bytes.writeUInt8(0x45, 30);
  bytes.writeUInt16BE(length - 14, 32);
  bytes.writeUInt8(64, 38);
  bytes.writeUInt8(17, 39);
  bytes.writeUInt32BE(0x7f000001, 42);
  bytes.writeUInt32BE(0x7f000001, 46);
  bytes.writeUInt16BE(6000, 50);
  bytes.writeUInt16BE(6000, 52);
  bytes.writeUInt16BE(length - 34, 54);
  bytes.writeUInt8(0x80, 58);
  bytes.writeUInt8((packet.marker ? 0x80 : 0) | packet.payloadType, 59);
  bytes.writeUInt16BE(packet.sequence & 0xffff, 60);
  bytes.writeUInt32BE(packet.timestamp >>> 0, 62);
  bytes.writeUInt32BE(0x5eed1234, 66);
  bytes.set(packet.payload, 70);
  return bytes;
}
