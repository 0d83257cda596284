/**
 * STUN binding requests and their answers, as ICE's connectivity checks use them (RFC 8489; RFC 8445 §7). Level 0.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |0 0|     STUN message type     |  length without these 20      |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                   magic cookie 0x2112A442                     |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                  transaction id (96 bits)                     |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |  attributes: type (16), length (16), value, padded to 32 bits |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** A connectivity check. It is not to be believed before `isAuthentic` says so. */
export interface BindingRequest {
  /** 12 bytes. */
  readonly transactionId: Buffer;
  /** `<the ufrag of who is asked>:<that of who asks>`. */
  readonly username: string;
  readonly useCandidate: boolean;
  /** The asking agent believes that it is the controlled one. */
  readonly controlled: boolean;
  /** Attributes that must be understood, and are not. */
  readonly unknown: readonly number[];
  /** Where MESSAGE-INTEGRITY begins in the message. */
  readonly integrityAt: number;
}

export type ParsedBinding =
  | { readonly ok: true; readonly request: BindingRequest }
  | {
      readonly ok: false;
      readonly reason:
        | 'short'
        | 'length'
        | 'cookie'
        | 'notARequest'
        | 'attribute'
        | 'fingerprint'
        | 'anonymous';
    };

const HEADER_BYTES = 20;
const COOKIE = 0x2112a442;
const FINGERPRINT_XOR = 0x5354554e;
const INTEGRITY_BYTES = 20;

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;

const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const XOR_MAPPED_ADDRESS = 0x0020;
const PRIORITY = 0x0024;
const USE_CANDIDATE = 0x0025;
const FINGERPRINT = 0x8028;
const ICE_CONTROLLED = 0x8029;
/** RFC 8489 §14: below it an attribute must be understood. */
const OPTIONAL = 0x8000;

/** Reads a check. Those without USERNAME, MESSAGE-INTEGRITY or FINGERPRINT, which RFC 8445 §7.1 all asks for, are none. Never throws. */
export function parseBindingRequest(message: Uint8Array): ParsedBinding {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const no = (reason: Extract<ParsedBinding, { ok: false }>['reason']) => ({ ok: false, reason }) as const;
  if (bytes.length < HEADER_BYTES) return no('short');
  if (bytes.readUInt16BE(2) !== bytes.length - HEADER_BYTES || bytes.length % 4 !== 0) return no('length');
  if (bytes.readUInt32BE(4) !== COOKIE) return no('cookie');
  if (bytes.readUInt16BE(0) !== BINDING_REQUEST) return no('notARequest');
  const unknown: number[] = [];
  let username: string | undefined;
  let integrityAt = 0;
  let useCandidate = false;
  let controlled = false;
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const type = bytes.readUInt16BE(at);
    const length = bytes.readUInt16BE(at + 2);
    const next = at + 4 + length + (-length & 3);
    if (next > bytes.length) return no('attribute');
    if (type === FINGERPRINT) {
      if (length !== 4 || next !== bytes.length || bytes.readUInt32BE(at + 4) !== fingerprint(bytes, at))
        return no('fingerprint');
      if (integrityAt === 0 || username === undefined) return no('anonymous');
      const transactionId = bytes.subarray(8, HEADER_BYTES);
      const request = { transactionId, username, useCandidate, controlled, unknown, integrityAt };
      return { ok: true, request };
    }
    // RFC 8489 §14.5: what follows the integrity is not covered by it, and ignored.
    if (integrityAt === 0) {
      if (type === USERNAME) username = bytes.toString('utf8', at + 4, at + 4 + length);
      else if (type === MESSAGE_INTEGRITY && length === INTEGRITY_BYTES) integrityAt = at;
      else if (type === USE_CANDIDATE) useCandidate = true;
      else if (type === ICE_CONTROLLED) controlled = true;
      else if (type < OPTIONAL && type !== PRIORITY) unknown.push(type);
    }
    at = next;
  }
  return no('fingerprint');
}

/** Whether who sent this message knows `password` (short-term credentials, RFC 8489 §9.1). */
export function isAuthentic(message: Uint8Array, integrityAt: number, password: string): boolean {
  const tag = message.subarray(integrityAt + 4, integrityAt + 4 + INTEGRITY_BYTES);
  return timingSafeEqual(tag, integrity(message, integrityAt, password));
}

