/** Bytes on their way to files and back. */
import { readSync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** Where a finished file is written to. */
export interface FileTarget {
  append(bytes: Uint8Array): void;
  /** Writes over what stands at `at`, which is within the first SEGMENT bytes. */
  patch(bytes: Uint8Array, at: number): void;
  /** Nothing comes any more. */
  end(): void;
}

/** The bytes as they are. The caller closes the file. */
export function plainTarget(file: number): FileTarget {
  let length = 0;
  return {
    append(bytes) {
      writeAll(file, bytes, length);
      length += bytes.length;
    },
    patch: (bytes, at) => writeAll(file, bytes, at),
    end() {},
  };
}

/** Samples as they stand in a file: a view, no copy. Every processor that Node.js 24 is built for by default is little-endian. */
export function bytesOf(samples: Int16Array): Buffer {
  return Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
}

/** One write may take only part: at a file size limit, or when the disk is nearly full. */
export function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

/** So many bytes from `position` on. Throws when they are not there. */
export function readAll(file: number, length: number, position: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const read = readSync(file, bytes, done, length - done, position + done);
    if (read === 0) throw new Error(`the file ends before byte ${position + length}`);
    done += read;
  }
  return bytes;
}

/** Fills `bytes` from `position` of the file on. Resolves with how many there were. */
export async function readInto(file: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** So many bytes from `position` on, or those that are there. */
export async function readFrom(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, await readInto(file, bytes, position));
}
