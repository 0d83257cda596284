/**
 * DTLS 1.2 records and handshake fragments (RFC 6347 §4.1, §4.2.2). Level 0.
 *
 *     record:    type (8) | version (16) | epoch (16) | sequence (48) | length (16) | fragment
 *     handshake: type (8) | length (24) | message_seq (16) | fragment_offset (24) | fragment_length (24) | body
 */

export const CONTENT = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;
/** DTLS 1.2. */
export const DTLS_VERSION = 0xfefd;
export const RECORD_HEADER_BYTES = 13;
export const HANDSHAKE_HEADER_BYTES = 12;

export interface DtlsRecord {
  readonly type: number;
  readonly epoch: number;
  /** 48 bits. */
  readonly sequence: number;
  readonly fragment: Buffer;
}

/** The records of a datagram, up to the first that is none. Never throws. */
export function readRecords(datagram: Uint8Array): readonly DtlsRecord[] {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const records: DtlsRecord[] = [];
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length; ) {
    const start = at + RECORD_HEADER_BYTES;
    const end = start + bytes.readUInt16BE(at + 11);
    // RFC 6347 §4.1: the major version is 254, whatever the minor one of a first ClientHello.
    if (end > bytes.length || bytes[at + 1] !== 0xfe) break;
    const [epoch, sequence] = [bytes.readUInt16BE(at + 3), bytes.readUIntBE(at + 5, 6)];
    records.push({ type: bytes[at]!, epoch, sequence, fragment: bytes.subarray(start, end) });
    at = end;
  }
  return records;
}

export function formatRecord({ type, epoch, sequence, fragment }: DtlsRecord): Buffer {
  const head = Buffer.alloc(RECORD_HEADER_BYTES);
  head[0] = type;
  head.writeUInt16BE(DTLS_VERSION, 1);
  head.writeUInt16BE(epoch, 3);
  head.writeUIntBE(sequence, 5, 6);
  head.writeUInt16BE(fragment.length, 11);
  return Buffer.concat([head, fragment]);
}

/** What an AEAD cipher covers besides the text: RFC 5246 §6.2.3.3, with RFC 6347 §4.1.2.1. `length`: of the plain text. */
export function recordAssociatedData(record: Omit<DtlsRecord, 'fragment'>, length: number): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES);
  bytes.writeUInt16BE(record.epoch, 0);
  bytes.writeUIntBE(record.sequence, 2, 6);
  bytes[8] = record.type;
  bytes.writeUInt16BE(DTLS_VERSION, 9);
  bytes.writeUInt16BE(length, 11);
  return bytes;
}

/** A part of a handshake message, or all of it. */
export interface HandshakeFragment {
  readonly type: number;
  /** Of the whole message. */
  readonly length: number;
  readonly messageSequence: number;
  readonly offset: number;
  readonly body: Buffer;
}

/** The fragments in a handshake record, up to the first that is none. Never throws. */
export function readFragments(bytes: Buffer): readonly HandshakeFragment[] {
  const fragments: HandshakeFragment[] = [];
  for (let at = 0; at + HANDSHAKE_HEADER_BYTES <= bytes.length; ) {
    const start = at + HANDSHAKE_HEADER_BYTES;
    const length = bytes.readUIntBE(at + 1, 3);
    const offset = bytes.readUIntBE(at + 6, 3);
    const end = start + bytes.readUIntBE(at + 9, 3);
    if (end > bytes.length || offset + end - start > length) break;
    const messageSequence = bytes.readUInt16BE(at + 4);
    fragments.push({ type: bytes[at]!, length, messageSequence, offset, body: bytes.subarray(start, end) });
    at = end;
  }
  return fragments;
}

/** A whole message in one fragment: as it is sent, and as it stands in the transcript (RFC 6347 §4.2.6). */
export function formatHandshake(type: number, messageSequence: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(HANDSHAKE_HEADER_BYTES);
  head[0] = type;
  head.writeUIntBE(body.length, 1, 3);
  head.writeUInt16BE(messageSequence, 4);
  head.writeUIntBE(body.length, 9, 3);
  return Buffer.concat([head, body]);
}
