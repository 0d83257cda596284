/** The audio of a take as it lies in the spool, encrypted or not. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { EncryptedTakeReader } from './encrypted-spool.ts';
import { bytesOf, readInto } from './file-bytes.ts';
import type { RecordingKey } from './segments.ts';
import { SPOOL_RATE, type TakeJournal } from './spool-files.ts';
import { type TakeShape, widthOf } from './take.ts';

export interface SpoolReader {
  /** Fills `samples` from index `at` of the file's samples on. Rejects when it ends before, or when what stands there was changed. */
  read(samples: Int16Array, at: number): Promise<void>;
}

/** For one reader, who reads on and on; the handle may be shared. Its owner closes it. */
export function spoolReader(file: FileHandle, shape: TakeShape, key: RecordingKey | undefined): SpoolReader {
  if (key !== undefined) return new EncryptedTakeReader(file, key, shape);
  return {
    async read(samples, at) {
      const bytes = bytesOf(samples);
      if ((await readInto(file, bytes, 2 * at)) < bytes.length)
        throw new Error(`the spool file ends before sample ${at + samples.length}`);
    },
  };
}

export interface Spooled {
  /** 8,000 a second. What is left over is half a sample, or a segment, that the process did not get to write. */
  readonly samples: number;
  /** Why what follows them in the file is no use. */
  readonly damage?: string;
}

/**
 * What there is of a take; `undefined` when there is no such file: its folder may have vanished under it. Throws when it is encrypted and the key is
 * missing, or is not its key.
 */
export async function spooledIn(
  path: string,
  journal: TakeJournal | undefined,
  key: RecordingKey | undefined,
): Promise<Spooled | undefined> {
  const shape = journal ?? { rate: SPOOL_RATE, channels: 1 };
  if (key === undefined && journal?.encrypted === true)
    throw new Error('it is encrypted, and its key went with its record');
  try {
    const { bytes, ...rest } = key === undefined ? await sizeOf(path) : await measure(path, shape, key);
    return { samples: Math.floor(bytes / (2 * widthOf(shape))), ...rest };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function sizeOf(path: string) {
  return { bytes: (await stat(path)).size };
}

async function measure(path: string, shape: TakeShape, key: RecordingKey) {
  await using file = await open(path, 'r');
  return await new EncryptedTakeReader(file, key, shape).measure();
}
