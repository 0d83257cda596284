/** What comes on media ports, and what RTP carries. */
import assert from 'node:assert/strict';
import { opusPacketLength } from '../../../src/wire/opus-packet.ts';
import { formatRtcp, parseRtcp, type RtcpPacket } from '../../../src/wire/rtcp.ts';
import { emptyRtpPacket, RTP_HEADER_BYTES, readRtp, writeRtpHeader } from '../../../src/wire/rtp.ts';
import { emptyTelephoneEvent, readTelephoneEvent } from '../../../src/wire/telephone-event.ts';
import { mutated } from '../mutations.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

const PACKET = emptyRtpPacket();
const EVENT = emptyTelephoneEvent();

export const rtp: Target = {
  name: 'rtp',
  about: 'RTP packets, telephone events and Opus packets: no throw, the payload lies within the bytes',
  make: (random) => mutated(rtpPacket(random), random, [rtpPacket(random), random.bytes(40)]),
  check(input) {
    const fault = readRtp(input, PACKET);
    if (fault !== undefined) return;
    const { payloadStart, payloadEnd, payloadType, marker, sequence, timestamp, ssrc } = PACKET;
    assert.ok(payloadStart >= RTP_HEADER_BYTES && payloadStart <= payloadEnd && payloadEnd <= input.length);
    const header = Buffer.alloc(RTP_HEADER_BYTES);
    writeRtpHeader(header, payloadType, marker, sequence, timestamp, ssrc);
    assert.deepEqual(header.subarray(1), input.subarray(1, RTP_HEADER_BYTES));
    readTelephoneEvent(input, payloadStart, payloadEnd, EVENT);
    const length = opusPacketLength(input, payloadStart, payloadEnd);
    assert.ok(length === -1 || (length >= 120 && length <= 5760), `${length} samples`);
  },
};

export const rtcp: Target = {
  name: 'rtcp',
  about: 'RTCP compound packets: no throw, what is read is written and read again the same',
  make: (random) => mutated(rtcpPacket(random), random, [rtcpPacket(random), random.bytes(40)]),
  check(input) {
    const parsed = parseRtcp(input);
    if (!parsed.ok) return;
    const again = parseRtcp(formatRtcp(parsed.packets));
    assert.ok(again.ok);
    // A name that was no UTF-8 may have become too long, its bytes having been replaced, and is cut.
    if (!JSON.stringify(parsed.packets).includes('\ufffd')) assert.deepEqual(again.packets, parsed.packets);
  },
};

/** A whole one, of a header with and without what may stand in it. */
export function rtpPacket(random: Random, payload = random.bytes(random.length(200))): Buffer {
  const header = Buffer.alloc(RTP_HEADER_BYTES);
  writeRtpHeader(
    header,
    random.pick([0, 8, 9, 13, 101, 111]),
    random.oneIn(2),
    random.int(65_536),
    random.int(2 ** 32),
    7,
  );
  const csrc = random.oneIn(4) ? random.int(16) : 0;
  const extension = random.oneIn(4) ? random.length(40) : undefined;
  const padding = random.oneIn(4) ? 1 + random.int(20) : 0;
  header[0] = 0x80 | csrc | (extension === undefined ? 0 : 0x10) | (padding > 0 ? 0x20 : 0);
  const extensionBytes = Buffer.alloc(extension === undefined ? 0 : 4 + 4 * extension);
  if (extension !== undefined) extensionBytes.writeUInt16BE(extension, 2);
  return Buffer.concat([
    header,
    random.bytes(4 * csrc),
    extensionBytes,
    payload,
    Buffer.alloc(padding, padding),
  ]);
}

export function rtcpPacket(random: Random): Buffer {
  const number = () => random.int(2 ** 32);
  const block = () => ({
    ssrc: number(),
    fractionLost: random.int(256),
    lost: random.int(2 ** 24) - 2 ** 23,
    highestSequence: number(),
    jitter: number(),
    lastReport: number(),
    sinceLastReport: number(),
  });
  const blocks = () => Array.from({ length: random.int(4) }, block);
  const sender = {
    ntpSeconds: number(),
    ntpFraction: number(),
    rtpTimestamp: number(),
    packets: number(),
    octets: number(),
  };
  const packets: RtcpPacket[] = [
    random.oneIn(2)
      ? { type: 'RR', ssrc: 7, reports: blocks() }
      : { type: 'SR', ssrc: 7, sender, reports: blocks() },
  ];
  if (random.oneIn(2))
    packets.push({ type: 'SDES', chunks: [{ ssrc: 7, cname: 'a'.repeat(random.length(255)) }] });
  if (random.oneIn(2)) packets.push({ type: 'BYE', sources: [7, number()] });
  return formatRtcp(packets);
}
