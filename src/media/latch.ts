/**
 * Symmetric RTP (RFC 4961): media goes to where media comes from, as callers behind NAT need it; but a live stream is not given
 * away to whoever sends a packet to its port.
 */

/** A source that has said nothing for so long may have moved. */
const SILENT_MS = 1000;
/** A stranger must send so many packets in a row before it is believed to be the caller. */
const PROBATION = 3;

export class Latch {
  #address = '';
  #port = 0;
  #givenAddress = '';
  #givenPort = 0;
  #givenRtcpPort = 0;
  #heardRtcpAddress = '';
  #heardRtcpPort = 0;
  #latched = false;
  #source = 0;
  #lastAt = 0;
  #strangerAddress = '';
  #strangerPort = 0;
  #strangerPackets = 0;

  /** Where to send; port 0: nowhere yet. */
  get address(): string {
    return this.#address;
  }

  get port(): number {
    return this.#port;
  }

  /** Whether that is where the caller sends from. */
  isFrom(address: string, port: number): boolean {
    return this.#latched && port === this.#port && address === this.#address;
  }

  /** What SDP gives. When it differs from what it gave before, the next valid packet settles the source anew. */
  given(nextAddress: string, nextPort: number, nextRtcpPort: number): void {
    this.#givenRtcpPort = nextRtcpPort;
    if (nextAddress === this.#givenAddress && nextPort === this.#givenPort) return;
    this.#givenAddress = this.#address = nextAddress;
    this.#givenPort = this.#port = nextPort;
    this.#heardRtcpPort = 0;
    this.#latched = false;
  }

  /**
   * Whether a valid RTP packet from there belongs to the caller. The first one does, whoever sends it. After that only: its source; the source that SDP
   * gave; and, once the source has been silent for a second, another one that goes on with the same SSRC or keeps on sending.
   */
  accept(from: string, fromPort: number, ssrc: number, now: number): boolean {
    if (this.#latched && fromPort === this.#port && from === this.#address) {
      this.#source = ssrc;
      this.#lastAt = now;
      return true;
    }
    if (!this.#latched || (fromPort === this.#givenPort && from === this.#givenAddress))
      return this.#take(from, fromPort, ssrc, now);
    if (now - this.#lastAt <= SILENT_MS) return false;
    if (ssrc === this.#source) return this.#take(from, fromPort, ssrc, now);
    if (fromPort !== this.#strangerPort || from !== this.#strangerAddress) this.#strangerPackets = 0;
    this.#strangerAddress = from;
    this.#strangerPort = fromPort;
    return ++this.#strangerPackets >= PROBATION && this.#take(from, fromPort, ssrc, now);
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
    const asGiven = this.#address === this.#givenAddress && this.#port === this.#givenPort;
    return asGiven ? this.#givenRtcpPort : this.#port + 1;
  }

  #take(from: string, fromPort: number, ssrc: number, now: number) {
    this.#address = from;
    this.#port = fromPort;
    this.#source = ssrc;
    this.#lastAt = now;
    this.#latched = true;
    this.#strangerPackets = 0;
    return true;
  }
}
