/**
 * The cryptography of SRTP's AES_CM_128_HMAC_SHA1_80 (RFC 3711 §4) on node:crypto, in the form that costs least there: a cipher for
 * each packet is dear, one that is kept is not; an Hmac is dear, two one-shot hashes are not (decision 0014).
 */
import { type Cipheriv, createCipheriv, createSecretKey, hash } from 'node:crypto';
import { writeCounter, writeWord } from '../wire/srtp.ts';

/** What DTLS gives each direction (RFC 5764 §4.2): 16 bytes of key, 14 of salt. */
export interface MasterKey {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

const BLOCK = 16;
/** The longest datagram that is taken or made. */
export const MOST_SRTP_BYTES = 2048;

// Filled and read at once: one of each for all lines of a thread.
const counters = new Uint8Array(MOST_SRTP_BYTES);
const HASH_BLOCK = 64;
const inner = Buffer.alloc(HASH_BLOCK + MOST_SRTP_BYTES + 4);
const outer = Buffer.alloc(HASH_BLOCK + 20);
const innerViews: (Buffer | undefined)[] = [];
const counterViews: (Uint8Array | undefined)[] = [];

/** AES in counter mode, kept as an ECB cipher over counters: the key's schedule is made once. */
export class CounterMode {
  readonly #cipher: Cipheriv;
  readonly #salt: Uint8Array;

  constructor(key: Uint8Array, salt: Uint8Array) {
    this.#cipher = createCipheriv('aes-128-ecb', createSecretKey(key), null).setAutoPadding(false);
    this.#salt = salt;
  }

  /** Encrypts or decrypts `bytes[from…to)` in place: at most MOST_SRTP_BYTES. */
  apply(bytes: Uint8Array, from: number, to: number, ssrc: number, index: number): void {
    const blocks = (to - from + BLOCK - 1) >> 4;
    if (blocks === 0) return;
    writeCounter(counters, this.#salt, ssrc, index);
    for (let block = 1; block < blocks; block++) {
      counters.copyWithin(block * BLOCK, 0, BLOCK - 2);
      counters[block * BLOCK + 14] = block >> 8;
      counters[block * BLOCK + 15] = block;
    }
    const stream = this.#cipher.update((counterViews[blocks] ??= counters.subarray(0, blocks * BLOCK)));
    for (let at = from; at < to; at++) bytes[at]! ^= stream[at - from]!;
  }
}

/** HMAC-SHA1 (RFC 2104) with the key's two pads made once. */
export class Authentication {
  readonly #innerPad = new Uint8Array(HASH_BLOCK).fill(0x36);
  readonly #outerPad = new Uint8Array(HASH_BLOCK).fill(0x5c);

  constructor(key: Uint8Array) {
    for (const [at, byte] of key.entries()) {
      this.#innerPad[at]! ^= byte;
      this.#outerPad[at]! ^= byte;
    }
  }

  /** Of `bytes[from…to)`, and of four bytes more that are not sent when `rollOver` is given: 20 bytes, good until the next call. */
  tag(bytes: Uint8Array, from: number, to: number, rollOver?: number): Uint8Array {
    inner.set(this.#innerPad);
    let length = HASH_BLOCK;
    for (let at = from; at < to; at++) inner[length++] = bytes[at]!;
    if (rollOver !== undefined) {
      writeWord(inner, length, rollOver);
      length += 4;
    }
    const view = (innerViews[length] ??= inner.subarray(0, length));
    outer.set(this.#outerPad);
    // Text is what a hash gives for least: a Buffer costs as much as the hash itself.
    outer.write(hash('sha1', view, 'binary'), HASH_BLOCK, 20, 'latin1');
    result.write(hash('sha1', outer, 'binary'), 0, 20, 'latin1');
    return result;
  }
}

const result = Buffer.alloc(20);

export interface SessionKeys {
  readonly cipher: CounterMode;
  readonly authentication: Authentication;
}

/** RFC 3711 §4.3.2. */
const LABELS = { rtp: [0, 1, 2], rtcp: [3, 4, 5] } as const;

/** Derives what protects RTP, or RTCP, of one direction (RFC 3711 §4.3, without a key derivation rate). */
export function sessionKeys(master: MasterKey, of: 'rtp' | 'rtcp'): SessionKeys {
  const [key, authentication, salt] = LABELS[of];
  return {
    cipher: new CounterMode(derive(master, key, 16), derive(master, salt, 14)),
    authentication: new Authentication(derive(master, authentication, 20)),
  };
}

/** RFC 3711 §4.3.1, §4.3.3. */
export function derive(master: MasterKey, label: number, length: number): Uint8Array {
  const salt = Uint8Array.from(master.salt);
  salt[7]! ^= label;
  const key = new Uint8Array(length);
  new CounterMode(master.key, salt).apply(key, 0, length, 0, 0);
  return key;
}
