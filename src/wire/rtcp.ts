/**
 * RTCP: sender and receiver reports, source description, goodbye (RFC 3550 §6). Level 0.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |V=2|P|   RC    |      PT       |   length in words − 1         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                         SSRC of sender                        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |  SR: NTP time (64 bits), RTP time, packets, octets; then RC × |
 *     |  SSRC, fraction lost (8) and lost (24), highest sequence,     |
 *     |  jitter, LSR, DLSR                                            |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */

export type RtcpPacket =
  | {
      readonly type: 'SR';
      readonly ssrc: number;
      readonly sender: SenderInfo;
      readonly reports: readonly ReportBlock[];
    }
  | { readonly type: 'RR'; readonly ssrc: number; readonly reports: readonly ReportBlock[] }
  | {
      readonly type: 'SDES';
      readonly chunks: readonly { readonly ssrc: number; readonly cname: string | undefined }[];
    }
  | { readonly type: 'BYE'; readonly sources: readonly number[] };

/** RFC 3550 §6.4.1. */
export interface SenderInfo {
  /** Seconds since 1900 and their fraction, 32 bits each. */
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
}

/** What a receiver says of one source. */
export interface ReportBlock {
  readonly ssrc: number;
  /** Of the packets since the last report, in 256ths. */
  readonly fractionLost: number;
  /** In all, signed 24 bits: duplicates make it negative. */
  readonly lost: number;
  /** The highest sequence number, with the count of its wraps in the upper 16 bits. */
  readonly highestSequence: number;
  /** In timestamp units. */
  readonly jitter: number;
  /** The middle 32 bits of the NTP time of the last sender report, and how long ago it came, in 65,536ths of a second; 0 when none came. */
  readonly lastReport: number;
  readonly sinceLastReport: number;
}

export type ParsedRtcp =
  | { readonly ok: true; readonly packets: readonly RtcpPacket[] }
  | { readonly ok: false; readonly reason: 'short' | 'version' | 'length' | 'notAReport' | 'count' };

const SR = 200;
const RR = 201;
const SDES = 202;
const BYE = 203;
const CNAME = 1;
const SENDER_BYTES = 20;
const BLOCK_BYTES = 24;

/** Reads a compound packet; the types that we don't know are left out. Never throws. */
export function parseRtcp(bytes: Uint8Array): ParsedRtcp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: RtcpPacket[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 4) return { ok: false, reason: 'short' };
    if (bytes[at]! >> 6 !== 2) return { ok: false, reason: 'version' };
    const type = bytes[at + 1]!;
    // RFC 3550 A.2: the first of a compound packet is a report.
    if (at === 0 && type !== SR && type !== RR) return { ok: false, reason: 'notAReport' };
    const end = at + 4 + view.getUint16(at + 2) * 4;
    if (end > bytes.length) return { ok: false, reason: 'length' };
    const packet = readPacket(
      type,
      bytes[at]! & 31,
      new DataView(view.buffer, view.byteOffset + at + 4, end - at - 4),
    );
    if (packet === 'count') return { ok: false, reason: 'count' };
    if (packet !== undefined) packets.push(packet);
    at = end;
  }
  return packets.length > 0 ? { ok: true, packets } : { ok: false, reason: 'short' };
}

/** `body` begins after the first word; `'count'`: it is too short for what it says is in it. */
function readPacket(type: number, count: number, body: DataView): RtcpPacket | 'count' | undefined {
  if (type === SR || type === RR) {
    const blocks = type === SR ? 4 + SENDER_BYTES : 4;
    if (body.byteLength < blocks + count * BLOCK_BYTES) return 'count';
    const ssrc = body.getUint32(0);
    const reports = Array.from({ length: count }, (_, index) =>
      readBlock(body, blocks + index * BLOCK_BYTES),
    );
    return type === SR
      ? { type: 'SR', ssrc, sender: readSender(body), reports }
      : { type: 'RR', ssrc, reports };
  }
  if (type === BYE) {
    if (body.byteLength < count * 4) return 'count';
    return { type: 'BYE', sources: Array.from({ length: count }, (_, index) => body.getUint32(index * 4)) };
  }
  return type === SDES ? readDescription(count, body) : undefined;
}

function readSender(body: DataView): SenderInfo {
  return {
    ntpSeconds: body.getUint32(4),
    ntpFraction: body.getUint32(8),
    rtpTimestamp: body.getUint32(12),
    packets: body.getUint32(16),
    octets: body.getUint32(20),
  };
}

