import type { HandshakeFragment } from '../wire/dtls-record.ts';

/** A whole handshake message. */
export interface HandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Of what is not whole, or not its turn: more than any browser's flight has. A certificate with a long chain is none of theirs. */
const MOST_BYTES = 16_384;
/** Messages that are held for those before them. */
const MOST_AHEAD = 8;

interface Partial {
  readonly type: number;
  readonly bytes: Buffer;
  /** A 1 for each byte that is there. */
  readonly there: Uint8Array;
  missing: number;
}

/** Puts the fragments of one side's handshake messages together, and the messages in order (RFC 6347 §4.2.3). */
export class HandshakeMessages {
  #next = 0;
  readonly #partial = new Map<number, Partial>();
  /** Bytes of these. */
  #held = 0;

  /** The messages that are whole now, in order. */
  take({ messageSequence, length, type, offset, body }: HandshakeFragment): readonly HandshakeMessage[] {
    const ahead = messageSequence - this.#next;
    if (ahead < 0 || ahead >= MOST_AHEAD) return [];
    let partial = this.#partial.get(messageSequence);
    if (partial === undefined) {
      // It is set aside before it comes: a few bytes may announce many.
      if (this.#held + length > MOST_BYTES) return [];
      this.#held += length;
      partial = { type, bytes: Buffer.alloc(length), there: new Uint8Array(length), missing: length };
      this.#partial.set(messageSequence, partial);
    }
    if (partial.type === type && partial.bytes.length === length) fill(partial, offset, body);
    return this.#whole();
  }

  #whole(): HandshakeMessage[] {
    const messages: HandshakeMessage[] = [];
    for (;;) {
      const partial = this.#partial.get(this.#next);
      if (partial === undefined || partial.missing > 0) return messages;
      this.#partial.delete(this.#next);
      this.#held -= partial.bytes.length;
      messages.push({ type: partial.type, sequence: this.#next++, body: partial.bytes });
    }
  }
}

/** Byte by byte: fragments may overlap, and there are few of them. */
function fill(partial: Partial, offset: number, body: Buffer): void {
  for (const [index, byte] of body.entries()) {
    const at = offset + index;
    if (partial.there[at] === 1) continue;
    partial.there[at] = 1;
    partial.bytes[at] = byte;
    partial.missing--;
  }
}
