/** Opus packets in and out of Ogg files (RFC 3533, RFC 7845), for programs that take nothing else. */

/** The audio packets of an Ogg Opus file with one stream. */
export function packetsOf(file: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  for (let at = 0; at + 27 <= file.length; ) {
    const segments = file[at + 26]!;
    let data = at + 27 + segments;
    for (let segment = 0; segment < segments; segment++) {
      const size = file[at + 27 + segment]!;
      parts.push(file.subarray(data, data + size));
      data += size;
      if (size === 255) continue;
      packets.push(Buffer.concat(parts));
      parts = [];
    }
    at = data;
  }
  return packets.slice(2);
}

/** An Ogg Opus file of mono packets, each `packetMs` long. */
export function fileOf(packets: readonly Uint8Array[], packetMs: number): Buffer {
  const head = Buffer.from('OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0', 'latin1');
  const tags = Buffer.concat([Buffer.from('OpusTags'), Buffer.alloc(8)]);
  const pages = [page(head, 0, 2, 0), page(tags, 1, 0, 0)];
  for (const [index, packet] of packets.entries()) {
    const last = index === packets.length - 1;
    pages.push(page(packet, index + 2, last ? 4 : 0, (index + 1) * packetMs * 48));
  }
  return Buffer.concat(pages);
}

function page(packet: Uint8Array, sequence: number, flags: number, granule: number): Buffer {
  const full = Math.floor(packet.length / 255);
  const header = Buffer.alloc(27 + full + 1, 255);
  header.write('OggS\0', 'latin1');
  header[5] = flags;
  header.writeBigInt64LE(BigInt(granule), 6);
  header.writeUInt32LE(1, 14);
  header.writeUInt32LE(sequence, 18);
  header.writeUInt32LE(0, 22);
  header[26] = full + 1;
  header[27 + full] = packet.length % 255;
  const whole = Buffer.concat([header, packet]);
  whole.writeUInt32LE(checksum(whole), 22);
  return whole;
}

/** RFC 3533 §6: polynomial 0x04c11db7, nothing inverted. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) sum = sum < 0 ? (sum << 1) ^ 0x04c1_1db7 : sum << 1;
  }
  return sum >>> 0;
}
