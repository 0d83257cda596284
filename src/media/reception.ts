/**
 * What a receiver report says of the caller's stream (RFC 3550 §6.4.1, A.1, A.3, A.8). Pure; nothing is allocated per packet.
 */
import type { ReportBlock, SenderInfo } from '../wire/rtcp.ts';
import { LINE_RATE } from './line.ts';

/** RFC 3550 A.1: a sequence number further off than this is a sender that counts anew. */
const DROPOUT = 3000;
const MISORDER = 100;

export interface Reception {
  /** Packets of the current source that arrived, and how many it should have been. */
  readonly received: number;
  readonly expected: number;
  /** Interarrival jitter, samples. */
  readonly jitter: number;
  /** `timed`: its timestamp tells when it was sent, which that of an event does not. */
  packet(ssrc: number, sequence: number, timestamp: number, timed: boolean, now: number): void;
  /** A sender report of the caller arrived. */
  senderReport(ssrc: number, sender: SenderInfo, now: number): void;
  /** The block for the next report, `undefined` while nothing came; begins a new interval of `fractionLost`. */
  report(now: number): ReportBlock | undefined;
}

export function createReception(): Reception {
  let known = false;
  let source = 0;
  let base = 0;
  let highest = 0;
  let cycles = 0;
  let received = 0;
  let expectedBefore = 0;
  let receivedBefore = 0;
  let transit = 0;
  let timedBefore = false;
  let jitter16 = 0;
  let reportOf = 0;
  let lastReport = 0;
  let lastReportAt = 0;

  const begin = (ssrc: number, sequence: number) => {
    known = true;
    source = ssrc;
    base = highest = sequence;
    cycles = received = expectedBefore = receivedBefore = jitter16 = 0;
    timedBefore = false;
  };
  const expected = () => (known ? cycles + highest - base + 1 : 0);

  return {
    get received() {
      return received;
    },
    get expected() {
      return expected();
    },
    get jitter() {
      return jitter16 >> 4;
    },
    packet(ssrc, sequence, timestamp, timed, now) {
      if (!known || ssrc !== source) begin(ssrc, sequence);
      const ahead = (sequence - highest) & 0xffff;
      if (ahead < DROPOUT) {
        if (sequence < highest) cycles += 0x10000;
        highest = sequence;
      } else if (ahead <= 0x10000 - MISORDER) begin(ssrc, sequence);
      received++;
      if (!timed) return;
      const arrival = Math.round((now * LINE_RATE) / 1000) | 0;
      const nextTransit = (arrival - timestamp) | 0;
      if (timedBefore) {
        const difference = Math.min(Math.abs((nextTransit - transit) | 0), 0xffffff);
        jitter16 += difference - ((jitter16 + 8) >> 4);
      }
      transit = nextTransit;
      timedBefore = true;
    },
    senderReport(ssrc, sender, now) {
      reportOf = ssrc;
      lastReport = ((sender.ntpSeconds << 16) | (sender.ntpFraction >>> 16)) >>> 0;
      lastReportAt = now;
    },
    report(now) {
      if (!known) return undefined;
      const nowExpected = expected();
      const lostNow = nowExpected - expectedBefore - (received - receivedBefore);
      const interval = nowExpected - expectedBefore;
      expectedBefore = nowExpected;
      receivedBefore = received;
      const reported = lastReport !== 0 && reportOf === source;
      return {
        ssrc: source,
        fractionLost: interval > 0 && lostNow > 0 ? Math.min(255, Math.floor((lostNow * 256) / interval)) : 0,
        lost: nowExpected - received,
        highestSequence: (cycles + highest) >>> 0,
        jitter: jitter16 >> 4,
        lastReport: reported ? lastReport : 0,
        sinceLastReport: reported ? Math.round(((now - lastReportAt) * 65536) / 1000) >>> 0 : 0,
      };
    },
  };
}
