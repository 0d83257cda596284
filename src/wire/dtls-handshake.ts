/**
 * The handshake messages of a DTLS 1.2 server for SRTP, in the one form that WebRTC demands of everybody (RFC 8827 §6.5):
 * ECDHE on P-256 with ECDSA and AES-128-GCM, both sides with a certificate, extended master secret. RFC 5246 §7.4, RFC 8422, RFC 5764. Level 0.
 */
import { DTLS_VERSION } from './dtls-record.ts';

export const HANDSHAKE = {
  clientHello: 1,
  serverHello: 2,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

/** RFC 5246 §7.2. */
export const ALERT = {
  closeNotify: 0,
  unexpectedMessage: 10,
  handshakeFailure: 40,
  badCertificate: 42,
  decodeError: 50,
  decryptError: 51,
} as const;

export const RANDOM_BYTES = 32;
const SUITE = 0xc02b; // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
/** RFC 5746 §3.3: says in the list of suites what an empty renegotiation_info says. */
const EMPTY_RENEGOTIATION = 0x00ff;
const P256 = 23;
const ECDSA_SHA256 = 0x0403;
const RSA_SHA256 = 0x0401;
const SRTP_AES128_CM_SHA1_80 = 0x0001;
const UNCOMPRESSED_POINT_BYTES = 65;

const EXTENSION = {
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  extendedMasterSecret: 23,
  renegotiationInfo: 0xff01,
} as const;

export interface ClientHello {
  readonly random: Buffer;
  /** What of the one form it does not offer; empty: it can be served. */
  readonly missing: readonly string[];
  /** RFC 5246 §7.4.1.4: no answer has an extension that was not offered. */
  readonly offers: { readonly pointFormats: boolean; readonly renegotiationInfo: boolean };
}

/** `undefined`: it is none. */
export function parseClientHello(body: Buffer): ClientHello | undefined {
  const sessionId = vector(body, 2 + RANDOM_BYTES, 1);
  const cookie = sessionId && vector(body, sessionId.next, 1);
  const suites = cookie && vector(body, cookie.next, 2);
  const compression = suites && vector(body, suites.next, 1);
  const extensions = compression && vector(body, compression.next, 2);
  if (extensions === undefined) return undefined;
  const found = extensions.next === body.length ? readExtensions(extensions.value) : undefined;
  if (found === undefined) return undefined;
  const offered = numbers(suites?.value ?? NOTHING);
  const pointFormats = found.get(EXTENSION.pointFormats);
  const renegotiation = found.get(EXTENSION.renegotiationInfo);
  const offers = (extension: number, wanted: number) =>
    numbers(vector(found.get(extension) ?? NOTHING, 0, 2)?.value ?? NOTHING).includes(wanted);
  const wanted: readonly (readonly [name: string, offered: boolean])[] = [
    // The minor version counts down: 1.2 is 0xfefd, 1.0 is 0xfeff.
    ['DTLS 1.2', body[0] === DTLS_VERSION >> 8 && body.readUInt16BE(0) <= DTLS_VERSION],
    ['ECDHE-ECDSA-AES128-GCM-SHA256', offered.includes(SUITE)],
    ['no compression', compression?.value.includes(0) === true],
    ['P-256', offers(EXTENSION.supportedGroups, P256)],
    // RFC 8422 §5.1.2: whoever says nothing takes them.
    ['uncompressed points', (pointFormats && vector(pointFormats, 0, 1)?.value.includes(0)) ?? true],
    ['ECDSA with SHA-256', offers(EXTENSION.signatureAlgorithms, ECDSA_SHA256)],
    ['SRTP_AES128_CM_HMAC_SHA1_80', offers(EXTENSION.useSrtp, SRTP_AES128_CM_SHA1_80)],
    ['extended master secret', found.has(EXTENSION.extendedMasterSecret)],
    // RFC 5746 §3.6: with anything in it the far end goes on with a handshake that was somebody else's.
    ['a first handshake', renegotiation === undefined || renegotiation.equals(NO_RENEGOTIATION)],
  ];
  return {
    random: body.subarray(2, 2 + RANDOM_BYTES),
    missing: wanted.filter(([, there]) => !there).map(([name]) => name),
    offers: {
      pointFormats: pointFormats !== undefined,
      renegotiationInfo: renegotiation !== undefined || offered.includes(EMPTY_RENEGOTIATION),
    },
  };
}

/** `undefined`: they are cut off, or one is there twice (RFC 5246 §7.4.1.4). */
function readExtensions(bytes: Buffer): ReadonlyMap<number, Buffer> | undefined {
  const found = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const one = vector(bytes, at + 2, 2);
    const type = one && bytes.readUInt16BE(at);
    if (one === undefined || type === undefined || found.has(type)) return undefined;
    found.set(type, one.value);
    at = one.next;
  }
  return found;
}

