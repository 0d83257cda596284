/**
 * RTP sockets by the native addon, where it was built (`npm run build:native`; decision 0011): read all at once every few milliseconds, without a
 * turn of the event loop and an object for each datagram.
 */
import { createRequire } from 'node:module';
import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type { Clock, Timer } from '../clock.ts';
import { DEPTHS } from './line-memory.ts';
import { cannotBind, type DatagramListener, type RtpSocket, type RtpSockets } from './rtp-sockets.ts';

/** How often they are read: what a key or a word is late by at the most, beside the 20 ms of a packet. */
const POLL_MS = 5;
/** Datagrams that are read of one socket at a time: more is a flood, and waits for the next time. */
const MOST_OF_SOCKET = 64;
/**
 * How long they are read in one turn of the event loop. While they are read more come, so that on a busy machine it may take a hundred times as long
 * until nothing is left; meanwhile nobody would hear of a key that is among them.
 */
const TURN_MS = 4;
/** … or, while something is left, so many times as long as all else took since the turn before: what else there is to do must not make audio late. */
const SHARE = 4;
/** Of what they took so much counts: a pause of this process is not made up for by another one. */
const MOST_OF_OTHERS_MS = 25;
const MOST_AT_ONCE = 256;
const BYTES = 256 * 1024;
/** Numbers that are told of each datagram: see native/rtp-sockets.c. */
const FACTS = 4;
/** Takes what was read ahead: what goes nowhere would not be read. */
const SINK = new Float64Array(1);
/** Datagrams whose listeners' memory is fetched before the first of them is heard: more would fill the first cache. */
const FETCHED_AT_ONCE = 24;

/** native/rtp-sockets.c. Errors are the system's numbers. */
interface Native {
  bind(address: string, port: number): number;
  close(socket: number): void;
  receive(bytes: Uint8Array, facts: Int32Array): number;
  source(socket: number): [address: string, port: number] | undefined;
  target(socket: number, address: string, port: number): boolean;
  send(socket: number, bytes: Uint8Array): number;
}

/** `undefined` where the addon was not built, or was built for another machine. */
export function loadNativeSockets(clock: Clock): RtpSockets | undefined {
  try {
    const path = `../../native/build/rtp-sockets-${process.arch}.node`;
    const addon: { open(): Native } = createRequire(import.meta.url)(path);
    return new NativeSockets(addon.open(), clock);
  } catch {
    return undefined;
  }
}

class NativeSockets implements RtpSockets {
  readonly #native: Native;
  readonly #clock: Clock;
  readonly #open: (NativeSocket | undefined)[] = [];
  readonly #bytes = new Uint8Array(BYTES);
  readonly #facts = new Int32Array(FACTS * MOST_AT_ONCE);
  readonly #next: (NativeSocket | undefined)[] = new Array(FETCHED_AT_ONCE).fill(undefined);
  #count = 0;
  #timer: Timer | undefined;
  #goesOn = false;
  /** When the turn before this one ended, if it left something. */
  #leftAt: number | undefined;

  constructor(native: Native, clock: Clock) {
    this.#native = native;
    this.#clock = clock;
  }

