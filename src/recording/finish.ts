/**
 * From the spool to the finished file: WAV, 16 kHz, 16 bit, mono. Piece by piece, so that the main thread is never held
 * for longer than one piece takes to convert; under a temporary name until all of it is on the disk.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Upsampler } from '../wire/upsample.ts';
import { pcmWavHeader, WAV_HEADER_BYTES } from '../wire/wav.ts';
import { bytesOf, SPOOL_RATE, writeAll } from './spool-files.ts';

/** Samples a second in the finished file. */
export const FILE_RATE = 2 * SPOOL_RATE;

/** Samples converted at once: half a second of audio, a fraction of a millisecond of work. */
const CHUNK = 4000;

export interface FinishedFile {
  readonly bytes: number;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
}

/** What `path` is called while it is being written. */
export const temporaryPath = (path: string) => `${path}.part`;

/** The first `samples` of the spool file `from` become the file `to`, which is on the disk when this resolves. */
export async function finishFile(from: string, to: string, samples: number): Promise<FinishedFile> {
  const temporary = temporaryPath(to);
  const source = await open(from, 'r');
  try {
    const target = await open(temporary, 'w', 0o600);
    let finished: FinishedFile;
    try {
      finished = await convert(source, target, samples);
      await target.sync();
    } finally {
      await target.close();
    }
    await rename(temporary, to);
    await syncFolder(dirname(to));
    return finished;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  } finally {
    await source.close();
  }
}

async function convert(source: FileHandle, target: FileHandle, samples: number): Promise<FinishedFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const put = async (piece: Uint8Array) => {
    hash.update(piece);
    await writeAll(target, piece, bytes);
    bytes += piece.length;
  };
  await put(pcmWavHeader(FILE_RATE, 2 * samples));
  const upsampler = new Upsampler();
  const chunk = new Int16Array(CHUNK);
  for (let at = 0; at < samples; at += CHUNK) {
    const piece = chunk.subarray(0, Math.min(CHUNK, samples - at));
    await readSamples(source, piece, at);
    await put(bytesOf(upsampler.push(piece)));
  }
  await put(bytesOf(upsampler.flush()));
  return { bytes, sha256: hash.digest('hex') };
}

/** Fills `samples` from index `at` of a spool file on. Rejects when the file ends before. */
export async function readSamples(file: FileHandle, samples: Int16Array, at: number): Promise<void> {
  const bytes = bytesOf(samples);
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, at * 2 + done);
    if (bytesRead === 0) throw new Error(`the spool file ends before sample ${at + samples.length}`);
    done += bytesRead;
  }
}

/** How long the audio of a finished file of so many bytes is, in milliseconds. */
export function durationOf(bytes: number): number {
  return ((bytes - WAV_HEADER_BYTES) * 1000) / (FILE_RATE * 2);
}

/** A new name is on the disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
