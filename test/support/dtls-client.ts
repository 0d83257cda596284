/** The client's side of a DTLS handshake as a browser plays it, with what a test may want to be wrong. */
import { createECDH, type KeyObject, randomBytes, sign } from 'node:crypto';
import { createDtlsIdentity, type DtlsIdentity } from '../../src/media/dtls-identity.ts';
import {
  decryptRecord,
  encryptRecord,
  extendedMasterSecret,
  recordKeys,
  srtpKeys,
  verifyData,
} from '../../src/media/dtls-keys.ts';
import { type HandshakeMessage, HandshakeMessages } from '../../src/media/dtls-messages.ts';
import { formatCertificate, HANDSHAKE } from '../../src/wire/dtls-handshake.ts';
import {
  CONTENT,
  formatHandshake,
  formatRecord,
  HANDSHAKE_HEADER_BYTES,
  readFragments,
  readRecords,
} from '../../src/wire/dtls-record.ts';

/** SRTP_AES128_CM_HMAC_SHA1_80, P-256, ECDSA with SHA-256, extended master secret. */
export const EXTENSIONS = Buffer.from(
  '000a00040002001700 0d000400020403000e000500020001000017 0000'.replace(/ /g, ''),
  'hex',
);

export interface DtlsClientOptions {
  readonly identity?: DtlsIdentity;
  /** Another key than the certificate's. */
  readonly signWith?: KeyObject;
  /** What Finished says in the place of the truth. */
  readonly finished?: Buffer;
  /** Extensions of the ClientHello. */
  readonly extensions?: Buffer;
  /** What is said in the place of each handshake message's body; `undefined`: the message is left out. */
  readonly change?: (type: number, body: Buffer) => Buffer | undefined;
}

/** Drives the handshake by hand: each method gives the datagram to send. */
export class DtlsClient {
  readonly identity: DtlsIdentity;
  readonly #options: DtlsClientOptions;
  readonly #random = randomBytes(32);
  readonly #messages = new HandshakeMessages();
  readonly #transcript: Buffer[] = [];
  readonly #received = new Map<number, HandshakeMessage>();
  #sequence = 0;
  /** By epoch. */
  readonly #records: [number, number] = [0, 0];
  /** The last flight: type, epoch and text of each record. */
  #flight: [type: number, epoch: 0 | 1, fragment: Buffer][] = [];
  #master: Buffer = Buffer.alloc(0);
  #serverRandom: Buffer = Buffer.alloc(0);
  #keys: ReturnType<typeof recordKeys> | undefined;
  /** What the server's alerts said. */
  readonly alerts: number[] = [];
  /** Whether the server's Finished came, and was right. */
  finished = false;

  constructor(options: DtlsClientOptions = {}) {
    this.#options = options;
    this.identity = options.identity ?? createDtlsIdentity(Date.parse('2026-01-01'));
  }

  /** Whether the server's first flight came. */
  get answered(): boolean {
    return this.#received.has(HANDSHAKE.serverHelloDone);
  }

