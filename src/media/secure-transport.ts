/**
 * What lies between a line and its RTP socket when the far end is a browser: ICE, DTLS and SRTP on one port (RFC 7983, RFC 5764, RFC 5761).
 * Nothing reaches the line before the far end has proven to be who its description said.
 */
import type { Clock, Timer } from '../clock.ts';
import type { DtlsIdentity } from './dtls-identity.ts';
import { DtlsServer } from './dtls-server.ts';
import { IceLite } from './ice-lite.ts';
import type { SecureParameters } from './session-description.ts';
import { SrtpReceiver, SrtpSender } from './srtp.ts';
import { MOST_SRTP_BYTES } from './srtp-keys.ts';

export interface SecureTransportOptions {
  readonly identity: DtlsIdentity;
  readonly clock: Clock;
  /** Whether what is sent may be written over at once. */
  readonly sendsAtOnce: boolean;
  readonly send: (bytes: Uint8Array, port: number, address: string) => void;
  /** The far end is to be reached there from now on. */
  readonly onSelected: (address: string, port: number) => void;
  /** Once: there is, or will be, no media. */
  readonly onLost: (loss: SecureLoss) => void;
}

/** How a browser's media was lost: by its own close_notify, by saying nothing at all, or because DTLS failed. */
export interface SecureLoss {
  readonly by: 'closed' | 'silent' | 'failed';
  readonly message: string;
}

/** What a datagram was: nothing for the line, or a packet for it, plain from now on, that ends at `end`. */
export type Opened = 'nothing' | 'rtp' | 'rtcp';

/** From the descriptions to the keys: a browser needs a second, or a few over a bad network and a TURN server. */
const HANDSHAKE_MS = 20_000;
/** A browser checks for consent every five seconds at most, and is gone when it has not for thirty (RFC 7675 §5.1). */
const CONSENT_MS = 30_000;
/** How often it is looked whether something came, in that time. */
const LOOKS = 3;
/** Whoever hangs up closes both ways at once: BYE, which says more, may be the slower one. */
const BYE_MS = 2000;

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
  /** What is waited for next: the keys, another look, a BYE. */
  #patience: Timer | undefined;
  /** Something authentic came since the last look. */
  #alive = false;
  #isOver = false;

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
    this.#wait(HANDSHAKE_MS, () =>
      this.#lose({
        by: 'failed',
        message: `The far end did not finish ICE and DTLS within ${HANDSHAKE_MS / 1000} s.`,
      }),
    );
    this.#dtls = new DtlsServer({
      identity: this.#options.identity,
      fingerprint: parameters.remoteFingerprint,
      clock: this.#options.clock,
      send: (datagram) => this.#options.send(datagram, this.#selected.port, this.#selected.address),
      onKeys: ({ receive, send }) => {
        this.#receiver = new SrtpReceiver(receive);
        this.#sender = new SrtpSender(send);
        this.#ready.resolve();
        this.#watch(LOOKS);
      },
      onFailed: (why) => this.#lose({ by: 'failed', message: `The DTLS handshake failed: ${why}.` }),
      onEnded: (by) => {
        if (by === 'closeNotify') this.#wait(BYE_MS, () => this.#lose(CLOSED));
        else this.#lose({ by: 'failed', message: `The far end ended DTLS with alert ${by}.` });
      },
    });
  }

  /** Takes a datagram apart by its first byte (RFC 7983 §7), in place. Never throws. */
  open(bytes: Uint8Array, from: number, to: number, address: string, port: number): Opened {
    const first = from < to ? bytes[from]! : -1;
    if (first >= 128 && first < 192) return this.#openPacket(bytes, from, to);
    if (first >= 0 && first < 4) {
      if (this.#ice.hear(bytes.subarray(from, to), address, port)) this.#alive = true;
    } else if (first >= 20 && first < 64 && this.#ice.knows(address, port))
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
    this.#isOver = true;
    this.#patience?.cancel();
    this.#dtls?.close();
    this.#ready.resolve();
  }

  #wait(ms: number, action: () => void): void {
    this.#patience?.cancel();
    if (!this.#isOver) this.#patience = this.#options.clock.after(ms, action);
  }

  /** Departs from RFC 7675 §5.1: a lite agent asks nobody for consent, so what comes of the far end's own checks, and of its media, has to do. */
  #watch(left: number): void {
    this.#alive = false;
    this.#wait(CONSENT_MS / LOOKS, () => {
      if (this.#alive) this.#watch(LOOKS);
      else if (left > 1) this.#watch(left - 1);
      else this.#lose(SILENT);
    });
  }

  #lose(loss: SecureLoss): void {
    if (this.#isOver) return;
    this.close();
    this.#options.onLost(loss);
  }

  #openPacket(bytes: Uint8Array, from: number, to: number): Opened {
    if (this.#receiver === undefined || to - from < 2) return 'nothing';
    const second = bytes[from + 1]!;
    // RFC 5761 §4: what would be payload types 64 to 95 are types of RTCP.
    const isRtcp = second >= 192 && second < 224;
    this.end = isRtcp ? this.#receiver.rtcp(bytes, from, to) : this.#receiver.rtp(bytes, from, to);
    if (this.end < 0) return 'nothing';
    this.#alive = true;
    return isRtcp ? 'rtcp' : 'rtp';
  }
}

const CLOSED: SecureLoss = { by: 'closed', message: 'The far end closed its media (DTLS close_notify).' };
const SILENT: SecureLoss = {
  by: 'silent',
  message: `Nothing came from the far end, not even a check of ICE, for ${CONSENT_MS / 1000} s.`,
};
