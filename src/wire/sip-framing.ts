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

const CR = 13;
const LF = 10;
const PING = '\r\n\r\n';

/** With blanks and folds as RFC 3261 §7.3.1 lets them stand; each can be matched in one way only. */
const CONTENT_LENGTH =
  /(?:^|\n)(?:content-length|l)[ \t]*:(?:[ \t]|\r\n[ \t])*(\d{1,9})(?:[ \t]|\r\n[ \t])*(?=\r?\n(?![ \t])|$)/gi;

/** One stream's state. Holds at most one unfinished message. */
export class SipFramer {
  #held: Buffer = Buffer.alloc(0);
  /** How far the end of the headers was looked for in vain. */
  #searched = 0;
  /** Length of the message at the front, once its headers are whole. */
  #total: number | undefined;
  #broken = false;

  /** Bytes of a message that has begun and is not whole: a slow sender is seen by this. Half a ping is none. */
  get pending(): number {
    return this.#broken || PING.startsWith(this.#front(PING.length)) ? 0 : this.#held.length;
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
    if (this.#total === undefined) {
      if (this.#searched === 0) {
        if (this.#front(PING.length) === PING) return this.#ping();
        // One CRLF is a pong, or the first half of a ping: the byte after it tells.
        while (this.#front(2) === '\r\n' && this.#held.length > 2 && this.#held[2] !== CR) this.#drop(2);
        if (PING.startsWith(this.#front(PING.length))) return undefined;
      }
      const frame = this.#readHeaders();
      if (frame !== undefined) return frame;
    }
    if (this.#total === undefined || this.#held.length < this.#total) return undefined;
    const bytes = this.#held.subarray(0, this.#total);
    this.#drop(this.#total);
    return { kind: 'message', bytes };
  }

  /** Finds how long the message is, once that can be known. */
  #readHeaders(): Frame | undefined {
    if (!this.#looksLikeSip()) return this.#break('Not SIP');
    const end = this.#held.indexOf(PING, Math.max(0, this.#searched - PING.length));
    this.#searched = this.#held.length;
    if (end > MAX_HEADER_BYTES || (end < 0 && this.#held.length > MAX_HEADER_BYTES + PING.length))
      return this.#break('Headers too long');
    if (end < 0) return undefined;
    const lengths = [...this.#held.toString('latin1', 0, end).matchAll(CONTENT_LENGTH)];
    // RFC 3261 §18.3: over a stream it is mandatory; without it, or with two, nobody knows where the next message starts.
    if (lengths.length === 0) return this.#break('No Content-Length on a stream');
    if (lengths.length > 1) return this.#break('More than one Content-Length');
    const total = end + PING.length + Number(lengths[0]?.[1]);
    if (total > MAX_MESSAGE_BYTES) return this.#break('Message too long');
    this.#total = total;
    return undefined;
  }

  /** Tells other protocols by their first byte or first line, and so does not wait for the rest of a TLS handshake. */
  #looksLikeSip(): boolean {
    const first = this.#held[0] ?? 0;
    if (first <= 32 || first >= 127) return false;
    const end = this.#held.indexOf(LF);
    return end < 0 || /SIP\/\d/i.test(this.#held.toString('latin1', 0, end));
  }

  /** Many together are one: an answer to each would cost more than they do. */
  #ping(): Frame {
    let end = PING.length;
    while (this.#held.toString('latin1', end, end + PING.length) === PING) end += PING.length;
    this.#drop(end);
    return { kind: 'ping' };
  }

  #front(length: number): string {
    return this.#held.toString('latin1', 0, Math.min(length, this.#held.length));
  }

  #drop(length: number): void {
    this.#held = this.#held.subarray(length);
    this.#searched = 0;
    this.#total = undefined;
  }

  #break(reason: string): Frame {
    this.#broken = true;
    const bytes = this.#held;
    this.#held = Buffer.alloc(0);
    return { kind: 'broken', reason, bytes };
  }
}
