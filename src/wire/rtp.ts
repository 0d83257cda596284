/**
 * RTP packets (RFC 3550 §5.1): the twelve bytes of the header and where the payload lies. Level 0.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                           timestamp                           |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                             SSRC                              |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |     CSRC … (CC words), then with X: profile, length, words    |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */

export const RTP_HEADER_BYTES = 12;

/** A packet as read; one is made and filled again for each packet, so that reading allocates nothing. */
export interface RtpPacket {
  payloadType: number;
  marker: boolean;
  /** 16 bits. */
  sequence: number;
  /** 32 bits, unsigned. */
  timestamp: number;
  /** 32 bits, unsigned. */
  ssrc: number;
  /** Where the payload begins and ends (exclusive) in the bytes; equal when it is empty. */
  payloadStart: number;
  payloadEnd: number;
}

/** What is wrong with a datagram that should be RTP. */
export type RtpFault = 'short' | 'version' | 'csrc' | 'extension' | 'padding';

/** An RtpPacket to read into. */
export function emptyRtpPacket(): RtpPacket {
  return {
    payloadType: 0,
    marker: false,
    sequence: 0,
    timestamp: 0,
    ssrc: 0,
    payloadStart: 0,
    payloadEnd: 0,
  };
}

/** Reads the packet in `bytes[from…to)`; returns the fault, with `packet` then undefined in content. Never throws. */
export function readRtp(
  bytes: Uint8Array,
  packet: RtpPacket,
  from = 0,
  to = bytes.length,
): RtpFault | undefined {
  if (to - from < RTP_HEADER_BYTES) return 'short';
  const first = bytes[from]!;
  if (first >> 6 !== 2) return 'version';
  let start = from + RTP_HEADER_BYTES + (first & 15) * 4;
  if (start > to) return 'csrc';
  if (first & 0x10) {
    if (start + 4 > to) return 'extension';
    start += 4 + ((bytes[start + 2]! << 8) | bytes[start + 3]!) * 4;
    if (start > to) return 'extension';
  }
  let end = to;
  if (first & 0x20) {
    const padding = bytes[to - 1]!;
    if (padding === 0 || start + padding > to) return 'padding';
    end -= padding;
  }
  packet.marker = (bytes[from + 1]! & 0x80) !== 0;
  packet.payloadType = bytes[from + 1]! & 0x7f;
  packet.sequence = (bytes[from + 2]! << 8) | bytes[from + 3]!;
  packet.timestamp =
    ((bytes[from + 4]! << 24) | (bytes[from + 5]! << 16) | (bytes[from + 6]! << 8) | bytes[from + 7]!) >>> 0;
  packet.ssrc =
    ((bytes[from + 8]! << 24) | (bytes[from + 9]! << 16) | (bytes[from + 10]! << 8) | bytes[from + 11]!) >>>
    0;
  packet.payloadStart = start;
  packet.payloadEnd = end;
  return undefined;
}

/** Writes a header without CSRC, extension or padding into the first twelve bytes. Numbers are cut to their width. */
export function writeRtpHeader(
  bytes: Uint8Array,
  payloadType: number,
  marker: boolean,
  sequence: number,
  timestamp: number,
  ssrc: number,
): void {
  bytes[0] = 0x80;
  bytes[1] = (marker ? 0x80 : 0) | (payloadType & 0x7f);
  bytes[2] = sequence >> 8;
  bytes[3] = sequence;
  bytes[4] = timestamp >>> 24;
  bytes[5] = timestamp >>> 16;
  bytes[6] = timestamp >>> 8;
  bytes[7] = timestamp;
  bytes[8] = ssrc >>> 24;
  bytes[9] = ssrc >>> 16;
  bytes[10] = ssrc >>> 8;
  bytes[11] = ssrc;
}
