/** The far end of a line over ICE and DTLS-SRTP, without a browser: what a test sends is what it says. */
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { crc32 } from 'node:zlib';
import type { SecureParameters } from '../../src/media/session-description.ts';
import { SrtpReceiver, SrtpSender } from '../../src/media/srtp.ts';
import { MOST_SRTP_BYTES } from '../../src/media/srtp-keys.ts';
import { DtlsClient, type DtlsClientOptions } from './dtls-client.ts';

export interface Check {
  readonly username: string;
  readonly password: string;
  readonly useCandidate?: boolean;
  readonly controlled?: boolean;
}

/** A connectivity check as a browser sends it (RFC 8445 §7.2.2). */
export function bindingRequest({ username, password, useCandidate, controlled }: Check): Buffer {
  const attributes = [
    attribute(0x0006, Buffer.from(username)),
    attribute(0x0024, Buffer.of(110, 0, 1, 255)),
    attribute(controlled ? 0x8029 : 0x802a, randomBytes(8)),
    ...(useCandidate ? [attribute(0x0025, Buffer.alloc(0))] : []),
  ];
  const head = Buffer.concat([Buffer.from('000100002112a442', 'hex'), randomBytes(12)]);
  const signed = sized(Buffer.concat([head, ...attributes]), 24);
  const tag = createHmac('sha1', password).update(signed).digest();
  const whole = sized(Buffer.concat([signed, attribute(0x0008, tag)]), 8);
  const check = Buffer.alloc(4);
  check.writeUInt32BE((crc32(whole) ^ 0x5354554e) >>> 0);
  return Buffer.concat([whole, attribute(0x8028, check)]);
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.of(type >> 8, type & 255, value.length >> 8, value.length & 255);
  return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)]);
}

/** With the length of what is there and of `more` that follows. */
function sized(message: Buffer, more: number): Buffer {
  message.writeUInt16BE(message.length - 20 + more, 2);
  return message;
}

export interface BrowserPeer {
  readonly port: number;
  /** What a line is to be connected with. */
  readonly parameters: SecureParameters;
  /** Passes a check: resolves when it was answered. */
  check(to: number, useCandidate?: boolean): Promise<void>;
  /** Shakes hands; resolves when there are keys. */
  secure(to: number): Promise<void>;
  /** Ends DTLS with a fatal alert. */
  abandon(to: number): void;
  /** Sends RTP, protected. */
  send(packet: Uint8Array, to: number): void;
  sendPlain(packet: Uint8Array, to: number): void;
  /** Plain RTP that came, protected, so far. */
  readonly heard: readonly Buffer[];
  /** Datagrams that came, of whatever kind. */
  readonly datagrams: number;
  /** Resolves when so many packets were heard. */
  hears(packets: number): Promise<void>;
  close(): void;
}

/** On a free port of 127.0.0.1. */
export async function openBrowserPeer(options: DtlsClientOptions = {}): Promise<BrowserPeer> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const client = new DtlsClient(options);
  const ice = { ufrag: randomBytes(3).toString('hex'), password: randomBytes(12).toString('hex') };
  const heard: Buffer[] = [];
  let datagrams = 0;
  let keys: { receiver: SrtpReceiver; sender: SrtpSender } | undefined;
  let changed = Promise.withResolvers<void>();
  socket.on('message', (bytes) => {
    datagrams++;
    const first = bytes[0]!;
    if (first >= 20 && first < 64) client.hear(bytes);
    else if (first >= 128 && keys !== undefined && bytes[1]! < 192) {
      const end = keys.receiver.rtp(bytes, 0, bytes.length);
      if (end > 0) heard.push(bytes.subarray(0, end));
    }
    changed.resolve();
    changed = Promise.withResolvers();
  });
  const until = async (enough: () => boolean) => {
    while (!enough()) await changed.promise;
  };
  const sendPlain = (packet: Uint8Array, to: number) => socket.send(packet, to, '127.0.0.1');
  return {
    port: socket.address().port,
    parameters: { ice, remoteUfrag: 'peer', remoteFingerprint: client.identity.fingerprint },
    async check(to, useCandidate = true) {
      const before = datagrams;
      const { ufrag, password } = ice;
      sendPlain(bindingRequest({ username: `${ufrag}:peer`, password, useCandidate }), to);
      await until(() => datagrams > before);
    },
    async secure(to) {
      const before = datagrams;
      for (const datagram of client.hello()) sendPlain(datagram, to);
      await until(() => datagrams > before);
      sendPlain(client.answer(), to);
      await until(() => client.finished);
      keys = { receiver: new SrtpReceiver(client.keys.server), sender: new SrtpSender(client.keys.client) };
    },
    abandon: (to) => sendPlain(client.alert(2, 80), to),
    send(packet, to) {
      if (keys === undefined) throw new Error('there are no keys yet');
      const out = new Uint8Array(MOST_SRTP_BYTES);
      sendPlain(out.subarray(0, keys.sender.rtp(packet, out)), to);
    },
    sendPlain,
    heard,
    get datagrams() {
      return datagrams;
    },
    hears: (packets) => until(() => heard.length >= packets),
    close: () => socket.close(),
  };
}
