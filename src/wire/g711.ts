/**
 * G.711: µ-law (PCMU) and A-law (PCMA), one byte a sample, to 16 bit linear and back by table.
 * ITU-T G.711; RFC 3551 §4.5.14 for its use in RTP. Level 0.
 */

/** A companding law, under RTP's names. */
export type G711 = 'PCMU' | 'PCMA';

/** The byte for a sample of 0: what silence is filled with. */
export const SILENCE: Readonly<Record<G711, number>> = { PCMU: 0xff, PCMA: 0xd5 };

const ULAW_TO_LINEAR = new Int16Array(256).map((_, byte) => ulawToLinear(byte));
const ALAW_TO_LINEAR = new Int16Array(256).map((_, byte) => alawToLinear(byte));
/** Indexed by the sample's 16 bits as an unsigned number. */
const LINEAR_TO_ULAW = new Uint8Array(65536).map((_, bits) => linearToUlaw((bits << 16) >> 16));
const LINEAR_TO_ALAW = new Uint8Array(65536).map((_, bits) => linearToAlaw((bits << 16) >> 16));

/** Decodes `bytes[from…to)` into `samples` from index `at` on; the caller sees to it that both have the room. */
export function decodeG711(
  law: G711,
  bytes: Uint8Array,
  from: number,
  to: number,
  samples: Int16Array,
  at: number,
): void {
  const table = law === 'PCMU' ? ULAW_TO_LINEAR : ALAW_TO_LINEAR;
  for (let read = from, write = at; read < to; read++, write++) samples[write] = table[bytes[read]!]!;
}

/** Encodes `samples[from…to)` into `bytes` from index `at` on; the caller sees to it that both have the room. */
export function encodeG711(
  law: G711,
  samples: Int16Array,
  from: number,
  to: number,
  bytes: Uint8Array,
  at: number,
): void {
  const table = law === 'PCMU' ? LINEAR_TO_ULAW : LINEAR_TO_ALAW;
  for (let read = from, write = at; read < to; read++, write++)
    bytes[write] = table[samples[read]! & 0xffff]!;
}

/** Sign, three bits of segment, four of step, all inverted; 33 is the bias that makes segment 0 start at 0. */
function ulawToLinear(byte: number): number {
  const code = ~byte & 0xff;
  const segment = (code >> 4) & 7;
  const magnitude = ((((code & 15) << 1) + 33) << segment) - 33;
  return (code & 0x80 ? -magnitude : magnitude) << 2;
}

function linearToUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const biased = Math.min(Math.abs(sample), 32635) + 132;
  const segment = 24 - Math.clz32(biased);
  return ~(sign | (segment << 4) | ((biased >> (segment + 3)) & 15)) & 0xff;
}

/** Every other bit is inverted (0x55); segments 0 and 1 share a step size. */
function alawToLinear(byte: number): number {
  const code = byte ^ 0x55;
  const segment = (code >> 4) & 7;
  const step = ((code & 15) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 256) << (segment - 1);
  return code & 0x80 ? magnitude : -magnitude;
}

function linearToAlaw(sample: number): number {
  const sign = sample < 0 ? 0 : 0x80;
  // One's complement for negative samples, so that the decision levels lie symmetrically about zero.
  const magnitude = sample < 0 ? ~sample : sample;
  const segment = Math.max(0, 24 - Math.clz32(magnitude));
  const step = segment === 0 ? magnitude >> 4 : magnitude >> (segment + 3);
  return (sign | (segment << 4) | (step & 15)) ^ 0x55;
}