function readBlock(body: DataView, at: number): ReportBlock {
  return {
    ssrc: body.getUint32(at),
    fractionLost: body.getUint8(at + 4),
    lost: (body.getInt32(at + 4) << 8) >> 8,
    highestSequence: body.getUint32(at + 8),
    jitter: body.getUint32(at + 12),
    lastReport: body.getUint32(at + 16),
    sinceLastReport: body.getUint32(at + 20),
  };
}

/** RFC 3550 §6.5: chunks of SSRC and items, ended by a zero and filled up to a whole word. */
function readDescription(count: number, body: DataView): RtcpPacket | 'count' {
  const chunks: { ssrc: number; cname: string | undefined }[] = [];
  let at = 0;
  for (let chunk = 0; chunk < count; chunk++) {
    if (at + 4 > body.byteLength) return 'count';
    const ssrc = body.getUint32(at);
    let cname: string | undefined;
    at += 4;
    for (;;) {
      if (at >= body.byteLength) return 'count';
      const item = body.getUint8(at);
      if (item === 0) break;
      if (at + 2 > body.byteLength) return 'count';
      const length = body.getUint8(at + 1);
      if (at + 2 + length > body.byteLength) return 'count';
      if (item === CNAME) {
        cname = Buffer.from(body.buffer, body.byteOffset + at + 2, length).toString('utf8');
      }
      at += 2 + length;
    }
    at = (at & ~3) + 4;
    chunks.push({ ssrc, cname });
  }
  return { type: 'SDES', chunks };
}

/** A compound packet. The caller puts a report first (RFC 3550 §6.1); a CNAME is cut to 255 bytes. */
export function formatRtcp(packets: readonly RtcpPacket[]): Buffer {
  return Buffer.concat(packets.map(formatPacket));
}

function formatPacket(packet: RtcpPacket): Buffer {
  switch (packet.type) {
    case 'SR': {
      const bytes = start(SR, packet.reports.length, 4 + SENDER_BYTES + packet.reports.length * BLOCK_BYTES);
      bytes.writeUInt32BE(packet.ssrc, 4);
      bytes.writeUInt32BE(packet.sender.ntpSeconds, 8);
      bytes.writeUInt32BE(packet.sender.ntpFraction, 12);
      bytes.writeUInt32BE(packet.sender.rtpTimestamp, 16);
      bytes.writeUInt32BE(packet.sender.packets >>> 0, 20);
      bytes.writeUInt32BE(packet.sender.octets >>> 0, 24);
      for (const [index, block] of packet.reports.entries())
        writeBlock(bytes, 28 + index * BLOCK_BYTES, block);
      return bytes;
    }
    case 'RR': {
      const bytes = start(RR, packet.reports.length, 4 + packet.reports.length * BLOCK_BYTES);
      bytes.writeUInt32BE(packet.ssrc, 4);
      for (const [index, block] of packet.reports.entries())
        writeBlock(bytes, 8 + index * BLOCK_BYTES, block);
      return bytes;
    }
    case 'SDES': {
      const chunks = packet.chunks.map(({ ssrc, cname }) => {
        const text = Buffer.from(cname ?? '').subarray(0, 255);
        const items = cname === undefined ? 0 : 2 + text.length;
        const bytes = Buffer.alloc(4 + ((items + 4) & ~3));
        bytes.writeUInt32BE(ssrc, 0);
        if (cname !== undefined) {
          bytes[4] = CNAME;
          bytes[5] = text.length;
          text.copy(bytes, 6);
        }
        return bytes;
      });
      const body = Buffer.concat(chunks);
      return Buffer.concat([start(SDES, chunks.length, body.length).subarray(0, 4), body]);
    }
    case 'BYE': {
      const bytes = start(BYE, packet.sources.length, packet.sources.length * 4);
      for (const [index, ssrc] of packet.sources.entries()) bytes.writeUInt32BE(ssrc, 4 + index * 4);
      return bytes;
    }
  }
}

function start(type: number, count: number, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(4 + bodyBytes);
  bytes[0] = 0x80 | count;
  bytes[1] = type;
  bytes.writeUInt16BE(bodyBytes / 4, 2);
  return bytes;
}

function writeBlock(bytes: Buffer, at: number, block: ReportBlock): void {
  bytes.writeUInt32BE(block.ssrc, at);
  bytes.writeInt32BE(Math.max(-0x800000, Math.min(0x7fffff, block.lost)) & 0xffffff, at + 4);
  bytes[at + 4] = block.fractionLost;
  bytes.writeUInt32BE(block.highestSequence >>> 0, at + 8);
  bytes.writeUInt32BE(block.jitter >>> 0, at + 12);
  bytes.writeUInt32BE(block.lastReport >>> 0, at + 16);
  bytes.writeUInt32BE(block.sinceLastReport >>> 0, at + 20);
}
