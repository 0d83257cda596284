/** Changes to bytes and to lines of text that parsers are known to stumble over. */
import type { Random } from './random.ts';

/** No input gets longer: what a datagram holds, and some more. */
export const MOST_BYTES = 70_000;

const NUMBERS = [0, 1, -1, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32];

/** Characters that mean something somewhere in a SIP message or an SDP, and such that mean nothing anywhere. */
const CHARACTERS = [...' \t\r\n,;:=<>"\\@?&%/[](){}*+-._~\'`!|^$#', '\0', '\x7f', '\u00a0', 'ü', '大', '😀'];

/** Words that stand for something in the formats, or in the language that reads them. */
const WORDS = [
  '\r\n',
  '\r\n ',
  '\n\n',
  '\r\n\r\n',
  'SIP/2.0',
  'SIP/2.0/UDP ',
  'sip:',
  'sips:',
  'tel:',
  'sip:a@b',
  '<sip:a@b>',
  ';tag=',
  ';branch=z9hG4bK',
  ';rport',
  ';lr',
  '""',
  '"\\"',
  '\\',
  '%00',
  '%',
  '%zz',
  '%ff%fe',
  '\ufeff',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'undefined',
  'NaN',
  'Infinity',
  '1e9',
  '-1',
  '0x10',
  '99999999999999999999',
  '4294967296',
  '2147483648',
  '65536',
  '255.255.255.255',
  '127.0.0.1',
  '::ffff:127.0.0.1',
  '[::1]',
  'a=',
  'm=audio 0 RTP/AVP 0',
  'c=IN IP4 0.0.0.0',
];

type Mutation = (bytes: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

const range = (bytes: Buffer, random: Random): [number, number] => {
  const from = random.int(bytes.length + 1);
  return [from, Math.min(bytes.length, from + random.length(bytes.length))];
};
const put = (bytes: Buffer, at: number, inserted: Uint8Array, skipped = 0) =>
  Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + skipped)]);

/** How often a piece is repeated when it is: so often that what takes time by its square is seen. */
const repeats = (piece: number, random: Random) => random.length(Math.floor(MOST_BYTES / Math.max(1, piece)));

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const changed = Buffer.from(bytes);
    const at = random.int(changed.length);
    if (changed.length > 0) changed[at] = changed[at]! ^ (1 << random.int(8));
    return changed;
  },
  function setByte(bytes, random) {
    const changed = Buffer.from(bytes);
    if (changed.length > 0)
      changed[random.int(changed.length)] = random.pick([0, 1, 10, 13, 32, 127, 128, 255, random.int(256)]);
    return changed;
  },
  function setNumber(bytes, random) {
    const changed = Buffer.from(bytes);
    const width = random.pick([2, 4]);
    if (changed.length < width) return changed;
    const at = random.int(changed.length - width + 1);
    const value = random.pick(NUMBERS) & (width === 2 ? 0xffff : -1);
    if (random.oneIn(2)) changed.writeUIntBE(value >>> 0, at, width);
    else changed.writeUIntLE(value >>> 0, at, width);
    return changed;
  },
  (bytes, random) => put(bytes, random.int(bytes.length + 1), random.bytes(random.length(64))),
  (bytes, random) => put(bytes, random.int(bytes.length + 1), Buffer.from(random.pick(WORDS))),
  (bytes, random) => put(bytes, random.int(bytes.length + 1), Buffer.from(random.pick(CHARACTERS))),
  (bytes, random) => put(bytes, random.int(bytes.length), Buffer.from(random.pick(CHARACTERS)), 1),
  function runOfOne(bytes, random) {
    const text = random.pick([...CHARACTERS, 'a', '1', ' ,', ';a', '\r\n ', '""', '\\"', '<>', '%41']);
    const run = Buffer.from(text.repeat(repeats(Buffer.byteLength(text), random)));
    return put(bytes, random.int(bytes.length + 1), run);
  },
  function repeat(bytes, random) {
    const [from, to] = range(bytes, random);
    const times = Math.min(repeats(to - from, random), 5000);
    return put(bytes, to, Buffer.concat(Array.from({ length: times }, () => bytes.subarray(from, to))));
  },
  function remove(bytes, random) {
    const [from, to] = range(bytes, random);
    return put(bytes, from, Buffer.alloc(0), to - from);
  },
  (bytes, random) => bytes.subarray(0, random.int(bytes.length + 1)),
  function splice(bytes, random, others) {
    const other = random.pick(others);
    const [from, to] = range(other, random);
    return put(bytes, random.int(bytes.length + 1), other.subarray(from, to), random.length(to - from));
  },
  function replaceNumber(bytes, random) {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/\d+/g)];
    if (numbers.length === 0) return bytes;
    const found = random.pick(numbers);
    const value = random.pick([
      ...NUMBERS.map(String),
      '00',
      '',
      '1.5',
      '1e3',
      '9'.repeat(random.length(400)),
    ]);
    return put(bytes, found.index, Buffer.from(value), found[0].length);
  },
];

/** `bytes` after one to several such changes; `others` are what pieces are taken from. */
export function mutated(bytes: Buffer, random: Random, others: readonly Buffer[], most = 6): Buffer {
  let changed = bytes;
  for (let left = 1 + random.int(most); left > 0; left--)
    changed = random.pick(MUTATIONS)(changed, random, others);
  return changed.subarray(0, MOST_BYTES);
}

/** A text made of pieces that mean something. */
export function nastyText(random: Random, most = 30): string {
  let text = '';
  for (let left = random.length(most); left > 0; left--)
    text += random.oneIn(3)
      ? random.pick(WORDS)
      : random.oneIn(2)
        ? random.pick(CHARACTERS)
        : random.pick(['a', '1', 'é']);
  return text;
}

/** Lines left out, doubled, exchanged, repeated. */
export function mutatedLines(lines: readonly string[], random: Random): string[] {
  const changed = [...lines];
  const at = random.int(changed.length);
  const line = changed[at] ?? '';
  switch (random.int(5)) {
    case 0:
      changed.splice(at, 1);
      break;
    case 1:
      changed.splice(random.int(changed.length + 1), 0, line);
      break;
    case 2:
      changed.splice(at, 1, changed[random.int(changed.length)] ?? '');
      break;
    case 3:
      changed.splice(
        at,
        0,
        ...Array.from({ length: Math.min(repeats(line.length + 2, random), 3000) }, () => line),
      );
      break;
    default:
      changed.splice(at, 1);
      changed.splice(random.int(changed.length + 1), 0, line);
  }
  return changed;
}
