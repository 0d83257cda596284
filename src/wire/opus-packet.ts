/**
 * How long an Opus packet is, without decoding it, and whether it is one at all (RFC 6716 §3). Level 0.
 *
 *      0 1 2 3 4 5 6 7
 *     +-+-+-+-+-+-+-+-+
 *     | config  |s| c |   then, by c: one frame (0), two of one size (1), two of their own (2), any number (3)
 *     +-+-+-+-+-+-+-+-+
 */

/** A packet lasts no longer (RFC 6716 §3.4, R5), in samples at 48 kHz. */
const LONGEST = 5760;
/** Of one frame, in bytes (R2). */
const LARGEST_FRAME = 1275;

/**
 * Samples at 48 kHz that `bytes[from…to)` stands for: 120–5760; −1 when it breaks one of the rules R1–R7 that every packet
 * keeps. Never throws.
 */
export function opusPacketLength(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < 1 || to > bytes.length) return -1; // R1
  const frames = frameCount(bytes, from, to);
  if (frames < 1) return -1;
  const length = frames * frameLength(bytes[from]! >> 3);
  return length <= LONGEST ? length : -1;
}

/** Table 2: SILK in 10–60 ms, both in 10 and 20 ms, CELT in 2.5–20 ms. */
function frameLength(config: number): number {
  if (config < 12) return (config & 3) === 3 ? 2880 : 480 << (config & 3);
  if (config < 16) return 480 << (config & 1);
  return 120 << (config & 3);
}

function frameCount(bytes: Uint8Array, from: number, to: number): number {
  const first = from + 1;
  const rest = to - first;
  switch (bytes[from]! & 3) {
    case 0:
      return rest <= LARGEST_FRAME ? 1 : -1;
    case 1: // R3
      return rest % 2 === 0 && rest / 2 <= LARGEST_FRAME ? 2 : -1;
    case 2: {
      // R4
      const size = sizeAt(bytes, first, to);
      const second = rest - sizeBytes(size) - size;
      return size >= 0 && second >= 0 && second <= LARGEST_FRAME ? 2 : -1;
    }
    default:
      return countOfAny(bytes, first, to);
  }
}

/** §3.2.5: a byte `v p count`, padding when `p`, sizes of all frames but the last when `v`. R6, R7. */
function countOfAny(bytes: Uint8Array, at: number, to: number): number {
  if (at >= to) return -1;
  const head = bytes[at]!;
  const count = head & 0x3f;
  let next = at + 1;
  let end = to;
  if (head & 0x40) {
    let more = true;
    while (more) {
      if (next >= end) return -1;
      const padding = bytes[next++]!;
      more = padding === 255;
      end -= more ? 254 : padding;
    }
  }
  if (end < next || count === 0) return -1;
  if ((head & 0x80) === 0) {
    const size = (end - next) / count;
    return Number.isInteger(size) && size <= LARGEST_FRAME ? count : -1;
  }
  for (let frame = 1; frame < count; frame++) {
    const size = sizeAt(bytes, next, end);
    if (size < 0) return -1;
    next += sizeBytes(size);
    end -= size;
  }
  return end >= next && end - next <= LARGEST_FRAME ? count : -1;
}

/** §3.2.1: one byte up to 251, else two; −1 when they are not there. */
function sizeAt(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  const first = bytes[at]!;
  if (first < 252) return first;
  return at + 1 < end ? first + 4 * bytes[at + 1]! : -1;
}

function sizeBytes(size: number): number {
  return size < 252 ? 1 : 2;
}