/** The answer to a ClientHello that offered these. */
export function formatServerHello(random: Uint8Array, offers: ClientHello['offers']): Buffer {
  const extensions = Buffer.concat([
    extension(EXTENSION.useSrtp, [0, 2, SRTP_AES128_CM_SHA1_80 >> 8, SRTP_AES128_CM_SHA1_80 & 255, 0]),
    extension(EXTENSION.extendedMasterSecret, []),
    ...(offers.pointFormats ? [extension(EXTENSION.pointFormats, [1, 0])] : []),
    // RFC 5746 §3.6: clients insist on it, though nothing is ever negotiated anew.
    ...(offers.renegotiationInfo ? [extension(EXTENSION.renegotiationInfo, NO_RENEGOTIATION)] : []),
  ]);
  // No session that could be resumed; no compression.
  return Buffer.concat([
    u16(DTLS_VERSION),
    random,
    Buffer.of(0),
    u16(SUITE),
    Buffer.of(0),
    sized(2, extensions),
  ]);
}

export function formatCertificate(der: Uint8Array): Buffer {
  return sized(3, sized(3, der));
}

/** The first certificate of the list: its owner's; `undefined`: there is none. */
export function parseCertificate(body: Buffer): Buffer | undefined {
  const certificate = vector(lastVector(body, 0, 3) ?? NOTHING, 0, 3)?.value;
  return certificate === undefined || certificate.length === 0 ? undefined : certificate;
}

/** What the server signs, behind the two randoms (RFC 8422 §5.4). `publicKey`: an uncompressed point. */
export function keyExchangeParameters(publicKey: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(3), u16(P256), sized(1, publicKey)]);
}

export function formatServerKeyExchange(parameters: Uint8Array, signature: Uint8Array): Buffer {
  return Buffer.concat([parameters, u16(ECDSA_SHA256), sized(2, signature)]);
}

/** Asks for an ECDSA certificate, or one of RSA, which old browsers make. */
export function formatCertificateRequest(): Buffer {
  const algorithms = Buffer.concat([u16(ECDSA_SHA256), u16(RSA_SHA256)]);
  return Buffer.concat([sized(1, Buffer.of(64, 1)), sized(2, algorithms), u16(0)]);
}

/** The client's point; `undefined`: it is none. */
export function parseClientKeyExchange(body: Buffer): Buffer | undefined {
  const point = lastVector(body, 0, 1);
  return point?.length === UNCOMPRESSED_POINT_BYTES && point[0] === 4 ? point : undefined;
}

export interface CertificateVerify {
  /** Of the key that the certificate must have. */
  readonly keyType: 'ec' | 'rsa';
  readonly signature: Buffer;
}

/** With SHA-256; `undefined`: it is none, or of an algorithm that was not asked for. */
export function parseCertificateVerify(body: Buffer): CertificateVerify | undefined {
  const signature = lastVector(body, 2, 2);
  if (signature === undefined) return undefined;
  const algorithm = body.readUInt16BE(0);
  if (algorithm === ECDSA_SHA256) return { keyType: 'ec', signature };
  return algorithm === RSA_SHA256 ? { keyType: 'rsa', signature } : undefined;
}

const NOTHING = Buffer.alloc(0);
/** A vector with nothing in it. */
const NO_RENEGOTIATION = Buffer.of(0);

/** The vector whose length, of `width` bytes, is at `at`; `undefined`: it is cut off. */
function vector(
  bytes: Buffer,
  at: number,
  width: 1 | 2 | 3,
): { readonly value: Buffer; readonly next: number } | undefined {
  if (at + width > bytes.length) return undefined;
  const next = at + width + bytes.readUIntBE(at, width);
  return next > bytes.length ? undefined : { value: bytes.subarray(at + width, next), next };
}

/** One with nothing behind it. */
function lastVector(bytes: Buffer, at: number, width: 1 | 2 | 3): Buffer | undefined {
  const one = vector(bytes, at, width);
  return one?.next === bytes.length ? one.value : undefined;
}

function numbers(list: Buffer): readonly number[] {
  return Array.from({ length: list.length >> 1 }, (_, index) => list.readUInt16BE(index * 2));
}

function extension(type: number, value: readonly number[] | Uint8Array): Buffer {
  return Buffer.concat([u16(type), sized(2, Uint8Array.from(value))]);
}

function sized(width: 1 | 2 | 3, value: Uint8Array): Buffer {
  const length = Buffer.alloc(width);
  length.writeUIntBE(value.length, 0, width);
  return Buffer.concat([length, value]);
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255);
}
