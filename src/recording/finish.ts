/**
 * From the spool to the finished file, in the encoder's thread. Piece by piece, so that files are finished side by side and a long one does not
 * keep short ones waiting; under a temporary name until all of it is on the disk.
 */
import { createHash, type Hash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Upsampler } from '../wire/upsample.ts';
import { WAV_HEADER_BYTES } from '../wire/wav.ts';
import { encryptedTarget } from './encrypted-file.ts';
import { bytesOf, type FileTarget, plainTarget } from './file-bytes.ts';
import { type FileEncoder, openFileEncoder } from './file-encoders.ts';
import { readRange } from './finished-file.ts';
import { FILE_RATE, type RecordingFormat } from './formats.ts';
import type { RecordingKey } from './segments.ts';
import { SPOOL_RATE } from './spool-files.ts';
import { type SpoolReader, spoolReader } from './spool-reader.ts';

/** Samples a channel that are read at once: each read is a way to the thread pool and back, and costs more than what is done with a second of audio. */
const READ = 65_536;
/** Samples a channel that are converted at once: half a second or less, a few milliseconds of work. Then other files have their turn. */
const CHUNK = 4000;

export interface FinishJob {
  /** The spool file; or a finished WAV, of so many bytes. */
  readonly from: string;
  readonly wavBytes?: number;
  readonly to: string;
  readonly format: RecordingFormat;
  /** Hz of the spool file. */
  readonly rate: 8000 | 16_000;
  /** Interleaved in it. */
  readonly channels: 1 | 2;
  /** Samples a channel: the file becomes [begin, end) of the spool. */
  readonly begin: number;
  readonly end: number;
  /** Given: the spool file is encrypted with it, and so is what is made of it. */
  readonly key?: RecordingKey | undefined;
}

/** Both are those of the file as it is read, encrypted or not. */
export interface FinishedFile {
  readonly bytes: number;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
  readonly durationMs: number;
}

/** What `path` is called while it is being written. */
export const temporaryPath = (path: string) => `${path}.part`;

/** Makes the file, which is on the disk when this resolves. */
export async function finishFile(job: FinishJob): Promise<FinishedFile> {
  const temporary = temporaryPath(job.to);
  const source = await open(job.from, 'r');
  const reader =
    job.wavBytes === undefined
      ? spoolReader(source, job, job.key)
      : wavReader(job.from, job.wavBytes, job.key);
  try {
    const file = await open(temporary, 'w', 0o600);
    let finished: FinishedFile;
    try {
      const hash = createHash('sha256');
      const target = job.key === undefined ? plainTarget(file.fd) : encryptedTarget(file.fd, job.key);
      const { bytes, patched } = await convert(reader, target, job, hash);
      finished = {
        bytes,
        sha256: patched
          ? await digest(readRange(temporary, 0, bytes, job.key && { ...job.key, bytes }))
          : hash.digest('hex'),
        durationMs: ((job.end - job.begin) * 1000) / job.rate,
      };
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, job.to);
    await syncFolder(dirname(job.to));
    return finished;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  } finally {
    await source.close();
  }
}

/** The samples of a finished WAV of ours, as if they were spooled. */
function wavReader(path: string, bytes: number, key: RecordingKey | undefined): SpoolReader {
  return {
    async read(samples, at) {
      const into = bytesOf(samples);
      const start = WAV_HEADER_BYTES + 2 * at;
      let filled = 0;
      for await (const piece of readRange(path, start, start + into.length, key && { ...key, bytes })) {
        into.set(piece, filled);
        filled += piece.length;
      }
    },
  };
}

/** Resolves with the length of the file. `patched`: what `hash` took in is not all of what stands there. */
async function convert(
  source: SpoolReader,
  target: FileTarget,
  job: FinishJob,
  hash: Hash,
): Promise<{ readonly bytes: number; readonly patched: boolean }> {
  const { rate, channels, begin, end, format } = job;
  const encoder = await openFileEncoder(format, { channels, samples: ((end - begin) * FILE_RATE) / rate });
  try {
    let bytes = 0;
    // Written at once: this thread has nothing else to do while a disk is slow.
    const put = (piece: Uint8Array) => {
      hash.update(piece);
      target.append(piece);
      bytes += piece.length;
    };
    const widen = rate === SPOOL_RATE ? widener(channels) : undefined;
    const room = new Int16Array(Math.min(READ, end - begin) * channels);
    for (let at = begin; at < end; at += READ) {
      const read = room.subarray(0, Math.min(READ, end - at) * channels);
      await source.read(read, at * channels);
      for (let from = 0; from < read.length; from += CHUNK * channels) {
        const piece = read.subarray(from, from + CHUNK * channels);
        put(encoder.push(widen?.push(piece) ?? piece));
        await setImmediate();
      }
    }
    if (widen !== undefined) put(encoder.push(widen.flush()));
    put(encoder.finish());
    const patched = patch(target, encoder);
    target.end();
    return { bytes, patched };
  } finally {
    encoder.close();
  }
}

function patch(target: FileTarget, encoder: FileEncoder): boolean {
  const patch = encoder.patch?.();
  if (patch !== undefined) target.patch(patch.bytes, patch.at);
  return patch !== undefined;
}

/** 8 to 16 kHz, each channel by itself. */
export function widener(channels: 1 | 2): Pick<Upsampler, 'push' | 'flush'> {
  const each = Array.from({ length: channels }, () => new Upsampler());
  const [first] = each;
  if (channels === 1 && first !== undefined) return first;
  const plane = (samples: Int16Array, channel: number) =>
    Int16Array.from({ length: samples.length / channels }, (_, at) => samples[at * channels + channel]!);
  return {
    push: (samples) => interleave(each.map((one, channel) => one.push(plane(samples, channel)))),
    flush: () => interleave(each.map((one) => one.flush())),
  };
}

function interleave(planes: readonly Int16Array[]): Int16Array {
  const samples = new Int16Array(planes.length * (planes[0]?.length ?? 0));
  for (const [channel, plane] of planes.entries())
    for (let at = 0; at < plane.length; at++) samples[at * planes.length + channel] = plane[at]!;
  return samples;
}

async function digest(file: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of file) hash.update(piece);
  return hash.digest('hex');
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
