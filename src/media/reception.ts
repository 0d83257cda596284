/**
 * What a receiver report says of the caller's stream (RFC 3550 §6.4.1, A.1, A.3, A.8). Pure; nothing is allocated per packet.
 */
import type { ReportBlock, SenderInfo } from '../wire/rtcp.ts';
import { LINE_RATE } from './line.ts';
import { LineMemory } from './line-memory.ts';

/** RFC 3550 A.1: a sequence number further off than this is a sender that counts anew. */
const DROPOUT = 3000;
const MISORDER = 100;

// Its numbers in the line's memory.
const KNOWN = 0;
const SOURCE = 1;
const BASE = 2;
const HIGHEST = 3;
const CYCLES = 4;
const RECEIVED = 5;
const TRANSIT = 6;
const TIMED_BEFORE = 7;
const JITTER16 = 8;
const NUMBERS = 9;

export class Reception {
  readonly #n: Float64Array;
  readonly #at: number;
  /** Of sources before this one. */
  #expectedOfOthers = 0;
  #receivedOfOthers = 0;
  // For reports, a few times a minute.
  #expectedBefore = 0;
  #receivedBefore = 0;
  #reportOf = 0;
  #lastReport = 0;
  #lastReportAt = 0;

  constructor(memory = new LineMemory()) {
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
  }

  prefetch(): number {
    return this.#at;
  }

  get expected(): number {
    return this.#expected();
  }

  /** Packets of all that the caller ever sent: what should have come, and what did, duplicates included. */
  get expectedInAll(): number {
    return this.#expectedOfOthers + this.#expected();
  }
  get receivedInAll(): number {
    return this.#receivedOfOthers + this.received;
  }

  /** Interarrival jitter, samples. */
  get jitter(): number {
    return this.jitter16 >> 4;
  }

  /** `timed`: its timestamp tells when it was sent, which that of an event does not. */
  packet(ssrc: number, sequence: number, timestamp: number, timed: boolean, now: number): void {
    if (!this.known || ssrc !== this.source) this.#begin(ssrc, sequence);
    const ahead = (sequence - this.highest) & 0xffff;
    if (ahead < DROPOUT) {
      if (sequence < this.highest) this.cycles += 0x10000;
      this.highest = sequence;
    } else if (ahead <= 0x10000 - MISORDER) this.#begin(ssrc, sequence);
    this.received++;
    if (!timed) return;
    const arrival = Math.round((now * LINE_RATE) / 1000) | 0;
    const nextTransit = (arrival - timestamp) | 0;
    if (this.timedBefore) {
      const difference = Math.min(Math.abs((nextTransit - this.transit) | 0), 0xffffff);
      this.jitter16 += difference - ((this.jitter16 + 8) >> 4);
    }
    this.transit = nextTransit;
    this.timedBefore = true;
  }

  /** A sender report of the caller arrived. */
  senderReport(ssrc: number, sender: SenderInfo, now: number): void {
    this.#reportOf = ssrc;
    this.#lastReport = ((sender.ntpSeconds << 16) | (sender.ntpFraction >>> 16)) >>> 0;
    this.#lastReportAt = now;
  }

  /** The block for the next report, `undefined` while nothing came; begins a new interval of `fractionLost`. */
  report(now: number): ReportBlock | undefined {
    if (!this.known) return undefined;
    const nowExpected = this.#expected();
    const lostNow = nowExpected - this.#expectedBefore - (this.received - this.#receivedBefore);
    const interval = nowExpected - this.#expectedBefore;
    this.#expectedBefore = nowExpected;
    this.#receivedBefore = this.received;
    const reported = this.#lastReport !== 0 && this.#reportOf === this.source;
    return {
      ssrc: this.source,
      fractionLost: interval > 0 && lostNow > 0 ? Math.min(255, Math.floor((lostNow * 256) / interval)) : 0,
      lost: nowExpected - this.received,
      highestSequence: (this.cycles + this.highest) >>> 0,
      jitter: this.jitter16 >> 4,
      lastReport: reported ? this.#lastReport : 0,
      sinceLastReport: reported ? Math.round(((now - this.#lastReportAt) * 65536) / 1000) >>> 0 : 0,
    };
  }

  #begin(ssrc: number, sequence: number) {
    this.#expectedOfOthers += this.#expected();
    this.#receivedOfOthers += this.received;
    this.known = true;
    this.source = ssrc;
    this.base = this.highest = sequence;
    this.cycles = this.received = this.#expectedBefore = this.#receivedBefore = this.jitter16 = 0;
    this.timedBefore = false;
  }

  #expected() {
    return this.known ? this.cycles + this.highest - this.base + 1 : 0;
  }

  private get known(): boolean {
    return this.#n[this.#at + KNOWN] !== 0;
  }
  private set known(value: boolean) {
    this.#n[this.#at + KNOWN] = value ? 1 : 0;
  }
  private get source(): number {
    return this.#n[this.#at + SOURCE]!;
  }
  private set source(value: number) {
    this.#n[this.#at + SOURCE] = value;
  }
  private get base(): number {
    return this.#n[this.#at + BASE]!;
  }
  private set base(value: number) {
    this.#n[this.#at + BASE] = value;
  }
  private get highest(): number {
    return this.#n[this.#at + HIGHEST]!;
  }
  private set highest(value: number) {
    this.#n[this.#at + HIGHEST] = value;
  }
  private get cycles(): number {
    return this.#n[this.#at + CYCLES]!;
  }
  private set cycles(value: number) {
    this.#n[this.#at + CYCLES] = value;
  }
  /** Packets of the current source that arrived, and how many it should have been. */
  get received(): number {
    return this.#n[this.#at + RECEIVED]!;
  }
  private set received(value: number) {
    this.#n[this.#at + RECEIVED] = value;
  }
  private get transit(): number {
    return this.#n[this.#at + TRANSIT]!;
  }
  private set transit(value: number) {
    this.#n[this.#at + TRANSIT] = value;
  }
  private get timedBefore(): boolean {
    return this.#n[this.#at + TIMED_BEFORE] !== 0;
  }
  private set timedBefore(value: boolean) {
    this.#n[this.#at + TIMED_BEFORE] = value ? 1 : 0;
  }
  private get jitter16(): number {
    return this.#n[this.#at + JITTER16]!;
  }
  private set jitter16(value: number) {
    this.#n[this.#at + JITTER16] = value;
  }
}
