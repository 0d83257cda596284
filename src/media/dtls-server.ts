/**
 * The server's side of a DTLS 1.2 handshake for SRTP (RFC 6347, RFC 5764), as RFC 8827 §6.5 has it: what it is to yield is the keys of
 * SRTP and the certainty that the far end holds the certificate that its SDP announced. No data goes over it.
 *
 *     client                                  server
 *     ClientHello               -------->                              flight 1
 *                               <--------     ServerHello, Certificate, ServerKeyExchange,
 *                                             CertificateRequest, ServerHelloDone     4
 *     Certificate, ClientKeyExchange,
 *     CertificateVerify, [ChangeCipherSpec],
 *     Finished                  -------->                              5
 *                               <--------     [ChangeCipherSpec], Finished            6
 *
 * Departs from RFC 6347 §4.2.1: no HelloVerifyRequest, because only who passed a connectivity check is heard (RFC 8842 §7 has ICE first). Who
 * knows the credentials may have forged that check's address, so that our flight is not sent again and again to who did not ask.
 */
import {
  createECDH,
  type ECDH,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import {
  ALERT,
  type CertificateVerify,
  formatCertificate,
  formatCertificateRequest,
  formatServerHello,
  formatServerKeyExchange,
  HANDSHAKE,
  keyExchangeParameters,
  parseCertificate,
  parseCertificateVerify,
  parseClientHello,
  parseClientKeyExchange,
  RANDOM_BYTES,
} from '../wire/dtls-handshake.ts';
import {
  CONTENT,
  type DtlsRecord,
  formatHandshake,
  formatRecord,
  readFragments,
  readRecords,
} from '../wire/dtls-record.ts';
import type { Fingerprint } from '../wire/sdp.ts';
import { type DtlsIdentity, hasFingerprint, isSoundKey } from './dtls-identity.ts';
import {
  decryptRecord,
  encryptRecord,
  extendedMasterSecret,
  type RecordKey,
  recordKeys,
  srtpKeys,
  verifyData,
} from './dtls-keys.ts';
import { type HandshakeMessage, HandshakeMessages } from './dtls-messages.ts';
import type { MasterKey } from './srtp-keys.ts';

export interface DtlsServerOptions {
  readonly identity: DtlsIdentity;
  /** Of the certificate that the client must have. */
  readonly fingerprint: Fingerprint;
  readonly clock: Clock;
  readonly send: (datagram: Buffer) => void;
  /** Once: the far end is who it should be. */
  readonly onKeys: (keys: { readonly receive: MasterKey; readonly send: MasterKey }) => void;
  /** Once: there will be no keys. */
  readonly onFailed: (why: string) => void;
  /** Once, after the keys: the far end has ended the association, by close_notify or with a fatal alert of this number. */
  readonly onEnded: (by: 'closeNotify' | number) => void;
}

/** RFC 6347 §4.2.4.1 suggests a second; a caller waits for it. */
const FIRST_RESEND_MS = 400;
const MOST_RESENDS = 6;

/** So many times the bytes that came may be sent to who may not hear them, as QUIC has it (RFC 9000 §8.1). */
const UNHEARD_BYTES = 3;

const FATAL = 2;
/** Of an alert: its level, its number. */
const ALERT_BYTES = 2;
const CHANGE_CIPHER_SPEC = Buffer.of(1);

/** The message that is to come next of the client; `over`: none that matters. */
type Awaited =
  | 'clientHello'
  | 'certificate'
  | 'clientKeyExchange'
  | 'certificateVerify'
  | 'finished'
  | 'over';

/** The owner closes it. */
export class DtlsServer {
  readonly #options: DtlsServerOptions;
  readonly #messages = new HandshakeMessages();
  /** Every message so far, both sides'. */
  readonly #transcript: Buffer[] = [];
  readonly #randoms = { client: Buffer.alloc(0), server: randomBytes(RANDOM_BYTES) };
  #awaited: Awaited = 'clientHello';
  #exchange: ECDH | undefined;
  #certificate: X509Certificate | undefined;
  #master: Buffer = Buffer.alloc(0);
  #keys: { readonly client: RecordKey; readonly server: RecordKey } | undefined;
  /** The last flight, to be sent again. */
  #flight: readonly Omit<DtlsRecord, 'sequence'>[] = [];
  #flightBytes = 0;
  /** By epoch. */
  readonly #recordsSent: [number, number] = [0, 0];
  #messagesSent = 0;
  /** Bytes that may be sent to the far end before it has shown that it hears: less than none, after a long first flight. */
  #unheard = 0;
  /** The record of the far end's Finished, of the latest one. */
  #finishedIn = -1;
  #resend: Timer | undefined;
  #closed = false;

  constructor(options: DtlsServerOptions) {
    this.#options = options;
  }

  /** Takes a datagram in. Never throws. */
  hear(datagram: Uint8Array): void {
    this.#unheard += datagram.length * UNHEARD_BYTES;
    let again = false;
    for (const record of readRecords(datagram)) if (this.#repeats(record)) again = true;
    // RFC 6347 §4.2.4: who repeats its flight did not get ours.
    if (again) this.#sendAgain();
  }

  /** Sends nothing more. Idempotent. */
  close(): void {
    this.#stopResending();
    this.#closed = true;
    this.#awaited = 'over';
    this.#flight = [];
    this.#exchange = undefined;
    this.#master.fill(0);
  }

  /** Takes a record in; whether it is the first or the last of the far end's flights, once more. */
  #repeats(record: DtlsRecord): boolean {
    const text = this.#textOf(record);
    if (text === undefined) return false;
    const { type, epoch, sequence } = record;
    if (type === CONTENT.alert && text.length === ALERT_BYTES) this.#onAlert(text[0]!, text[1]!, epoch);
    // ChangeCipherSpec says nothing that the epoch does not say too.
    if (type !== CONTENT.handshake) return false;
    if (this.#awaited === 'over')
      return epoch === 1 && text[0] === HANDSHAKE.finished && this.#isLater(sequence);
    let again = false;
    for (const fragment of readFragments(text)) {
      again ||= fragment.type === HANDSHAKE.clientHello && this.#awaited !== 'clientHello';
      for (const message of this.#messages.take(fragment)) this.#onMessage(message, record);
    }
    return again;
  }

  /** Whether a record of the far end's second epoch is not an old one, which anybody may have sent again (RFC 6347 §4.1.2.6). */
  #isLater(sequence: number): boolean {
    const later = sequence > this.#finishedIn;
    if (later) this.#finishedIn = sequence;
    return later;
  }

  /** `undefined`: of an epoch that there is not, or not the far end's. */
  #textOf(record: DtlsRecord): Buffer | undefined {
    if (record.epoch === 0) return record.fragment;
    return record.epoch === 1 && this.#keys ? decryptRecord(record, this.#keys.client) : undefined;
  }

  /** Others than these are warnings, that mean nothing here. */
  #onAlert(level: number, number: number, epoch: number): void {
    const isClose = number === ALERT.closeNotify;
    if (this.#closed || (level !== FATAL && !isClose)) return;
    if (this.#awaited !== 'over') return this.#fail(`the far end ended the handshake with alert ${number}`);
    // In the clear it may be anybody's.
    if (epoch === 0) return;
    this.close();
    this.#options.onEnded(isClose ? 'closeNotify' : number);
  }

  #onMessage(message: HandshakeMessage, { epoch, sequence }: DtlsRecord): void {
    const awaited = this.#awaited;
    if (awaited === 'over') return;
    // All but Finished come in the clear; Finished never does.
    if (message.type !== HANDSHAKE[awaited] || (epoch === 1) !== (awaited === 'finished'))
      return this.#fail(`message ${message.type} came in the place of ${awaited}`, ALERT.unexpectedMessage);
    switch (awaited) {
      case 'clientHello':
        return this.#onClientHello(message);
      case 'certificate':
        return this.#onCertificate(message);
      case 'clientKeyExchange':
        return this.#onClientKeyExchange(message);
      case 'certificateVerify':
        return this.#onCertificateVerify(message);
      case 'finished':
        return this.#onFinished(message, sequence);
    }
  }

  #onClientHello(message: HandshakeMessage): void {
    const hello = parseClientHello(message.body);
    if (hello === undefined) return this.#fail('the ClientHello cannot be read', ALERT.decodeError);
    if (hello.missing.length > 0)
      return this.#fail(`the far end does not offer ${hello.missing.join(', ')}`, ALERT.handshakeFailure);
    this.#keep(message);
    const { certificate, privateKey } = this.#options.identity;
    this.#randoms.client = Buffer.from(hello.random);
    this.#exchange = createECDH('prime256v1');
    const parameters = keyExchangeParameters(this.#exchange.generateKeys());
    const { client, server } = this.#randoms;
    const signature = sign('sha256', Buffer.concat([client, server, parameters]), privateKey);
    this.#awaited = 'certificate';
    this.#answer([
      this.#handshake(HANDSHAKE.serverHello, formatServerHello(server, hello.offers)),
      this.#handshake(HANDSHAKE.certificate, formatCertificate(certificate)),
      this.#handshake(HANDSHAKE.serverKeyExchange, formatServerKeyExchange(parameters, signature)),
      this.#handshake(HANDSHAKE.certificateRequest, formatCertificateRequest()),
      this.#handshake(HANDSHAKE.serverHelloDone, Buffer.alloc(0)),
    ]);
    this.#resendAfter(FIRST_RESEND_MS, MOST_RESENDS);
  }

  /** RFC 5763 §5: whoever has another certificate than SDP announced is somebody else. */
  #onCertificate(message: HandshakeMessage): void {
    const certificate = parseCertificate(message.body);
    if (certificate === undefined || !hasFingerprint(certificate, this.#options.fingerprint))
      return this.#fail('the certificate has not the fingerprint of the SDP', ALERT.badCertificate);
    try {
      this.#certificate = new X509Certificate(certificate);
    } catch {
      return this.#fail('the certificate cannot be read', ALERT.badCertificate);
    }
    this.#keep(message);
    this.#awaited = 'clientKeyExchange';
  }

  #onClientKeyExchange(message: HandshakeMessage): void {
    const point = parseClientKeyExchange(message.body);
    let shared: Buffer | undefined;
    try {
      shared = point && this.#exchange?.computeSecret(point);
    } catch {
      // The point is not on the curve.
    }
    if (shared === undefined) return this.#fail('the key exchange cannot be used', ALERT.decodeError);
    this.#keep(message);
    this.#exchange = undefined;
    this.#master = extendedMasterSecret(shared, this.#transcript);
    shared.fill(0);
    this.#awaited = 'certificateVerify';
  }

  /** RFC 5246 §7.4.8: only this shows that the far end has the certificate's key, and not its text alone. */
  #onCertificateVerify(message: HandshakeMessage): void {
    const parsed = parseCertificateVerify(message.body);
    if (parsed === undefined || !this.#isSigned(parsed))
      return this.#fail('the far end does not have the key of its certificate', ALERT.decryptError);
    this.#keep(message);
    this.#keys = recordKeys(this.#master, this.#randoms);
    this.#awaited = 'finished';
  }

  /** Never throws: a certificate may be of a key that OpenSSL cannot read. */
  #isSigned({ keyType, signature }: CertificateVerify): boolean {
    try {
      const key = this.#certificate?.publicKey;
      if (key?.asymmetricKeyType !== keyType || !isSoundKey(key)) return false;
      return verify('sha256', Buffer.concat(this.#transcript), key, signature);
    } catch {
      return false;
    }
  }

  #onFinished(message: HandshakeMessage, sequence: number): void {
    const expected = verifyData(this.#master, 'client', this.#transcript);
    if (message.body.length !== expected.length || !timingSafeEqual(message.body, expected))
      return this.#fail('the handshake was tampered with', ALERT.decryptError);
    this.#keep(message);
    const own = verifyData(this.#master, 'server', this.#transcript);
    this.#stopResending();
    this.#awaited = 'over';
    this.#finishedIn = sequence;
    this.#answer([
      { type: CONTENT.changeCipherSpec, epoch: 0, fragment: CHANGE_CIPHER_SPEC },
      this.#handshake(HANDSHAKE.finished, own, 1),
    ]);
    const { client, server } = srtpKeys(this.#master, this.#randoms);
    this.#transcript.length = 0;
    this.#master.fill(0);
    this.#options.onKeys({ receive: client, send: server });
  }

  /** Into the transcript, as if it had come in one fragment (RFC 6347 §4.2.6). */
  #keep({ type, sequence, body }: HandshakeMessage): void {
    this.#transcript.push(formatHandshake(type, sequence, body));
  }

  /** A message of ours, in the transcript too. */
  #handshake(type: number, body: Buffer, epoch = 0): Omit<DtlsRecord, 'sequence'> {
    const fragment = formatHandshake(type, this.#messagesSent++, body);
    this.#transcript.push(fragment);
    return { type: CONTENT.handshake, epoch, fragment };
  }

  #answer(flight: readonly Omit<DtlsRecord, 'sequence'>[]): void {
    this.#flight = flight;
    this.#sendFlight();
  }

  /** In one datagram: it is some 800 bytes at the most. Each record has a number of its own each time. */
  #sendFlight(): void {
    if (this.#flight.length === 0) return;
    const datagram = Buffer.concat(this.#flight.map((one) => this.#sealed(one)));
    this.#unheard -= datagram.length;
    this.#flightBytes = datagram.length;
    this.#options.send(datagram);
  }

  /** Of a handshake that is over, its far end has shown that it hears. */
  #sendAgain(): void {
    if (this.#awaited === 'over' || this.#unheard >= this.#flightBytes) this.#sendFlight();
  }

  #sealed(record: Omit<DtlsRecord, 'sequence'>): Buffer {
    const sequence = record.epoch === 0 ? this.#recordsSent[0]++ : this.#recordsSent[1]++;
    const numbered = { ...record, sequence };
    const key = record.epoch === 0 ? undefined : this.#keys?.server;
    return formatRecord(key === undefined ? numbered : encryptRecord(numbered, key));
  }

  #resendAfter(delayMs: number, left: number): void {
    this.#resend = this.#options.clock.after(delayMs, () => {
      if (left === 0) return this.#fail('the far end does not answer');
      this.#sendAgain();
      this.#resendAfter(delayMs * 2, left - 1);
    });
  }

  #stopResending(): void {
    this.#resend?.cancel();
    this.#resend = undefined;
  }

  #fail(why: string, alert?: number): void {
    if (alert !== undefined)
      this.#answer([{ type: CONTENT.alert, epoch: 0, fragment: Buffer.of(FATAL, alert) }]);
    this.close();
    this.#options.onFailed(why);
  }
}
