/** Finished files, as they lie in their folder. */
import { open, stat } from 'node:fs/promises';
import { reasonOf, TonearmError } from '../errors.ts';

/** Bytes read at once. */
const READ_CHUNK = 65_536;

export async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** Bytes [start, end). Throws TonearmError `readFailed` when the file ends before, or is gone. */
export async function* readRange(path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    for (let at = start; at < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_CHUNK, end - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw new Error(`it ends at byte ${at}`);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } catch (cause) {
    throw new TonearmError('readFailed', `the file ${path} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
