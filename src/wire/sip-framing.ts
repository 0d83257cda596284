/**
 * Cuts a stream into SIP messages by Content-Length (RFC 3261 §18.3), with keep-alive CRLFs between them (RFC 5626 §3.5.1).
 * Pure: bytes in, frames out.
 */
import { MAX_HEADER_BYTES, MAX_MESSAGE_BYTES } from './sip-message.ts';

export type Frame =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  /** A double CRLF between messages: a ping, to be answered with one CRLF. */
  | { readonly kind: 'ping' }
  /** What comes can't be cut any more: the connection is to be closed. The bytes are what was taken for a message. */
  | { readonly kind: 'broken'; readonly reason: string; readonly bytes: Uint8Array };

const CONTENT_LENGTH = /(?:^|\n)(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*\r?(?=\n|$)/i;

/** One stream's state. Holds at most one unfinished message. */
export class SipFramer {
  #held: Buffer = Buffer.alloc(0);
  #broken = false;

  /** Bytes of a message that has begun and is not whole: a slow sender is seen by this. */
  get pending(): number {
    return this.#held.length;
  }

  /** Gives every frame that is whole now. After `broken` it gives nothing more. */
  push(chunk: Uint8Array): Frame[] {
    if (this.#broken) return [];
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const frame = this.#next();
      if (frame === undefined) return frames;
      frames.push(frame);
      if (frame.kind === 'broken') return frames;
    }
  }

  #next(): Frame | undefined {
    if (this.#startsWith('\r\n\r\n')) {
      this.#held = this.#held.subarray(4);
      return { kind: 'ping' };
    }
    // One CRLF is a pong, or the first half of a ping: wait for what follows.
    while (this.#held.length > 2 && this.#startsWith('\r\n') && this.#held[2] !== 13)
      this.#held = this.#held.subarray(2);
    if (this.#held.length <= 3 && /^(\r\n?\r?)?$/.test(this.#held.toString('latin1'))) return undefined;
    const end = this.#held.indexOf('\r\n\r\n');
    if (end < 0) return this.#held.length > MAX_HEADER_BYTES ? this.#break('Headers too long') : undefined;
    if (end > MAX_HEADER_BYTES) return this.#break('Headers too long');
    const length = CONTENT_LENGTH.exec(this.#held.toString('latin1', 0, end))?.[1];
    // RFC 3261 §18.3: over a stream it is mandatory; without it nobody knows where the next message starts.
    if (length === undefined) return this.#break('No Content-Length on a stream');
    const total = end + 4 + Number(length);
    if (total > MAX_MESSAGE_BYTES) return this.#break('Message too long');
    if (this.#held.length < total) return undefined;
    const bytes = this.#held.subarray(0, total);
    this.#held = this.#held.subarray(total);
    return { kind: 'message', bytes };
  }

  #startsWith(text: string): boolean {
    return this.#held.length >= text.length && this.#held.toString('latin1', 0, text.length) === text;
  }

  #break(reason: string): Frame {
    this.#broken = true;
    return { kind: 'broken', reason, bytes: this.#held };
  }
}
