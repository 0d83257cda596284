import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { formatRtcp, parseRtcp, type ReportBlock, type RtcpPacket } from '../wire/rtcp.ts';
import { createPlayer, PACKET_BYTES } from './player.ts';
import { Reception } from './reception.ts';
import { createReports } from './reports.ts';

function block(reception: Reception, now = 0): ReportBlock {
  const report = reception.report(now);
  assert.ok(report);
  return report;
}

test('loss is counted over all and over the last interval, across a wrap of the sequence numbers', () => {
  const reception = new Reception();
  assert.equal(reception.report(0), undefined);
  for (let index = 0; index < 100; index++) {
    if (index % 4 !== 1) reception.packet(7, (0xfff0 + index) & 0xffff, index * 160, true, index * 20);
  }
  const first = block(reception);
  assert.deepEqual([first.lost, first.fractionLost, first.highestSequence], [25, 64, 0xfff0 + 99]);
  for (let index = 100; index < 200; index++) reception.packet(7, (0xfff0 + index) & 0xffff, 0, false, 0);
  const second = block(reception);
  assert.deepEqual([second.lost, second.fractionLost], [25, 0]);
});

test('duplicates make the loss negative, and late packets make it good', () => {
  const reception = new Reception();
  for (const sequence of [1, 2, 2, 2, 5, 4, 3]) reception.packet(7, sequence, 0, false, 0);
  assert.equal(block(reception).lost, -2);
});

test('jitter follows RFC 3550 A.8: none for an even stream, a sixteenth of each deviation else', () => {
  const even = new Reception();
  for (let index = 0; index < 50; index++) even.packet(7, index, index * 160, true, 1000 + index * 20);
  assert.equal(even.jitter, 0);
  const uneven = new Reception();
  for (let index = 0; index < 500; index++)
    uneven.packet(7, index, index * 160, true, index * 20 + (index % 2) * 10);
  assert.ok(Math.abs(uneven.jitter - 80) <= 2, `${uneven.jitter}`);
});

test('a source that changes or counts anew is a source without loss', () => {
  const reception = new Reception();
  for (let index = 0; index < 10; index++) reception.packet(7, index * 2, 0, false, 0);
  reception.packet(8, 5, 0, false, 0);
  assert.deepEqual([block(reception).ssrc, block(reception).lost], [8, 0]);
  reception.packet(8, 40_000, 0, false, 0);
  assert.equal(block(reception).lost, 0);
  assert.deepEqual([reception.expectedInAll, reception.receivedInAll], [19 + 1 + 1, 10 + 1 + 1]);
});

function setUp() {
  const clock = new VirtualClock();
  const reception = new Reception();
  const player = createPlayer({
    ssrc: 1,
    sequence: 0,
    timestamp: 1000,
    silence: 'always',
    buffers: [new Uint8Array(PACKET_BYTES)],
    transmit() {},
  });
  const reports = createReports({ ssrc: 1, cname: 'line', player, reception, clock, random: () => 0.5 });
  const due = () => {
    const bytes = reports.due(clock.monotonic());
    if (bytes === undefined) return undefined;
    const parsed = parseRtcp(bytes);
    assert.ok(parsed.ok);
    return parsed.packets;
  };
  return { clock, reception, player, reports, due };
}

test('a report comes after two and a half seconds, then every five', async () => {
  const { clock, due } = setUp();
  const at: number[] = [];
  for (let ms = 20; ms <= 20_000; ms += 20) {
    await clock.advance(20);
    if (due() !== undefined) at.push(ms);
  }
  assert.deepEqual(at, [2500, 7500, 12_500, 17_500]);
});

test('who has sent reports as sender, with both clocks; who has not, as receiver', async () => {
  const { clock, player, due } = setUp();
  await clock.advance(2500);
  const before = due();
  assert.deepEqual(before, [
    { type: 'RR', ssrc: 1, reports: [] },
    { type: 'SDES', chunks: [{ ssrc: 1, cname: 'line' }] },
  ] satisfies RtcpPacket[]);
  player.change({ codec: 'PCMU', payloadType: 0, eventPayloadType: undefined, packetTimeMs: 20 });
  for (let sent = 0; sent < 250; sent++) {
    await clock.advance(20);
    player.send(clock.monotonic());
  }
  const [report] = due()!;
  assert.ok(report?.type === 'SR');
  assert.deepEqual([report.sender.packets, report.sender.octets], [250, 40_000]);
  assert.equal(report.sender.ntpSeconds, Math.floor(clock.now() / 1000) + 2_208_988_800);
  assert.equal(report.sender.ntpFraction, 2 ** 31);
  assert.ok(Math.abs(report.sender.rtpTimestamp - (1000 + 249 * 160)) <= 160);
});

test('a receiver report answers the sender report: its time, and how long ago it came', async () => {
  const { clock, reception, reports, due } = setUp();
  reception.packet(9, 1, 0, true, clock.monotonic());
  const sender = {
    ntpSeconds: 0xaaaa1234,
    ntpFraction: 0x56780000,
    rtpTimestamp: 0,
    packets: 1,
    octets: 160,
  };
  assert.equal(
    reports.hear(formatRtcp([{ type: 'SR', ssrc: 9, sender, reports: [] }]), clock.monotonic()),
    true,
  );
  await clock.advance(2500);
  const [report] = due()!;
  assert.ok(report?.type === 'RR');
  assert.equal(report.reports[0]?.lastReport, 0x12345678);
  assert.equal(report.reports[0]?.sinceLastReport, 2.5 * 65_536);
});

test('what the far end says of us is kept, what is no RTCP is refused, and a goodbye is a whole compound packet', () => {
  const { clock, reports } = setUp();
  const said: ReportBlock = {
    ssrc: 1,
    fractionLost: 3,
    lost: 4,
    highestSequence: 5,
    jitter: 6,
    lastReport: 0,
    sinceLastReport: 0,
  };
  reports.hear(formatRtcp([{ type: 'RR', ssrc: 9, reports: [{ ...said, ssrc: 2, lost: 99 }, said] }]), 0);
  assert.deepEqual(reports.farEnd, said);
  assert.equal(reports.hear(Uint8Array.of(1, 2, 3), 0), false);
  const goodbye = parseRtcp(reports.goodbye(clock.monotonic()));
  assert.ok(goodbye.ok);
  assert.deepEqual(
    goodbye.packets.map((packet) => packet.type),
    ['RR', 'SDES', 'BYE'],
  );
});
