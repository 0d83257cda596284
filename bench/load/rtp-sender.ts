/** Sends speech to many calls at once, one 20 ms packet each. */
import { systemClock } from '../../src/clock.ts';
import { loadNativeSockets } from '../../src/media/native-sockets.ts';
import { createNodeSockets, type RtpSocket } from '../../src/media/rtp-sockets.ts';
import { SILENCE } from '../../src/wire/g711.ts';
import { RTP_HEADER_BYTES, writeRtpHeader } from '../../src/wire/rtp.ts';
import { TELEPHONE_EVENT_BYTES, writeTelephoneEvent } from '../../src/wire/telephone-event.ts';

const LOOPBACK = '127.0.0.1';
/** Below the ports that the system gives out by itself, and those of the server. */
const FIRST_PORT = 10_000;
const LAST_PORT = 19_999;
/** Calls are spread over the milliseconds of a packet time, so that they do not all send at once. */
const SLOTS = 20;
const PACKET_SAMPLES = 160;
/** As our offers have it. */
const EVENT_TYPE = 101;
/** Five of 20 ms, and the end twice more. */
const KEY_PACKETS = 7;
const LONGEST_GAP_MS = 1000;

/** One call's sending side: a socket of its own, as a phone has. */
interface Stream {
  readonly socket: RtpSocket;
  readonly address: string;
  readonly port: number;
  readonly packet: Uint8Array;
  /** Gives what is sent in the place of a packet. */
  readonly protect: ((packet: Uint8Array) => Uint8Array) | undefined;
  readonly ssrc: number;
  sequence: number;
  timestamp: number;
  /** Where in the speech it is: each call starts elsewhere. */
  at: number;
  /** Silence is sent in the place of the speech, which goes on meanwhile. */
  quiet: boolean;
  /** Packets of a key that are still to be sent. */
  keyPackets: number;
  onKey: (ms: number) => void;
}

interface Remote {
  readonly address: string;
  readonly port: number;
}

/** Where a stream goes to, once that is known. */
export interface OpenStream {
  /** The local port. */
  readonly port: number;
  start(remote: Remote, protect?: (packet: Uint8Array) => Uint8Array): void;
  /** Gives `hear` what comes, until it is started, and sends datagrams as they are, also then. */
  converse(remote: Remote, hear: (datagram: Buffer) => void): (datagram: Uint8Array) => void;
  /** Presses # for 100 ms; resolves with the time at which its first packet left, ms since the epoch. Once started. */
  press(): Promise<number>;
  /** Says nothing, or speaks again. Once started. */
  hush(quiet: boolean): void;
  /** Sends nothing more and gives the port back. */
  close(): void;
}

export class RtpSender {
  readonly #speech: Uint8Array;
  readonly #slots: Stream[][] = Array.from({ length: SLOTS }, () => []);
  // Native ones where they were built: a generator should cost less than what it measures.
  readonly #sockets = loadNativeSockets(systemClock) ?? createNodeSockets(() => performance.now());
  readonly #open = new Set<RtpSocket>();
  #nextPort = FIRST_PORT;
  #started = 0;
  /** The millisecond that is to be served next, on `performance.now()`. */
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #packets = 0;
  #lateness: number[] = [];
  #worst = 0;
  /** Between packets of the far end: how often each number of milliseconds. */
  readonly #gaps = new Uint32Array(LONGEST_GAP_MS + 1);

  /** @param speech µ-law at 8 kHz, sent over and over */
  constructor(speech: Uint8Array) {
    if (speech.length < PACKET_SAMPLES) throw new Error('the speech is shorter than a packet');
    this.#speech = speech;
  }

  /** Opens a stream; `close` closes it. */
  async open(): Promise<OpenStream> {
    const socket = await this.#bind();
    // What the far end sends is read and dropped; what the network reports shows in the figures.
    let last = 0;
    let hear: ((datagram: Buffer) => void) | undefined;
    socket.listen({
      datagram: (bytes, from, to) => {
        if (hear !== undefined) return hear(Buffer.from(bytes.subarray(from, to)));
        const now = performance.now();
        const gap = Math.min(LONGEST_GAP_MS, Math.round(now - last));
        if (last > 0) this.#gaps[gap]!++;
        last = now;
      },
      failed() {},
    });
    this.#open.add(socket);
    let stream: Stream | undefined;
    return {
      port: socket.port,
      start: (remote, protect) => {
        hear = undefined;
        stream = this.#add(socket, remote, protect);
      },
      converse({ address, port }, listener) {
        hear = listener;
        return (datagram) => socket.send(datagram, port, address, NOTHING_TO_DO);
      },
      press: () =>
        new Promise((resolve, reject) => {
          if (stream === undefined) return reject(new Error('the stream has not been started'));
          stream.onKey = resolve;
          stream.keyPackets = KEY_PACKETS;
        }),
      hush(quiet) {
        if (stream !== undefined) stream.quiet = quiet;
      },
      close: () => {
        for (const slot of this.#slots) {
          const at = stream === undefined ? -1 : slot.indexOf(stream);
          if (at >= 0) slot.splice(at, 1);
        }
        if (this.#open.delete(socket)) socket.close();
      },
    };
  }

  /** Those that were given back are taken again last. */
  async #bind(): Promise<RtpSocket> {
    for (let tried = FIRST_PORT; tried <= LAST_PORT; tried++) {
      const port = this.#nextPort;
      this.#nextPort = port === LAST_PORT ? FIRST_PORT : port + 1;
      const socket = await this.#sockets.bind(LOOPBACK, port);
      if (socket !== undefined) return socket;
    }
    throw new Error(`the generator has no port left among ${FIRST_PORT}-${LAST_PORT}`);
  }

