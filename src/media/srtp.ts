/**
 * SRTP of one line (RFC 3711): what is sent is protected, what comes is believed only when it proves to be the far end's and new.
 * Per packet nothing is allocated but what node:crypto returns.
 */
import {
  guessIndex,
  rtpHeaderBytes,
  SRTCP_CLEAR_BYTES,
  SRTCP_TRAILER_BYTES,
  SRTP_TAG_BYTES,
  word,
  writeWord,
} from '../wire/srtp.ts';
import { type MasterKey, MOST_SRTP_BYTES, type SessionKeys, sessionKeys } from './srtp-keys.ts';

/** RFC 3711 §3.3.2 asks for 64 at least. */
const WINDOW = 128;
/** Of one line: more are an attack by somebody who has the keys, or a defect. */
const MOST_SOURCES = 16;
const ENCRYPTED = 0x8000_0000;

/** Which packets of one source came already. */
class ReplayWindow {
  highest = -1;
  /** A bit for each of the last WINDOW indices, at the index's place in a ring. */
  readonly #seen = new Uint32Array(WINDOW / 32);

  isNew(index: number): boolean {
    if (index > this.highest) return true;
    if (index < 0 || index <= this.highest - WINDOW) return false;
    return (this.#seen[(index % WINDOW) >> 5]! & (1 << (index & 31))) === 0;
  }

  /** Of one that is new. */
  take(index: number): void {
    if (index - this.highest >= WINDOW) this.#seen.fill(0);
    else for (let gone = this.highest + 1; gone <= index; gone++) this.#mark(gone, false);
    this.#mark(index, true);
    if (index > this.highest) this.highest = index;
  }

  #mark(index: number, came: boolean): void {
    const at = (index % WINDOW) >> 5;
    const bit = 1 << (index & 31);
    this.#seen[at] = came ? this.#seen[at]! | bit : this.#seen[at]! & ~bit;
  }
}

/** Takes the far end's packets. Each method gives where the plain packet ends, or −1: it is refused. They work in place and never throw. */
export class SrtpReceiver {
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #rtpSources = new Map<number, ReplayWindow>();
  readonly #rtcpSources = new Map<number, ReplayWindow>();

  constructor(master: MasterKey) {
    this.#rtp = sessionKeys(master, 'rtp');
    this.#rtcp = sessionKeys(master, 'rtcp');
  }

  rtp(bytes: Uint8Array, from: number, to: number): number {
    const end = to - SRTP_TAG_BYTES;
    const header = rtpHeaderBytes(bytes, from, end);
    if (header < 0 || to - from > MOST_SRTP_BYTES) return -1;
    const ssrc = word(bytes, from + 8);
    const sequence = (bytes[from + 2]! << 8) | bytes[from + 3]!;
    const known = this.#rtpSources.get(ssrc);
    const index = known === undefined ? sequence : guessIndex(known.highest, sequence);
    if (known !== undefined && !known.isNew(index)) return -1;
    const tag = this.#rtp.authentication.tag(bytes, from, end, Math.floor(index / 0x10000));
    if (!isTag(tag, bytes, end)) return -1;
    if (!take(this.#rtpSources, known, ssrc, index)) return -1;
    this.#rtp.cipher.apply(bytes, from + header, end, ssrc, index);
    return end;
  }

  rtcp(bytes: Uint8Array, from: number, to: number): number {
    const end = to - SRTCP_TRAILER_BYTES;
    if (end - from < SRTCP_CLEAR_BYTES || to - from > MOST_SRTP_BYTES) return -1;
    const ssrc = word(bytes, from + 4);
    const trailer = word(bytes, end);
    const index = trailer & ~ENCRYPTED;
    const known = this.#rtcpSources.get(ssrc);
    if (known !== undefined && !known.isNew(index)) return -1;
    if (!isTag(this.#rtcp.authentication.tag(bytes, from, end + 4), bytes, end + 4)) return -1;
    if (!take(this.#rtcpSources, known, ssrc, index)) return -1;
    if (trailer >= ENCRYPTED) this.#rtcp.cipher.apply(bytes, from + SRTCP_CLEAR_BYTES, end, ssrc, index);
    return end;
  }
}

/** Protects packets of ours: one source. `out` has room for MOST_SRTP_BYTES; each method gives how many of them it filled. */
export class SrtpSender {
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  #highest = -1;
  #rtcpIndex = 0;

  constructor(master: MasterKey) {
    this.#rtp = sessionKeys(master, 'rtp');
    this.#rtcp = sessionKeys(master, 'rtcp');
  }

  /** Of a packet with a header as ours are: twelve bytes. Sequence numbers count up. */
  rtp(packet: Uint8Array, out: Uint8Array): number {
    const end = packet.length;
    const sequence = (packet[2]! << 8) | packet[3]!;
    const index = this.#highest < 0 ? sequence : guessIndex(this.#highest, sequence);
    this.#highest = Math.max(this.#highest, index);
    out.set(packet);
    this.#rtp.cipher.apply(out, 12, end, word(packet, 8), index);
    const tag = this.#rtp.authentication.tag(out, 0, end, Math.floor(index / 0x10000));
    return writeTag(tag, out, end);
  }

  rtcp(packet: Uint8Array, out: Uint8Array): number {
    const end = packet.length;
    out.set(packet);
    this.#rtcp.cipher.apply(out, SRTCP_CLEAR_BYTES, end, word(packet, 4), this.#rtcpIndex);
    writeWord(out, end, this.#rtcpIndex | ENCRYPTED);
    this.#rtcpIndex = (this.#rtcpIndex + 1) & ~ENCRYPTED;
    return writeTag(this.#rtcp.authentication.tag(out, 0, end + 4), out, end + 4);
  }
}

/** `false`: there are too many sources. */
function take(
  sources: Map<number, ReplayWindow>,
  known: ReplayWindow | undefined,
  ssrc: number,
  index: number,
): boolean {
  let window = known;
  if (window === undefined) {
    if (sources.size === MOST_SOURCES) return false;
    sources.set(ssrc, (window = new ReplayWindow()));
  }
  window.take(index);
  return true;
}

/** Takes as long whatever it finds. */
function isTag(tag: Uint8Array, bytes: Uint8Array, at: number): boolean {
  let difference = 0;
  for (let index = 0; index < SRTP_TAG_BYTES; index++) difference |= tag[index]! ^ bytes[at + index]!;
  return difference === 0;
}

function writeTag(tag: Uint8Array, out: Uint8Array, at: number): number {
  for (let index = 0; index < SRTP_TAG_BYTES; index++) out[at + index] = tag[index]!;
  return at + SRTP_TAG_BYTES;
}
