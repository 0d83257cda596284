/**
 * What a receiver report says of the caller's stream (RFC 3550 §6.4.1, A.1, A.3, A.8). Pure; nothing is allocated per packet.
 */
import type { ReportBlock, SenderInfo } from '../wire/rtcp.ts';
import { LINE_RATE } from './line.ts';

/** RFC 3550 A.1: a sequence number further off than this is a sender that counts anew. */
const DROPOUT = 3000;
const MISORDER = 100;

export class Reception {
  #known = false;
  #source = 0;
  #base = 0;
  #highest = 0;
  #cycles = 0;
  #received = 0;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #transit = 0;
  #timedBefore = false;
  #jitter16 = 0;
  #reportOf = 0;
  #lastReport = 0;
  #lastReportAt = 0;

  /** Packets of the current source that arrived, and how many it should have been. */
  get received(): number {
    return this.#received;
  }

  get expected(): number {
    return this.#expected();
  }

  /** Interarrival jitter, samples. */
  get jitter(): number {
    return this.#jitter16 >> 4;
  }

  /** `timed`: its timestamp tells when it was sent, which that of an event does not. */
  packet(ssrc: number, sequence: number, timestamp: number, timed: boolean, now: number): void {
    if (!this.#known || ssrc !== this.#source) this.#begin(ssrc, sequence);
    const ahead = (sequence - this.#highest) & 0xffff;
    if (ahead < DROPOUT) {
      if (sequence < this.#highest) this.#cycles += 0x10000;
      this.#highest = sequence;
    } else if (ahead <= 0x10000 - MISORDER) this.#begin(ssrc, sequence);
    this.#received++;
    if (!timed) return;
    const arrival = Math.round((now * LINE_RATE) / 1000) | 0;
    const nextTransit = (arrival - timestamp) | 0;
    if (this.#timedBefore) {
      const difference = Math.min(Math.abs((nextTransit - this.#transit) | 0), 0xffffff);
      this.#jitter16 += difference - ((this.#jitter16 + 8) >> 4);
    }
    this.#transit = nextTransit;
    this.#timedBefore = true;
  }

  /** A sender report of the caller arrived. */
  senderReport(ssrc: number, sender: SenderInfo, now: number): void {
    this.#reportOf = ssrc;
    this.#lastReport = ((sender.ntpSeconds << 16) | (sender.ntpFraction >>> 16)) >>> 0;
    this.#lastReportAt = now;
  }

  /** The block for the next report, `undefined` while nothing came; begins a new interval of `fractionLost`. */
  report(now: number): ReportBlock | undefined {
    if (!this.#known) return undefined;
    const nowExpected = this.#expected();
    const lostNow = nowExpected - this.#expectedBefore - (this.#received - this.#receivedBefore);
    const interval = nowExpected - this.#expectedBefore;
    this.#expectedBefore = nowExpected;
    this.#receivedBefore = this.#received;
    const reported = this.#lastReport !== 0 && this.#reportOf === this.#source;
    return {
      ssrc: this.#source,
      fractionLost: interval > 0 && lostNow > 0 ? Math.min(255, Math.floor((lostNow * 256) / interval)) : 0,
      lost: nowExpected - this.#received,
      highestSequence: (this.#cycles + this.#highest) >>> 0,
      jitter: this.#jitter16 >> 4,
      lastReport: reported ? this.#lastReport : 0,
      sinceLastReport: reported ? Math.round(((now - this.#lastReportAt) * 65536) / 1000) >>> 0 : 0,
    };
  }

  #begin(ssrc: number, sequence: number) {
    this.#known = true;
    this.#source = ssrc;
    this.#base = this.#highest = sequence;
    this.#cycles = this.#received = this.#expectedBefore = this.#receivedBefore = this.#jitter16 = 0;
    this.#timedBefore = false;
  }

  #expected() {
    return this.#known ? this.#cycles + this.#highest - this.#base + 1 : 0;
  }
}
