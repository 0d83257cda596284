/** Sends speech to many calls at once, one 20 ms packet each. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { RTP_HEADER_BYTES, writeRtpHeader } from '../../src/wire/rtp.ts';

const LOOPBACK = '127.0.0.1';
/** Calls are spread over the milliseconds of a packet time, so that they do not all send at once. */
const SLOTS = 20;
const PACKET_SAMPLES = 160;

/** One call's sending side: a socket of its own, as a phone has. */
interface Stream {
  readonly socket: Socket;
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
  start(remote: { readonly address: string; readonly port: number }): Promise<void>;
}

export class RtpSender {
  readonly #speech: Uint8Array;
  readonly #slots: Stream[][] = Array.from({ length: SLOTS }, () => []);
  readonly #sockets: Socket[] = [];
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
    const socket = createSocket('udp4');
    this.#sockets.push(socket);
    // What the far end sends is read and dropped; what the network reports shows in the figures.
    socket.on('message', () => {}).on('error', () => {});
    socket.bind(0, LOOPBACK);
    await once(socket, 'listening');
    return {
      port: socket.address().port,
      start: async ({ address, port }) => {
        socket.connect(port, address);
        await once(socket, 'connect');
        this.#add(socket);
      },
    };
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
    for (const socket of this.#sockets) socket.close();
  }

  #add(socket: Socket): void {
    const packets = Math.floor(this.#speech.length / PACKET_SAMPLES);
    this.#slots[this.#started++ % SLOTS]!.push({
      socket,
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
    const { packet, socket } = stream;
    writeRtpHeader(packet, 0, false, stream.sequence, stream.timestamp, stream.ssrc);
    packet.set(this.#speech.subarray(stream.at, stream.at + PACKET_SAMPLES), RTP_HEADER_BYTES);
    stream.sequence = (stream.sequence + 1) & 0xffff;
    stream.timestamp = (stream.timestamp + PACKET_SAMPLES) >>> 0;
    stream.at += PACKET_SAMPLES;
    if (stream.at + PACKET_SAMPLES > this.#speech.length) stream.at = 0;
    socket.send(packet);
    this.#packets++;
  }
}