  get keys() {
    return srtpKeys(this.#master, { client: this.#random, server: this.#serverRandom });
  }

  /** The ClientHello, in fragments of so many bytes: a datagram each. */
  hello(fragmentBytes = 1000): Buffer[] {
    const { extensions = EXTENSIONS } = this.#options;
    const size = Buffer.alloc(2);
    size.writeUInt16BE(extensions.length);
    const fixed = Buffer.concat([
      Buffer.of(0xfe, 0xfd),
      this.#random,
      Buffer.from('00000002c02b0100', 'hex'),
    ]);
    const message = this.#message(HANDSHAKE.clientHello, Buffer.concat([fixed, size, extensions]));
    const body = message.subarray(HANDSHAKE_HEADER_BYTES);
    return Array.from({ length: Math.ceil(body.length / fragmentBytes) }, (_, part) => {
      const head = Buffer.from(message.subarray(0, HANDSHAKE_HEADER_BYTES));
      const slice = body.subarray(part * fragmentBytes, (part + 1) * fragmentBytes);
      head.writeUIntBE(part * fragmentBytes, 6, 3);
      head.writeUIntBE(slice.length, 9, 3);
      return this.record(CONTENT.handshake, 0, Buffer.concat([head, slice]));
    });
  }

  /** Takes the server's datagram in. */
  hear(datagram: Uint8Array): void {
    for (const record of readRecords(datagram)) {
      const text =
        record.epoch === 1 && this.#keys ? decryptRecord(record, this.#keys.server) : record.fragment;
      if (text === undefined) continue;
      if (record.type === CONTENT.alert) this.alerts.push(text[1]!);
      if (record.type !== CONTENT.handshake) continue;
      for (const fragment of readFragments(text))
        for (const message of this.#messages.take(fragment)) this.#onMessage(message);
    }
  }

  /** Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished. */
  answer(): Buffer {
    const { certificate, privateKey } = this.identity;
    const exchange = createECDH('prime256v1');
    const point = exchange.generateKeys();
    this.#flight = [];
    this.#say(HANDSHAKE.certificate, formatCertificate(certificate));
    this.#say(HANDSHAKE.clientKeyExchange, Buffer.concat([Buffer.of(point.length), point]));
    // curve type, curve, length, point
    const theirs =
      this.#received.get(HANDSHAKE.serverKeyExchange)?.body.subarray(4, 4 + 65) ?? Buffer.alloc(0);
    this.#serverRandom = this.#received.get(HANDSHAKE.serverHello)?.body.subarray(2, 34) ?? Buffer.alloc(0);
    this.#master = extendedMasterSecret(exchange.computeSecret(theirs), this.#transcript);
    const key = this.#options.signWith ?? privateKey;
    const signature = sign('sha256', Buffer.concat(this.#transcript), key);
    const algorithm = key.asymmetricKeyType === 'rsa' ? 1 : 3;
    const head = Buffer.from([4, algorithm, signature.length >> 8, signature.length & 255]);
    this.#say(HANDSHAKE.certificateVerify, Buffer.concat([head, signature]));
    this.#flight.push([CONTENT.changeCipherSpec, 0, Buffer.of(1)]);
    this.#keys = recordKeys(this.#master, { client: this.#random, server: this.#serverRandom });
    const right = verifyData(this.#master, 'client', this.#transcript);
    this.#say(HANDSHAKE.finished, this.#options.finished ?? right, 1);
    return this.again();
  }

  /** The last answer once more: its records have numbers of their own each time. */
  again(): Buffer {
    return Buffer.concat(this.#flight.map((record) => this.record(...record)));
  }

  /** A record as it goes over the wire. */
  record(type: number, epoch: 0 | 1, fragment: Buffer): Buffer {
    const record = { type, epoch, sequence: this.#records[epoch]++, fragment };
    return formatRecord(epoch === 1 && this.#keys ? encryptRecord(record, this.#keys.client) : record);
  }

  /** Once it has shaken hands: an alert; 1 is a warning, 2 fatal. */
  alert(level: 1 | 2, number: number): Buffer {
    if (this.#keys === undefined) throw new Error('there are no keys yet');
    const fragment = Buffer.of(level, number);
    return this.record(CONTENT.alert, 1, fragment);
  }

  #onMessage(message: HandshakeMessage): void {
    this.#received.set(message.type, message);
    if (message.type === HANDSHAKE.finished)
      this.finished = verifyData(this.#master, 'server', this.#transcript).equals(message.body);
    this.#transcript.push(formatHandshake(message.type, message.sequence, message.body));
  }

  #say(type: number, body: Buffer, epoch: 0 | 1 = 0): void {
    const message = this.#message(type, body);
    if (message.length > 0) this.#flight.push([CONTENT.handshake, epoch, message]);
  }

  #message(type: number, body: Buffer): Buffer {
    const said = this.#options.change === undefined ? body : this.#options.change(type, body);
    if (said === undefined) return Buffer.alloc(0);
    const message = formatHandshake(type, this.#sequence++, said);
    this.#transcript.push(message);
    return message;
  }
}
