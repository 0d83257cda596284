/** Sends speech to many calls at once, one 20 ms packet each. */
import { systemClock } from '../../src/clock.ts';
import { loadNativeSockets } from '../../src/media/native-sockets.ts';
import { createNodeSockets, type RtpSocket } from '../../src/media/rtp-sockets.ts';
import { RTP_HEADER_BYTES, writeRtpHeader } from '../../src/wire/rtp.ts';

const LOOPBACK = '127.0.0.1';
/** Below the ports that the system gives out by itself, and those of the server. */
const FIRST_PORT = 10_000;
const LAST_PORT = 19_999;
/** Calls are spread over the milliseconds of a packet time, so that they do not all send at once. */
const SLOTS = 20;
const PACKET_SAMPLES = 160;

/** One call's sending side: a socket of its own, as a phone has. */
interface Stream {
  readonly socket: RtpSocket;
  readonly address: string;
  readonly port: number;
  readonly packet: Uint8Array;
  readonly ssrc: number;
  sequence: number;
  timestamp: number;
  /** Where in the speech it is: each call starts elsewhere. */
  at: number;
}

/** Where a stream goes to, once that is known. */
export interface OpenStream {
  /** The local port. */
  readonly port: number;
  start(remote: { readonly address: string; readonly port: number }): void;
}

export class RtpSender {
  readonly #speech: Uint8Array;
  readonly #slots: Stream[][] = Array.from({ length: SLOTS }, () => []);
  // Native ones where they were built: a generator should cost less than what it measures.
  readonly #sockets = loadNativeSockets(systemClock) ?? createNodeSockets(() => performance.now());
  readonly #open: RtpSocket[] = [];
  #nextPort = FIRST_PORT;
  #started = 0;
  /** The millisecond that is to be served next, on `performance.now()`. */
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #packets = 0;
  #lateness: number[] = [];

  /** @param speech µ-law at 8 kHz, sent over and over */
  constructor(speech: Uint8Array) {
    if (speech.length < PACKET_SAMPLES) throw new Error('the speech is shorter than a packet');
    this.#speech = speech;
  }

  /** Opens a stream; `close` closes it. */
  async open(): Promise<OpenStream> {
    const socket = await this.#bind();
    // What the far end sends is read and dropped; what the network reports shows in the figures.
    socket.listen(
      () => {},
      () => {},
    );
    this.#open.push(socket);
    return { port: socket.port, start: ({ address, port }) => this.#add(socket, address, port) };
  }

  async #bind(): Promise<RtpSocket> {
    while (this.#nextPort <= LAST_PORT) {
      const socket = await this.#sockets.bind(LOOPBACK, this.#nextPort++);
      if (socket !== undefined) return socket;
    }
    throw new Error(`the generator has no port left among ${FIRST_PORT}-${LAST_PORT}`);
  }

  /** Packets since the last time, and how late they left: the 99th percentile in milliseconds. */
  measure(): { readonly packets: number; readonly latenessMs: number } {
    const sorted = this.#lateness.sort((a, b) => a - b);
    const result = { packets: this.#packets, latenessMs: sorted[Math.floor(sorted.length * 0.99)] ?? 0 };
    this.#packets = 0;
    this.#lateness = [];
    return result;
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const socket of this.#open) socket.close();
  }

  #add(socket: RtpSocket, address: string, port: number): void {
    const packets = Math.floor(this.#speech.length / PACKET_SAMPLES);
    this.#slots[this.#started++ % SLOTS]!.push({
      socket,
      address,
      port,
      packet: new Uint8Array(RTP_HEADER_BYTES + PACKET_SAMPLES),
      ssrc: Math.floor(Math.random() * 2 ** 32),
      sequence: Math.floor(Math.random() * 2 ** 16),
      timestamp: Math.floor(Math.random() * 2 ** 32),
      at: Math.floor(Math.random() * packets) * PACKET_SAMPLES,
    });
    if (this.#timer !== undefined) return;
    this.#due = Math.ceil(performance.now());
    this.#wake();
  }

  /** Serves every millisecond that has come, late ones too: a call's packets are never left out. */
  #wake(): void {
    for (let now = performance.now(); this.#due <= now; this.#due++) {
      const slot = this.#slots[this.#due % SLOTS]!;
      if (slot.length === 0) continue;
      this.#lateness.push(now - this.#due);
      for (const stream of slot) this.#send(stream);
      now = performance.now();
    }
    this.#timer = setTimeout(() => this.#wake(), 1);
  }

  #send(stream: Stream): void {
    const { packet, socket, address, port } = stream;
    writeRtpHeader(packet, 0, false, stream.sequence, stream.timestamp, stream.ssrc);
    packet.set(this.#speech.subarray(stream.at, stream.at + PACKET_SAMPLES), RTP_HEADER_BYTES);
    stream.sequence = (stream.sequence + 1) & 0xffff;
    stream.timestamp = (stream.timestamp + PACKET_SAMPLES) >>> 0;
    stream.at += PACKET_SAMPLES;
    if (stream.at + PACKET_SAMPLES > this.#speech.length) stream.at = 0;
    socket.send(packet, port, address, NOTHING_TO_DO);
    this.#packets++;
  }
}

const NOTHING_TO_DO = (): void => {};
