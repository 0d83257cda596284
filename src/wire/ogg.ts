/**
 * Ogg pages (RFC 3533) and the two headers of Opus in Ogg (RFC 7845): as much as it takes to write a file.
 */

/** What `OpusHead` says of the stream. */
export interface OpusStream {
  readonly channels: 1 | 2;
  /** Samples at 48 kHz that a decoder throws away at the beginning. */
  readonly preSkip: number;
  /** Hz of what was encoded; for information. */
  readonly inputRate: number;
}

const SEGMENT = 255;
const MOST_SEGMENTS = 255;
const FIRST = 0x02;
const LAST = 0x04;

/** RFC 7845 §5.1: "OpusHead", version 8, channels 8, pre-skip 16, input rate 32, output gain 16, mapping family 8; little-endian. */
export function opusHead({ channels, preSkip, inputRate }: OpusStream): Buffer {
  const head = Buffer.alloc(19);
  head.write('OpusHead', 'latin1');
  head.writeUInt8(1, 8);
  head.writeUInt8(channels, 9);
  head.writeUInt16LE(preSkip, 10);
  head.writeUInt32LE(inputRate, 12);
  return head;
}

/** RFC 7845 §5.2: "OpusTags", vendor length 32, vendor, number of comments 32. */
export function opusTags(vendor: string): Buffer {
  const name = Buffer.from(vendor, 'utf8');
  const tags = Buffer.alloc(16 + name.length);
  tags.write('OpusTags', 'latin1');
  tags.writeUInt32LE(name.length, 8);
  name.copy(tags, 12);
  return tags;
}

/** One logical stream, page by page. */
export class OggStream {
  readonly #serial: number;
  #sequence = 0;

  constructor(serial: number) {
    this.#serial = serial;
  }

  /**
   * A page of whole packets.
   *
   * @param granule of the last packet: for Opus, samples at 48 kHz up to its end, pre-skip included
   * @throws RangeError when they need more than 255 segments; see `segmentsOf`
   */
  page(packets: readonly Uint8Array[], granule: number, last = false): Buffer {
    const lacing = packets.flatMap(({ length }) => [
      ...Array<number>(Math.floor(length / SEGMENT)).fill(SEGMENT),
      length % SEGMENT,
    ]);
    if (lacing.length > MOST_SEGMENTS)
      throw new RangeError(`${lacing.length} segments do not fit into a page`);
    // "OggS", version 8, flags 8, granule position 64, serial 32, sequence 32, checksum 32, segments 8, lacing values.
    const header = Buffer.alloc(27);
    header.write('OggS', 'latin1');
    header.writeUInt8((this.#sequence === 0 ? FIRST : 0) | (last ? LAST : 0), 5);
    header.writeBigUInt64LE(BigInt(granule), 6);
    header.writeUInt32LE(this.#serial, 14);
    header.writeUInt32LE(this.#sequence++, 18);
    header.writeUInt8(lacing.length, 26);
    const page = Buffer.concat([header, Buffer.from(lacing), ...packets]);
    page.writeUInt32LE(checksum(page), 22);
    return page;
  }
}

/** How many of a page's 255 segments a packet of so many bytes takes. */
export const segmentsOf = (bytes: number): number => Math.floor(bytes / SEGMENT) + 1;

/** RFC 3533 §6 (9): polynomial 0x04c11db7, nothing reflected or inverted, over the page with a checksum of 0. */
function checksum(page: Uint8Array): number {
  let sum = 0;
  for (const byte of page) sum = (sum << 8) ^ TABLE[(sum >>> 24) ^ byte]!;
  return sum >>> 0;
}

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 24;
  for (let bit = 0; bit < 8; bit++) sum = sum < 0 ? (sum << 1) ^ 0x04c1_1db7 : sum << 1;
  return sum;
});