/** Tells who asked where the request came from. */
export function formatBindingSuccess(
  transactionId: Uint8Array,
  address: string,
  port: number,
  password: string,
): Buffer {
  const ip = addressBytes(address);
  const value = Buffer.alloc(4 + ip.length);
  value[1] = ip.length === 4 ? 1 : 2;
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  const mask = Buffer.concat([cookieBytes(), transactionId]);
  for (const [index, byte] of ip.entries()) value[4 + index] = byte ^ mask[index]!;
  return sealed(BINDING_SUCCESS, transactionId, [attribute(XOR_MAPPED_ADDRESS, value)], password);
}

/** `unknown`: the attributes of a 420. */
export function formatBindingError(
  transactionId: Uint8Array,
  code: 420 | 487,
  password: string,
  unknown: readonly number[] = [],
): Buffer {
  const reason = code === 487 ? 'Role Conflict' : 'Unknown Attribute';
  const head = Buffer.from([0, 0, Math.floor(code / 100), code % 100]);
  const attributes = [attribute(ERROR_CODE, Buffer.concat([head, Buffer.from(reason)]))];
  if (unknown.length > 0)
    attributes.push(
      attribute(UNKNOWN_ATTRIBUTES, Buffer.from(unknown.flatMap((type) => [type >> 8, type & 255]))),
    );
  return sealed(BINDING_ERROR, transactionId, attributes, password);
}

/** With MESSAGE-INTEGRITY and FINGERPRINT behind the attributes. */
function sealed(
  type: number,
  transactionId: Uint8Array,
  attributes: readonly Buffer[],
  password: string,
): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type);
  const integrityAt = HEADER_BYTES + attributes.reduce((sum, { length }) => sum + length, 0);
  const message = Buffer.concat([
    head,
    cookieBytes(),
    transactionId,
    ...attributes,
    attribute(MESSAGE_INTEGRITY, Buffer.alloc(INTEGRITY_BYTES)),
    attribute(FINGERPRINT, Buffer.alloc(4)),
  ]);
  message.writeUInt16BE(message.length - HEADER_BYTES, 2);
  integrity(message, integrityAt, password).copy(message, integrityAt + 4);
  message.writeUInt32BE(fingerprint(message, message.length - 8), message.length - 4);
  return message;
}

function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + value.length + (-value.length & 3));
  bytes.writeUInt16BE(type);
  bytes.writeUInt16BE(value.length, 2);
  bytes.set(value, 4);
  return bytes;
}

/** RFC 8489 §14.5: over all before the attribute, with a length that ends behind it. */
function integrity(message: Uint8Array, at: number, password: string): Buffer {
  const head = Buffer.from(message.subarray(0, HEADER_BYTES));
  head.writeUInt16BE(at + 4 + INTEGRITY_BYTES - HEADER_BYTES, 2);
  return createHmac('sha1', password).update(head).update(message.subarray(HEADER_BYTES, at)).digest();
}

/** RFC 8489 §14.7. */
function fingerprint(message: Uint8Array, at: number): number {
  return (crc32(message.subarray(0, at)) ^ FINGERPRINT_XOR) >>> 0;
}

function cookieBytes(): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(COOKIE);
  return bytes;
}

/** Of a numeric address: 4 or 16 bytes. A scope (`%eth0`) is left out. */
function addressBytes(address: string): Uint8Array {
  const dotted = /(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  const four = dotted === null ? [] : dotted.slice(1).map(Number);
  if (!address.includes(':')) return Uint8Array.from(four);
  const text = (dotted === null ? address : address.slice(0, dotted.index) + asWords(four)).replace(
    /%.*/,
    '',
  );
  const [left = '', right] = text.split('::');
  const words = (part: string | undefined) =>
    (part ?? '').split(':').flatMap((word) => (word === '' ? [] : Number.parseInt(word, 16)));
  const [front, back] = [words(left), words(right)];
  const all = [...front, ...new Array<number>(Math.max(0, 8 - front.length - back.length)).fill(0), ...back];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}

function asWords([a = 0, b = 0, c = 0, d = 0]: readonly number[]): string {
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
