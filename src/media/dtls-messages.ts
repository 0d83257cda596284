import type { HandshakeFragment } from '../wire/dtls-record.ts';

/** A whole handshake message. */
export interface HandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Longer than any message of a browser: a certificate with a long chain is none of theirs. */
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

  /** The messages that are whole now, in order. `again`: the fragment is of one that was given before. */
  take(fragment: HandshakeFragment): {
    readonly messages: readonly HandshakeMessage[];
    readonly again: boolean;
  } {
    const { messageSequence, length, type, offset, body } = fragment;
    const ahead = messageSequence - this.#next;
    if (ahead < 0) return { messages: [], again: true };
    if (ahead >= MOST_AHEAD || length > MOST_BYTES) return { messages: [], again: false };
    let partial = this.#partial.get(messageSequence);
    if (partial === undefined) {
      partial = { type, bytes: Buffer.alloc(length), there: new Uint8Array(length), missing: length };
      this.#partial.set(messageSequence, partial);
    }
    if (partial.type === type && partial.bytes.length === length) fill(partial, offset, body);
    return { messages: this.#whole(), again: false };
  }

  #whole(): HandshakeMessage[] {
    const messages: HandshakeMessage[] = [];
    for (;;) {
      const partial = this.#partial.get(this.#next);
      if (partial === undefined || partial.missing > 0) return messages;
      this.#partial.delete(this.#next);
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
