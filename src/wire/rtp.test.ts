import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyRtpPacket, RTP_HEADER_BYTES, readRtp, writeRtpHeader } from './rtp.ts';

const PLAIN = Uint8Array.of(
  0x80, // version 2, no padding, no extension, no CSRC
  0x80, // marker, payload type 0
  ...[0xfe, 0xdc], // sequence
  ...[0xff, 0x00, 0x00, 0x01], // timestamp
  ...[0xde, 0xad, 0xbe, 0xef], // SSRC
  ...[0xff, 0x7f, 0x00], // payload
);

const EVERYTHING = Uint8Array.of(
  0xb2, // version 2, padding, extension, two CSRCs
  0x65, // no marker, payload type 101
  ...[0x00, 0x01],
  ...[0x00, 0x00, 0x00, 0xa0],
  ...[0x00, 0x00, 0x00, 0x07],
  ...[1, 1, 1, 1, 2, 2, 2, 2], // CSRCs
  ...[0xbe, 0xde, 0x00, 0x01], // extension profile, one word
  ...[0x10, 0xff, 0x00, 0x00],
  ...[42, 43], // payload
  ...[0, 0, 3], // padding, its length in the last byte
);

test('a plain packet is read field by field', () => {
  const packet = emptyRtpPacket();
  assert.equal(readRtp(PLAIN, packet), undefined);
  assert.deepEqual(packet, {
    payloadType: 0,
    marker: true,
    sequence: 0xfedc,
    timestamp: 0xff000001,
    ssrc: 0xdeadbeef,
    payloadStart: 12,
    payloadEnd: 15,
  });
});

test('CSRCs, an extension and padding are stepped over', () => {
  const packet = emptyRtpPacket();
  assert.equal(readRtp(EVERYTHING, packet), undefined);
  assert.deepEqual([...EVERYTHING.subarray(packet.payloadStart, packet.payloadEnd)], [42, 43]);
  assert.equal(packet.payloadType, 101);
  assert.equal(packet.marker, false);
});

test('a packet cut off in its header is refused with the reason, at every byte', () => {
  const packet = emptyRtpPacket();
  const faults = Array.from({ length: 28 }, (_, length) => {
    const cut = EVERYTHING.slice(0, length);
    if (length > 0) cut[0]! &= ~0x20;
    return readRtp(cut, packet);
  });
  assert.deepEqual(faults.slice(0, 12), Array(12).fill('short'));
  assert.deepEqual(faults.slice(12, 20), Array(8).fill('csrc'));
  assert.deepEqual(faults.slice(20, 28), Array(8).fill('extension'));
});

test('padding of nothing, or of more than there is, is refused', () => {
  const packet = emptyRtpPacket();
  for (const padding of [0, 6, 255]) {
    const bytes = EVERYTHING.slice();
    bytes[bytes.length - 1] = padding;
    assert.equal(readRtp(bytes, packet), 'padding');
  }
});

test('another version is refused', () => {
  const packet = emptyRtpPacket();
  for (const first of [0x00, 0x40, 0xc0]) {
    assert.equal(readRtp(Uint8Array.of(first, ...PLAIN.subarray(1)), packet), 'version');
  }
});

test('what was written is read again', () => {
  const packet = emptyRtpPacket();
  fc.assert(
    fc.property(
      fc.nat(127),
      fc.boolean(),
      fc.nat(0xffff),
      fc.nat(0xffffffff),
      fc.nat(0xffffffff),
      (payloadType, marker, sequence, timestamp, ssrc) => {
        const bytes = new Uint8Array(RTP_HEADER_BYTES + 1);
        writeRtpHeader(bytes, payloadType, marker, sequence, timestamp, ssrc);
        assert.equal(readRtp(bytes, packet), undefined);
        assert.deepEqual(packet, {
          payloadType,
          marker,
          sequence,
          timestamp,
          ssrc,
          payloadStart: 12,
          payloadEnd: 13,
        });
      },
    ),
  );
});

test('any bytes are read or refused, and the payload of what is read lies within them', () => {
  const packet = emptyRtpPacket();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      if (bytes.length > 0) bytes[0] = (bytes[0]! & 0x3f) | 0x80;
      if (readRtp(bytes, packet) !== undefined) return;
      assert.ok(RTP_HEADER_BYTES <= packet.payloadStart);
      assert.ok(packet.payloadStart <= packet.payloadEnd && packet.payloadEnd <= bytes.length);
    }),
    { numRuns: 1000 },
  );
});
