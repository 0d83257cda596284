/** The network between the server and its phones: SIP that is late, lost or doubled, and RTP that is not. */
import { reasonOf } from '../../../src/errors.ts';
import type { Log } from '../../../src/log.ts';
import type { DatagramListener, RtpSocket, RtpSockets } from '../../../src/media/rtp-sockets.ts';
import { deliver } from '../../../src/sip/deliver.ts';
import type { Transport, TransportHandler } from '../../../src/sip/transport.ts';
import type { ListenAddress } from '../../../src/sip/user-agent.ts';
import {
  formatSipMessage,
  header,
  parseSipMessage,
  type SipMessage,
  type SipRequest,
} from '../../../src/wire/sip-message.ts';
import type { Gates } from './gates.ts';
import { PHONE, Phone } from './phone.ts';

export class Wire {
  readonly phones: Phone[] = [];
  /** So many of the next datagrams are lost, or come twice. */
  lost = 0;
  doubled = 0;
  /** Every third is lost. */
  bad = false;
  /** What went over it, in short, for who reads of a case that failed. */
  readonly trace: string[] = [];
  /** Errors that a message brought about: there are to be none. */
  readonly defects: string[] = [];
  readonly #gates: Gates;
  readonly #log: Log;
  #handler: TransportHandler | undefined;
  #transport: Transport | undefined;
  #datagrams = 0;
  #sent = 0;

  constructor(gates: Gates, log: Log) {
    this.#gates = gates;
    this.#log = {
      ...log,
      error: (fields, message) => void this.defects.push(`${message} ${JSON.stringify(fields)}`),
    };
  }

  readonly open = async (listening: ListenAddress, handler: TransportHandler): Promise<Transport> => {
    this.#handler = handler;
    this.#transport = {
      listening,
      localAddress: () => listening,
      send: (bytes) => this.#carry('>', bytes, (arrived) => this.#toPhone(arrived)),
      close: async () => {},
    };
    return this.#transport;
  };

  /** A phone that calls the server. */
  dial(offers: boolean): void {
    this.#add(new Phone(this.#nextPort, (message) => this.#fromPhone(message))).dial(offers);
  }

  /** Sending to the phones fails for good: RFC 3261 §18.4. */
  break(): void {
    for (const phone of this.phones) phone.unreachable = true;
    this.#handler?.onSendError(PHONE, new Error('nobody is there'));
  }

  get #nextPort(): number {
    return 40_000 + 2 * this.phones.length;
  }

  #add(phone: Phone): Phone {
    this.phones.push(phone);
    return phone;
  }

  #fromPhone(message: SipMessage): void {
    this.#carry('<', formatSipMessage(message), (bytes) => {
      if (this.#transport !== undefined && this.#handler !== undefined)
        deliver(bytes, PHONE, this.#transport, this.#handler, this.#log);
    });
  }

  #toPhone(bytes: Uint8Array): void {
    const parsed = parseSipMessage(bytes);
    if (!parsed.ok) throw new Error(`the server sent nonsense: ${parsed.reason}`);
    const { message } = parsed;
    const callId = header(message, 'call-id');
    const phone = this.phones.find((phone) => phone.callId === callId);
    if (phone !== undefined) phone.receive(message);
    else if (message.kind === 'request' && message.method === 'INVITE') this.#called(message);
  }

  #called(invite: SipRequest): void {
    this.#add(new Phone(this.#nextPort, (message) => this.#fromPhone(message), invite)).receive(invite);
  }

  #copies(): 0 | 1 | 2 {
    this.#sent++;
    if (this.bad && this.#sent % 3 === 0) return 0;
    if (this.lost > 0) {
      this.lost--;
      return 0;
    }
    if (this.doubled === 0) return 1;
    this.doubled--;
    return 2;
  }

  /** Each in a lane of its own: UDP keeps no order. */
  #carry(way: string, bytes: Uint8Array, arrive: (bytes: Uint8Array) => void): void {
    const copies = this.#copies();
    const text = Buffer.from(bytes).toString();
    this.trace.push(
      `${way}${copies} ${text.slice(0, text.indexOf('\r'))} ${/^CSeq: (.*)$/im.exec(text)?.[1]}`,
    );
    for (let copy = 0; copy < copies; copy++)
      this.#gates.post(`datagram ${this.#datagrams++}`, () => {
        try {
          arrive(bytes);
        } catch (thrown) {
          this.defects.push(`${reasonOf(thrown)} ${text}`);
        }
      });
  }
}

/** UDP ports of one process that is nowhere. */
export class Air implements RtpSockets {
  readonly #bound = new Map<number, DatagramListener | undefined>();

  /** How many are bound. */
  get open(): number {
    return this.#bound.size;
  }

  async bind(_address: string, port: number): Promise<RtpSocket | undefined> {
    if (this.#bound.has(port)) return undefined;
    this.#bound.set(port, undefined);
    return {
      port,
      sendsAtOnce: true,
      listen: (listener) => this.#bound.set(port, listener),
      send: (_bytes, _port, _address, onSent) => onSent(null),
      close: () => this.#bound.delete(port),
    };
  }

  poll(): boolean {
    return true;
  }

  /** A datagram of a phone arrives. */
  arrive(port: number, from: number, bytes: Uint8Array, now: number): void {
    this.#bound.get(port)?.datagram(bytes, 0, bytes.length, PHONE.address, from, now);
  }

  /** The process that had them is gone. */
  closeAll(): void {
    this.#bound.clear();
  }
}
