/**
 * A finished file at rest: a header, then segments of 64 KiB of the file each, but for the last, which alone says that it is the last. So any range
 * is read by what it covers, and a file that was cut off at a segment's end is noticed.
 */
import type { FileHandle } from 'node:fs/promises';
import { type FileTarget, readFrom, writeAll } from './file-bytes.ts';
import {
  HEADER_BYTES,
  NONE,
  newSegments,
  type Place,
  type RecordingKey,
  segmentsOf,
  TAG_BYTES,
} from './segments.ts';

/** Bytes of the file in a segment. */
export const SEGMENT = 65_536;

const contextOf = ({ recordingId }: RecordingKey) => `file ${recordingId}`;
const offsetOf = (number: number) => HEADER_BYTES + number * (SEGMENT + TAG_BYTES);
const placeOf = (number: number, last: boolean): Place => ({
  number,
  after: number === 0 ? NONE : number - 1,
  last,
});

/** Writes to an empty file, each segment once: the first, which may be patched, is held until the end. The caller closes the file. */
export function encryptedTarget(file: number, key: RecordingKey, salt?: Uint8Array): FileTarget {
  const { header, segments } = newSegments(key.key, contextOf(key), salt);
  let first: Buffer | undefined;
  let room = Buffer.alloc(SEGMENT);
  let filled = 0;
  let number = 0;
  const put = (number: number, plain: Uint8Array, last: boolean) =>
    writeAll(file, segments.encrypt(plain, placeOf(number, last)), offsetOf(number));
  const turn = () => {
    if (number === 0) {
      first = room;
      room = Buffer.alloc(SEGMENT);
    } else put(number, room, false);
    number++;
    filled = 0;
  };
  writeAll(file, header, 0);
  return {
    append(bytes) {
      for (let done = 0; done < bytes.length; ) {
        if (filled === SEGMENT) turn();
        const count = Math.min(SEGMENT - filled, bytes.length - done);
        room.set(bytes.subarray(done, done + count), filled);
        filled += count;
        done += count;
      }
    },
    patch: (bytes, at) => (first ?? room).set(bytes, at),
    end() {
      put(number, room.subarray(0, filled), true);
      if (first !== undefined) put(0, first, false);
    },
  };
}

/** Bytes [start, end) of a file that has `bytes` of them, each after its segment was found to be whole. Throws when one is not. */
export async function* readEncrypted(
  file: FileHandle,
  key: RecordingKey,
  bytes: number,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const segments = segmentsOf(await readFrom(file, 0, HEADER_BYTES), key.key, contextOf(key));
  const last = Math.max(0, Math.ceil(bytes / SEGMENT) - 1);
  for (let at = start; at < end; ) {
    const number = Math.floor(at / SEGMENT);
    const begin = number * SEGMENT;
    const length = Math.min(SEGMENT, bytes - begin);
    const encrypted = await readFrom(file, offsetOf(number), length + TAG_BYTES);
    if (encrypted.length < length + TAG_BYTES) throw new Error(`it ends in segment ${number}`);
    const plain = segments.decrypt(encrypted, placeOf(number, number === last));
    yield plain.subarray(at - begin, end - begin);
    at = begin + SEGMENT;
  }
}