  /** Packets since the last time, and how late they left: the 99th percentile, and the worst since the start, in milliseconds. */
  measure(): {
    readonly packets: number;
    readonly latenessMs: number;
    readonly worstMs: number;
    readonly gapMs: number | undefined;
  } {
    const sorted = this.#lateness.sort((a, b) => a - b);
    const latenessMs = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    const gapMs = percentile99(this.#gaps);
    const result = { packets: this.#packets, latenessMs, worstMs: this.#worst, gapMs };
    this.#gaps.fill(0);
    this.#packets = 0;
    this.#lateness = [];
    return result;
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const socket of this.#open) socket.close();
  }

  #add(socket: RtpSocket, { address, port }: Remote, protect: Stream['protect']): Stream {
    const packets = Math.floor(this.#speech.length / PACKET_SAMPLES);
    const stream: Stream = {
      socket,
      address,
      port,
      packet: new Uint8Array(RTP_HEADER_BYTES + PACKET_SAMPLES),
      protect,
      ssrc: Math.floor(Math.random() * 2 ** 32),
      sequence: Math.floor(Math.random() * 2 ** 16),
      timestamp: Math.floor(Math.random() * 2 ** 32),
      at: Math.floor(Math.random() * packets) * PACKET_SAMPLES,
      quiet: false,
      keyPackets: 0,
      onKey: () => {},
    };
    this.#slots[this.#started++ % SLOTS]!.push(stream);
    if (this.#timer === undefined) {
      this.#due = Math.ceil(performance.now());
      this.#wake();
    }
    return stream;
  }

  /** Serves every millisecond that has come, late ones too: a call's packets are never left out. */
  #wake(): void {
    for (let now = performance.now(); this.#due <= now; this.#due++) {
      const slot = this.#slots[this.#due % SLOTS]!;
      if (slot.length === 0) continue;
      this.#lateness.push(now - this.#due);
      this.#worst = Math.max(this.#worst, now - this.#due);
      for (const stream of slot) this.#send(stream);
      now = performance.now();
    }
    this.#timer = setTimeout(() => this.#wake(), 1);
  }

  #sendKey(stream: Stream): void {
    const { socket, address, port } = stream;
    const packet = keyPacket(stream);
    socket.send(stream.protect?.(packet) ?? packet, port, address, NOTHING_TO_DO);
    if (stream.keyPackets === KEY_PACKETS) stream.onKey(performance.timeOrigin + performance.now());
    stream.keyPackets--;
    stream.sequence = (stream.sequence + 1) & 0xffff;
    stream.timestamp = (stream.timestamp + PACKET_SAMPLES) >>> 0;
    this.#packets++;
  }

  #send(stream: Stream): void {
    if (stream.keyPackets > 0) return this.#sendKey(stream);
    const { packet, socket, address, port } = stream;
    writeRtpHeader(packet, 0, false, stream.sequence, stream.timestamp, stream.ssrc);
    if (stream.quiet) packet.fill(SILENCE.PCMU, RTP_HEADER_BYTES);
    else packet.set(this.#speech.subarray(stream.at, stream.at + PACKET_SAMPLES), RTP_HEADER_BYTES);
    stream.sequence = (stream.sequence + 1) & 0xffff;
    stream.timestamp = (stream.timestamp + PACKET_SAMPLES) >>> 0;
    stream.at += PACKET_SAMPLES;
    if (stream.at + PACKET_SAMPLES > this.#speech.length) stream.at = 0;
    socket.send(stream.protect?.(packet) ?? packet, port, address, NOTHING_TO_DO);
    this.#packets++;
  }
}

/** A packet of the key #: 100 ms, its end three times. */
function keyPacket(stream: Stream): Uint8Array {
  const passed = KEY_PACKETS - stream.keyPackets + 1;
  const packet = new Uint8Array(RTP_HEADER_BYTES + TELEPHONE_EVENT_BYTES);
  const began = (stream.timestamp - (passed - 1) * PACKET_SAMPLES) >>> 0;
  writeRtpHeader(packet, EVENT_TYPE, passed === 1, stream.sequence, began, stream.ssrc);
  const duration = Math.min(5, passed) * PACKET_SAMPLES;
  writeTelephoneEvent(packet, RTP_HEADER_BYTES, { event: 11, end: passed >= 5, volume: 10, duration });
  return packet;
}

/** By how often each number of milliseconds was counted. */
function percentile99(counts: Uint32Array): number | undefined {
  const all = counts.reduce((sum, count) => sum + count, 0);
  let left = all * 0.99;
  const found = counts.findIndex((count) => {
    left -= count;
    return left < 0;
  });
  return all === 0 ? undefined : found;
}

const NOTHING_TO_DO = (): void => {};
