/** Finished WAVs in other formats, for as long as somebody reads them. Made by the encoder's thread, a few at a time. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TonearmError } from '../errors.ts';
import { WAV_HEADER_BYTES } from '../wire/wav.ts';
import type { Encoder } from './encoder.ts';
import { readRange } from './finished-file.ts';
import { FILE_RATE, FORMATS, fileOf, type RecordingFormat } from './formats.ts';
import type { ConvertedRecording } from './library.ts';
import type { RecordingKey } from './segments.ts';

export interface Conversions {
  /** See RecordingLibrary.convert. */
  convert(recordingId: string, source: FinishedWav, format: RecordingFormat): Promise<ConvertedRecording>;
}

export interface FinishedWav {
  readonly path: string;
  readonly bytes: number;
  readonly key: RecordingKey | undefined;
}

/** From the beginning of the work until what it gave is closed: each is a file on the disk. */
const MOST = 2;
/** Of a file's name, so that a start knows what a killed process left. */
const CONVERTED = '.converted';

/** Removes what a killed process left. */
export async function removeConverted(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.includes(CONVERTED)) await rm(join(folder, name), { force: true });
}

/** @param folder where they lie meanwhile */
export function openConversions(folder: string, encoder: Encoder): Conversions {
  let open = 0;
  let numbers = 0;
  return {
    async convert(recordingId, source, format) {
      if (open >= MOST) throw new TonearmError('tooBusy', `${MOST} recordings are being converted already.`);
      open++;
      const name = `${recordingId}-${++numbers}${FORMATS[format].suffix}${CONVERTED}`;
      try {
        return await make(join(folder, name), recordingId, source, format, encoder, () => open--);
      } catch (thrown) {
        open--;
        throw thrown;
      }
    },
  };
}

async function make(
  path: string,
  recordingId: string,
  { path: from, bytes: wavBytes, key }: FinishedWav,
  format: RecordingFormat,
  encoder: Encoder,
  onClosed: () => void,
): Promise<ConvertedRecording> {
  const channels = await channelsOf(from, wavBytes, key);
  const end = (wavBytes - WAV_HEADER_BYTES) / (2 * channels);
  const shape = { rate: FILE_RATE, channels, begin: 0, end } as const;
  const { bytes } = await encoder.encode({ from, wavBytes, to: path, format, ...shape, key });
  let closed = false;
  return {
    bytes,
    ...fileOf(recordingId, format),
    read: () => readRange(path, 0, bytes, key && { ...key, bytes }),
    async close() {
      if (closed) return;
      closed = true;
      await rm(path, { force: true }).finally(onClosed);
    },
  };
}

async function channelsOf(path: string, bytes: number, key: RecordingKey | undefined): Promise<1 | 2> {
  for await (const header of readRange(path, 0, WAV_HEADER_BYTES, key && { ...key, bytes }))
    return header[22] === 2 ? 2 : 1;
  return 1;
}