  async bind(address: string, port: number): Promise<RtpSocket | undefined> {
    const number = this.#native.bind(address, port);
    if (number < 0) {
      const code = getSystemErrorName(number);
      if (code === 'EADDRINUSE' || code === 'EACCES') return undefined;
      throw cannotBind(address, port, getSystemErrorMessage(number));
    }
    const socket = new NativeSocket(this.#native, number, port, this.#onClosed);
    this.#open[number] = socket;
    this.#count++;
    this.#timer ??= this.#clock.after(POLL_MS, this.#onTime);
    return socket;
  }

  readonly #onClosed = (number: number): void => {
    this.#open[number] = undefined;
    if (--this.#count > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  };

  poll(): boolean {
    const began = this.#clock.monotonic();
    const others = Math.min(MOST_OF_OTHERS_MS, began - (this.#leftAt ?? began));
    const over = began + Math.max(TURN_MS, SHARE * others);
    this.#leftAt = undefined;
    // A pass that is not full has read one datagram of each socket that has any.
    for (let passes = 0; passes < MOST_OF_SOCKET; ) {
      const count = this.#native.receive(this.#bytes, this.#facts);
      if (count === 0) break;
      this.#hearAll(count);
      if (count < MOST_AT_ONCE) passes++;
      const now = this.#clock.monotonic();
      if (now < over) continue;
      this.#leftAt = now;
      return false;
    }
    return true;
  }

  #hearAll(count: number): void {
    const now = this.#clock.monotonic();
    for (let from = 0; from < count; from += FETCHED_AT_ONCE) {
      const to = Math.min(count, from + FETCHED_AT_ONCE);
      this.#prefetch(from, to);
      this.#hear(from, to, now);
    }
  }

  #hear(from: number, to: number, now: number): void {
    for (let at = from * FACTS; at < to * FACTS; at += FACTS) {
      const socket = this.#open[this.#facts[at]!];
      // Closed by what came before it.
      if (socket === undefined) continue;
      if (this.#facts[at + 3] !== 0) socket.hasNewSource();
      socket.hear(this.#bytes, this.#facts[at + 1]!, this.#facts[at + 2]!, now);
    }
  }

  /** See Prefetched. */
  #prefetch(from: number, to: number): void {
    const next = this.#next;
    const count = to - from;
    let sum = 0;
    for (let index = 0; index < count; index++)
      next[index] = this.#open[this.#facts[(from + index) * FACTS]!];
    for (let depth = 0; depth < DEPTHS; depth++)
      for (let index = 0; index < count; index++) sum += next[index]?.prefetch(depth) ?? 0;
    SINK[0] = sum;
  }

  readonly #onTime = (): void => {
    this.#timer = this.#clock.after(POLL_MS, this.#onTime);
    if (!this.#goesOn) this.#read();
  };

  readonly #read = (): void => {
    this.#goesOn = !this.poll();
    if (this.#goesOn) setImmediate(this.#read);
  };
}

class NativeSocket implements RtpSocket {
  readonly sendsAtOnce = true;
  readonly port: number;
  readonly #native: Native;
  readonly #number: number;
  readonly #onClosed: (number: number) => void;
  #listener: DatagramListener | undefined;
  #fromAddress = '';
  #fromPort = 0;
  #toAddress = '';
  #toPort = 0;
  #open = true;

  constructor(native: Native, number: number, port: number, onClosed: (number: number) => void) {
    this.#native = native;
    this.#number = number;
    this.port = port;
    this.#onClosed = onClosed;
  }

  listen(listener: DatagramListener): void {
    this.#listener = listener;
  }

  prefetch(depth: number): number {
    return depth === 0 ? this.#fromPort : (this.#listener?.prefetch?.(depth - 1) ?? 0);
  }

  hasNewSource(): void {
    const source = this.#native.source(this.#number);
    if (source === undefined) return;
    [this.#fromAddress, this.#fromPort] = source;
  }

  hear(bytes: Uint8Array, from: number, to: number, now: number): void {
    this.#listener?.datagram(bytes, from, to, this.#fromAddress, this.#fromPort, now);
  }

  send(bytes: Uint8Array, port: number, address: string, onSent: (error: Error | null) => void): void {
    if (!this.#open) return;
    if (address !== this.#toAddress || port !== this.#toPort) {
      this.#toAddress = address;
      this.#toPort = port;
      if (!this.#native.target(this.#number, address, port)) this.#toPort = 0;
    }
    if (this.#toPort === 0)
      return onSent(new Error(`${address} is no numeric address that this socket can send to`));
    const error = this.#native.send(this.#number, bytes);
    onSent(error === 0 ? null : new Error(`send ${getSystemErrorName(-error)} ${address}:${port}`));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClosed(this.#number);
    this.#native.close(this.#number);
  }
}
