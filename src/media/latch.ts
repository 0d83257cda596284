/**
 * Symmetric RTP (RFC 4961): media goes to where media comes from, as callers behind NAT need it; but a live stream is not given
 * away to whoever sends a packet to its port.
 */

/** A source that has said nothing for so long may have moved. */
const SILENT_MS = 1000;
/** A stranger must send so many packets in a row before it is believed to be the caller. */
const PROBATION = 3;

export interface Latch {
  /** Where to send; port 0: nowhere yet. */
  readonly address: string;
  readonly port: number;
  /** What SDP gives. When it differs from what it gave before, the next valid packet settles the source anew. */
  given(address: string, port: number): void;
  /**
   * Whether a valid RTP packet from there belongs to the caller. The first one does, whoever sends it. After that only: its source; the source that SDP
   * gave; and, once the source has been silent for a second, another one that goes on with the same SSRC or keeps on sending.
   */
  accept(address: string, port: number, ssrc: number, now: number): boolean;
}

export function createLatch(): Latch {
  let address = '';
  let port = 0;
  let givenAddress = '';
  let givenPort = 0;
  let latched = false;
  let source = 0;
  let lastAt = 0;
  let strangerAddress = '';
  let strangerPort = 0;
  let strangerPackets = 0;

  const take = (from: string, fromPort: number, ssrc: number, now: number) => {
    address = from;
    port = fromPort;
    source = ssrc;
    lastAt = now;
    latched = true;
    strangerPackets = 0;
    return true;
  };

  return {
    get address() {
      return address;
    },
    get port() {
      return port;
    },
    given(nextAddress, nextPort) {
      if (nextAddress === givenAddress && nextPort === givenPort) return;
      givenAddress = address = nextAddress;
      givenPort = port = nextPort;
      latched = false;
    },
    accept(from, fromPort, ssrc, now) {
      if (latched && fromPort === port && from === address) {
        source = ssrc;
        lastAt = now;
        return true;
      }
      if (!latched || (fromPort === givenPort && from === givenAddress))
        return take(from, fromPort, ssrc, now);
      if (now - lastAt <= SILENT_MS) return false;
      if (ssrc === source) return take(from, fromPort, ssrc, now);
      if (fromPort !== strangerPort || from !== strangerAddress) strangerPackets = 0;
      strangerAddress = from;
      strangerPort = fromPort;
      return ++strangerPackets >= PROBATION && take(from, fromPort, ssrc, now);
    },
  };
}
