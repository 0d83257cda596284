import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatRtcp, parseRtcp, type ReportBlock, type RtcpPacket } from './rtcp.ts';

const COMPOUND = Uint8Array.of(
  ...[0x81, 200, 0, 12], // SR, one report block, 13 words
  ...[0, 0, 0, 7], // SSRC of the sender
  ...[0xe0, 0, 0, 1, 0x80, 0, 0, 0], // NTP seconds and fraction: half a second
  ...[0, 0, 0x1f, 0x40], // RTP timestamp 8000
  ...[0, 0, 0, 50], // packets
  ...[0, 0, 0x1f, 0x40], // octets
  ...[0, 0, 0, 9], // report on SSRC 9
  ...[0x40, 0xff, 0xff, 0xfe], // a quarter lost lately, −2 in all
  ...[0, 1, 0, 5], // highest sequence 5, wrapped once
  ...[0, 0, 0, 16], // jitter
  ...[0, 1, 0x80, 0], // LSR
  ...[0, 1, 0, 0], // DLSR: one second
  ...[0x81, 202, 0, 3], // SDES, one chunk, 4 words
  ...[0, 0, 0, 7, 1, 3, 0x61, 0x40, 0x62, 0, 0, 0], // CNAME a@b, end, filling
  ...[0x81, 203, 0, 1], // BYE of one source
  ...[0, 0, 0, 7],
);

const PACKETS: RtcpPacket[] = [
  {
    type: 'SR',
    ssrc: 7,
    sender: {
      ntpSeconds: 0xe0000001,
      ntpFraction: 0x80000000,
      rtpTimestamp: 8000,
      packets: 50,
      octets: 8000,
    },
    reports: [
      {
        ssrc: 9,
        fractionLost: 64,
        lost: -2,
        highestSequence: 0x10005,
        jitter: 16,
        lastReport: 0x18000,
        sinceLastReport: 0x10000,
      },
    ],
  },
  { type: 'SDES', chunks: [{ ssrc: 7, cname: 'a@b' }] },
  { type: 'BYE', sources: [7] },
];

test('a compound packet is read field by field, and written the same', () => {
  assert.deepEqual(parseRtcp(COMPOUND), { ok: true, packets: PACKETS });
  assert.deepEqual(Uint8Array.from(formatRtcp(PACKETS)), COMPOUND);
});

test('a compound packet cut off anywhere but between its parts is refused', () => {
  for (let length = 0; length < COMPOUND.length; length++) {
    const parsed = parseRtcp(COMPOUND.subarray(0, length));
    assert.equal(parsed.ok, length === 52 || length === 68, `cut at ${length}`);
  }
});

test('a part cut off within, its length made to fit, is refused', () => {
  const parts = [COMPOUND.subarray(0, 52), COMPOUND.subarray(52, 68)];
  for (const part of parts) {
    for (let words = 0; words < part.length / 4 - 1; words++) {
      const cut = Uint8Array.from(part.subarray(0, 4 + words * 4));
      cut[3] = words;
      const report = cut[1] === 202 ? [0x80, 201, 0, 1, 0, 0, 0, 7] : [];
      assert.equal(parseRtcp(Uint8Array.of(...report, ...cut)).ok, false, `type ${cut[1]}, ${words} words`);
    }
  }
});

test('what is no report, or not RTCP at all, is refused with the reason', () => {
  assert.deepEqual(parseRtcp(COMPOUND.subarray(52)), { ok: false, reason: 'notAReport' });
  assert.deepEqual(parseRtcp(Uint8Array.of(0x41, ...COMPOUND.subarray(1))), { ok: false, reason: 'version' });
});

test('parts of other types are stepped over', () => {
  const app = [0x80, 204, 0, 1, 0, 0, 0, 7];
  const parsed = parseRtcp(Uint8Array.of(...COMPOUND.subarray(0, 52), ...app, ...COMPOUND.subarray(52)));
  assert.deepEqual(parsed, { ok: true, packets: PACKETS });
});

const uint32 = fc.nat(0xffffffff);
const block: fc.Arbitrary<ReportBlock> = fc.record(
  {
    ssrc: uint32,
    fractionLost: fc.nat(255),
    lost: fc.integer({ min: -0x800000, max: 0x7fffff }),
    highestSequence: uint32,
    jitter: uint32,
    lastReport: uint32,
    sinceLastReport: uint32,
  },
  { noNullPrototype: true },
);

test('what was written is read again', () => {
  const reports = fc.array(block, { maxLength: 31 });
  const cname = fc.option(fc.string({ maxLength: 60 }), { nil: undefined });
  fc.assert(
    fc.property(uint32, reports, cname, (ssrc, blocks, name) => {
      const packets: RtcpPacket[] = [
        { type: 'RR', ssrc, reports: blocks },
        { type: 'SDES', chunks: [{ ssrc, cname: name }] },
      ];
      assert.deepEqual(parseRtcp(formatRtcp(packets)), { ok: true, packets });
    }),
  );
});

test('any bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(200, 201, 202, 203), (bytes, type) => {
      if (bytes.length > 3) bytes.set([0x80 | (bytes[0]! & 31), type, 0, bytes[3]! & 31]);
      const report = [0x80, 201, 0, 1, 0, 0, 0, 7];
      parseRtcp(bytes);
      parseRtcp(Uint8Array.of(...report, ...bytes));
    }),
    { numRuns: 2000 },
  );
});
