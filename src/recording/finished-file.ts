/** Finished files, as they lie in their folder. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { reasonOf, TonearmError } from '../errors.ts';
import { readEncrypted } from './encrypted-file.ts';
import { readFrom } from './file-bytes.ts';
import type { RecordingKey } from './segments.ts';

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

/** What an encrypted file is read with: its recording's key, and how long it is when it is read. */
export type FileKey = RecordingKey & { readonly bytes: number };

/** Bytes [start, end). Throws TonearmError `readFailed` when the file ends before, is gone, or was changed. */
export async function* readRange(
  path: string,
  start: number,
  end: number,
  key?: FileKey,
): AsyncGenerator<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    yield* key === undefined ? readPlain(file, start, end) : readEncrypted(file, key, key.bytes, start, end);
  } catch (cause) {
    throw new TonearmError('readFailed', `the file ${path} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

async function* readPlain(file: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += READ_CHUNK) {
    const length = Math.min(READ_CHUNK, end - at);
    const bytes = await readFrom(file, at, length);
    yield bytes;
    if (bytes.length < length) throw new Error(`it ends at byte ${at + bytes.length}`);
  }
}
