/**
 * Symmetric RTP (RFC 4961): media goes to where media comes from, as callers behind NAT need it; but once that is known, it is not given
 * away (RFC 7362 §5 has the attacks: whoever gets a packet to the port first, or at any time, would hear the call and be heard in it).
 *
 * What is believed, the most first: the address and port that SDP told; the address that it told, or that the signalling came from, with
 * any port; anybody else, and only until one of these was heard.
 */

import { isOnlyHere } from '../outbound/named-address.ts';
import { LineMemory } from './line-memory.ts';

/** A source that has said nothing for so long may have moved. */
const SILENT_MS = 1000;
/** Packets in a row by which somebody is believed who is not believed at once. */
const PROBATION = 5;
/** So much may have been lost before the next packet of a stream, besides what its silence accounts for at 10 ms a packet. */
const MOST_LOST = 100;
const SHORTEST_PACKET_MS = 10;

// Its numbers in the line's memory: those that each packet looks at.
const PORT = 0;
const SOURCE = 1;
const SEQUENCE = 2;
const LAST_AT = 3;
const NUMBERS = 4;

export class Latch {
  readonly #n: Float64Array;
  readonly #at: number;
  #address = '';
  /** Nobody yet, or not since SDP told another address; a stranger; somebody at an address that was told. */
  #from: 'nobody' | 'stranger' | 'told' = 'nobody';
  #givenAddress = '';
  #givenPort = 0;
  #givenRtcpPort = 0;
  #signalledFrom = '';
  #heardRtcpAddress = '';
  #heardRtcpPort = 0;
  #candidateAddress = '';
  #candidatePort = 0;
  #candidateSource = 0;
  #candidateSequence = 0;
  #candidatePackets = 0;

  constructor(memory = new LineMemory()) {
    this.#n = memory.numbers;
    this.#at = memory.take(NUMBERS);
    this.source = -1;
  }

  prefetch(): number {
    return this.#givenPort;
  }

  /** Where to send; port 0: nowhere yet. */
  get address(): string {
    return this.#address;
  }

  get port(): number {
    return this.#n[this.#at + PORT]!;
  }
  private set port(value: number) {
    this.#n[this.#at + PORT] = value;
  }
  private get source(): number {
    return this.#n[this.#at + SOURCE]!;
  }
  private set source(value: number) {
    this.#n[this.#at + SOURCE] = value;
  }
  private get sequence(): number {
    return this.#n[this.#at + SEQUENCE]!;
  }
  private set sequence(value: number) {
    this.#n[this.#at + SEQUENCE] = value;
  }
  private get lastAt(): number {
    return this.#n[this.#at + LAST_AT]!;
  }
  private set lastAt(value: number) {
    this.#n[this.#at + LAST_AT] = value;
  }

  /** Whether that is where the caller sends from. */
  isFrom(address: string, port: number): boolean {
    return this.#from !== 'nobody' && port === this.port && address === this.#address;
  }

  /**
   * What SDP gives. When it differs from what it gave before, the source is settled anew. `signalledFrom`: where the far end's SIP comes from;
   * '': not known. To an address that leads to this machine or its link alone, given from elsewhere, nothing is sent before something comes from there.
   */
  given(nextAddress: string, nextPort: number, nextRtcpPort: number, signalledFrom = ''): void {
    this.#givenRtcpPort = nextRtcpPort;
    this.#signalledFrom = signalledFrom;
    if (nextAddress === this.#givenAddress && nextPort === this.#givenPort) return;
    this.#givenAddress = this.#address = nextAddress;
    this.#givenPort = nextPort;
    this.port = isOnlyHere(nextAddress, signalledFrom) ? 0 : nextPort;
    this.#heardRtcpPort = 0;
    this.#from = 'nobody';
  }

  /** Whether a valid RTP packet from there belongs to the caller. */
  accept(from: string, fromPort: number, ssrc: number, sequence: number, now: number): boolean {
    const isLatched = this.#from !== 'nobody';
    if (isLatched && fromPort === this.port && from === this.#address) {
      this.source = ssrc;
      this.sequence = sequence;
      this.lastAt = now;
      return true;
    }
    const isTold = from === this.#givenAddress || from === this.#signalledFrom;
    if (
      (fromPort === this.#givenPort && from === this.#givenAddress) ||
      (isTold && this.#from !== 'told') ||
      // A NAT on the way forgot its binding and made another one; or SDP changed, and the stream did not.
      ((!isLatched || now - this.lastAt > SILENT_MS) && this.#continues(ssrc, sequence, now))
    )
      return this.#take(from, fromPort, ssrc, sequence, now);
    // Somebody else altogether is not believed any more, however long the caller is silent; a new stream from where it was told to be is.
    if (isLatched && (now - this.lastAt <= SILENT_MS || !(isTold || from === this.#address))) return false;
    if (!this.#isProven(from, fromPort, ssrc, sequence)) return false;
    return this.#take(from, fromPort, ssrc, sequence, now);
  }

  /** Takes note of where RTCP comes from; `false` when that is not the caller. */
  acceptRtcp(from: string, fromPort: number): boolean {
    if (from !== this.#address) return false;
    this.#heardRtcpAddress = from;
    this.#heardRtcpPort = fromPort;
    return true;
  }

  /** Where on `address` to send RTCP: where it comes from; else what SDP says; else, behind NAT, the port after that of the RTP. */
  get rtcpPort(): number {
    if (this.#heardRtcpAddress === this.#address && this.#heardRtcpPort !== 0) return this.#heardRtcpPort;
    const asGiven = this.#address === this.#givenAddress && this.port === this.#givenPort;
    return asGiven ? this.#givenRtcpPort : this.port + 1;
  }

  /** Whether it goes on with the stream that was heard: which nobody guesses, its SSRC and sequence number being random (RFC 3550 §5.1). */
  #continues(ssrc: number, sequence: number, now: number): boolean {
    const ahead = (sequence - this.sequence) & 0xffff;
    const most = MOST_LOST + (now - this.lastAt) / SHORTEST_PACKET_MS;
    return ssrc === this.source && ahead > 0 && ahead <= most;
  }

  /** Whether this is the last of as many packets as it takes, one after the other, from one source. */
  #isProven(from: string, fromPort: number, ssrc: number, sequence: number): boolean {
    const follows =
      fromPort === this.#candidatePort &&
      from === this.#candidateAddress &&
      ssrc === this.#candidateSource &&
      sequence === ((this.#candidateSequence + 1) & 0xffff);
    this.#candidatePackets = follows ? this.#candidatePackets + 1 : 1;
    this.#candidateAddress = from;
    this.#candidatePort = fromPort;
    this.#candidateSource = ssrc;
    this.#candidateSequence = sequence;
    return this.#candidatePackets >= PROBATION;
  }

  #take(from: string, fromPort: number, ssrc: number, sequence: number, now: number): true {
    const isTold = from === this.#givenAddress || from === this.#signalledFrom;
    this.#from = isTold ? 'told' : 'stranger';
    this.#address = from;
    this.port = fromPort;
    this.source = ssrc;
    this.sequence = sequence;
    this.lastAt = now;
    this.#candidatePackets = 0;
    return true;
  }
}
