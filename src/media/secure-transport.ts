/**
 * What lies between a line and its RTP socket when the far end is a browser: ICE, DTLS and SRTP on one port (RFC 7983, RFC 5764, RFC 5761).
 * Nothing reaches the line before the far end has proven to be who its description said.
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { DtlsIdentity } from './dtls-identity.ts';
import { DtlsServer } from './dtls-server.ts';
import { IceLite } from './ice-lite.ts';
import type { SecureParameters } from './session-description.ts';
import { SrtpReceiver, SrtpSender } from './srtp.ts';
import { MOST_SRTP_BYTES } from './srtp-keys.ts';

export interface SecureTransportOptions {
  readonly identity: DtlsIdentity;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether what is sent may be written over at once. */
  readonly sendsAtOnce: boolean;
  readonly send: (bytes: Uint8Array, port: number, address: string) => void;
  /** The far end is to be reached there from now on. */
  readonly onSelected: (address: string, port: number) => void;
}

/** What a datagram was: nothing for the line, or a packet for it, plain from now on, that ends at `end`. */
export type Opened = 'nothing' | 'rtp' | 'rtcp';

/** Buffers of a line whose socket keeps them a while. */
const SOME = 4;
const shared = [new Uint8Array(MOST_SRTP_BYTES)];

/** Of one line, which closes it. */
export class SecureTransport {
  /** Where the packet that was opened last ends. */
  end = 0;
  readonly #options: SecureTransportOptions;
  readonly #ice: IceLite;
  readonly #buffers: readonly Uint8Array[];
  #turn = 0;
  #dtls: DtlsServer | undefined;
  #fingerprint = '';
  #receiver: SrtpReceiver | undefined;
  #sender: SrtpSender | undefined;
  #selected = { address: '', port: 0 };
  readonly #ready = Promise.withResolvers<void>();

  constructor(options: SecureTransportOptions) {
    const { sendsAtOnce, send, onSelected } = options;
    this.#options = options;
    this.#buffers = sendsAtOnce
      ? shared
      : Array.from({ length: SOME }, () => new Uint8Array(MOST_SRTP_BYTES));
    this.#ice = new IceLite({
      send,
      onSelected: (address, port) => {
        this.#selected = { address, port };
        onSelected(address, port);
      },
    });
  }

  /** Whether packets can be sent. */
  get isReady(): boolean {
    return this.#sender !== undefined;
  }

  /** Resolves when packets can be sent, or when it is clear that they never will be. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Takes what the descriptions say, first or anew. Another certificate than before is another association (RFC 8842 §4). */
  connect(parameters: SecureParameters): void {
    this.#ice.connect(parameters);
    const { hash, value } = parameters.remoteFingerprint;
    if (this.#fingerprint === `${hash} ${value}`) return;
    this.#fingerprint = `${hash} ${value}`;
    this.#dtls?.close();
    this.#receiver = this.#sender = undefined;
    this.#dtls = new DtlsServer({
      identity: this.#options.identity,
      fingerprint: parameters.remoteFingerprint,
      clock: this.#options.clock,
      send: (datagram) => this.#options.send(datagram, this.#selected.port, this.#selected.address),
      onKeys: ({ receive, send }) => {
        this.#receiver = new SrtpReceiver(receive);
        this.#sender = new SrtpSender(send);
        this.#ready.resolve();
      },
      onFailed: (why) => {
        this.#options.log.warn({ why }, 'a DTLS handshake failed: its call has no media');
        this.#ready.resolve();
      },
    });
  }

  /** Takes a datagram apart by its first byte (RFC 7983 §7), in place. Never throws. */
  open(bytes: Uint8Array, from: number, to: number, address: string, port: number): Opened {
    const first = from < to ? bytes[from]! : -1;
    if (first >= 128 && first < 192) return this.#openPacket(bytes, from, to);
    if (first >= 0 && first < 4) this.#ice.hear(bytes.subarray(from, to), address, port);
    else if (first >= 20 && first < 64 && this.#ice.knows(address, port))
      this.#dtls?.hear(Buffer.from(bytes.subarray(from, to)));
    return 'nothing';
  }

  /** The packet as it is to be sent; `undefined`: it cannot be yet. Good until some more have been made. */
  protect(packet: Uint8Array, kind: 'rtp' | 'rtcp'): Uint8Array | undefined {
    if (this.#sender === undefined) return undefined;
    this.#turn = (this.#turn + 1) % this.#buffers.length;
    const buffer = this.#buffers[this.#turn]!;
    return buffer.subarray(
      0,
      kind === 'rtp' ? this.#sender.rtp(packet, buffer) : this.#sender.rtcp(packet, buffer),
    );
  }

  /** Sends nothing more. Idempotent. */
  close(): void {
    this.#dtls?.close();
    this.#ready.resolve();
  }

  #openPacket(bytes: Uint8Array, from: number, to: number): Opened {
    if (this.#receiver === undefined || to - from < 2) return 'nothing';
    const second = bytes[from + 1]!;
    // RFC 5761 §4: what would be payload types 64 to 95 are types of RTCP.
    const isRtcp = second >= 192 && second < 224;
    this.end = isRtcp ? this.#receiver.rtcp(bytes, from, to) : this.#receiver.rtp(bytes, from, to);
    return this.end < 0 ? 'nothing' : isRtcp ? 'rtcp' : 'rtp';
  }
}
