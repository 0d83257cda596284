/**
 * The layout of SRTP and SRTCP packets (RFC 3711 §3.1, §3.4) and the arithmetic of their indices. Level 0.
 *
 *     SRTP:   RTP header | encrypted payload | tag (10 bytes)
 *     SRTCP:  RTCP header and SSRC (8 bytes) | encrypted rest | E | index (31 bits) | tag (10 bytes)
 */

/** Of AES_CM_128_HMAC_SHA1_80 (RFC 5764 §4.1.2). */
export const SRTP_TAG_BYTES = 10;
/** What an SRTCP packet is longer than RTCP. */
export const SRTCP_TRAILER_BYTES = 4 + SRTP_TAG_BYTES;
/** What SRTCP leaves in the clear. */
export const SRTCP_CLEAR_BYTES = 8;

/** How many bytes the header of the RTP packet in `bytes[from…to)` has, which are not encrypted; −1: it is no RTP. Never throws. */
export function rtpHeaderBytes(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < 12 || bytes[from]! >> 6 !== 2) return -1;
  let length = 12 + (bytes[from]! & 15) * 4;
  if (bytes[from]! & 0x10) {
    if (from + length + 4 > to) return -1;
    length += 4 + ((bytes[from + length + 2]! << 8) | bytes[from + length + 3]!) * 4;
  }
  return from + length > to ? -1 : length;
}

/**
 * The 48 bits (roll-over counter and sequence number) of a packet, when those of the newest before it were `highest` (RFC 3711 §3.3.1, appendix
 * A). Negative: from before the first wrap.
 */
export function guessIndex(highest: number, sequence: number): number {
  const last = highest % 0x10000;
  const rolled = highest - last;
  if (last < 0x8000 && sequence - last > 0x8000) return rolled - 0x10000 + sequence;
  if (last >= 0x8000 && last - 0x8000 > sequence) return rolled + 0x10000 + sequence;
  return rolled + sequence;
}

/** RFC 3711 §4.1.1: the counter's first block, from the session salt (14 bytes), the source and the packet's index. */
export function writeCounter(block: Uint8Array, salt: Uint8Array, ssrc: number, index: number): void {
  const low = index >>> 0;
  const high = Math.floor(index / 2 ** 32);
  block.set(salt);
  block[4]! ^= ssrc >>> 24;
  block[5]! ^= ssrc >>> 16;
  block[6]! ^= ssrc >>> 8;
  block[7]! ^= ssrc;
  block[8]! ^= high >>> 8;
  block[9]! ^= high;
  block[10]! ^= low >>> 24;
  block[11]! ^= low >>> 16;
  block[12]! ^= low >>> 8;
  block[13]! ^= low;
  block[14] = block[15] = 0;
}

/** 32 bits from there, unsigned. */
export function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
