/**
 * What all that is done with recordings has in common: the folders of their files and their names there, their records, the tails of those that are live, what opens
 * an encrypted one, and until when a finished one is kept.
 */
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { FORMATS } from './formats.ts';
import type { LiveTail } from './live-tail.ts';
import type { MasterKeys, WrappedKey } from './master-keys.ts';
import type { FinishedRecord, RecordingRecord, Records } from './records.ts';
import type { RecordingKey } from './segments.ts';

export interface Shelf extends ShelfOptions {
  /** From `prepare` until the file is finished, or the recording is discarded. */
  readonly live: Map<string, LiveTail>;
  /** Of its finished file. */
  pathOf(recordingId: string, record: RecordingRecord): string;
  /** `undefined`: it is not encrypted. Throws as MasterKeys.unwrap. */
  keyOf(recordingId: string, record: { readonly key?: WrappedKey }): RecordingKey | undefined;
  /** When its retention is over, in milliseconds since the epoch. */
  endOf(record: FinishedRecord): number;
}

export interface ShelfOptions {
  readonly spoolFolder: string;
  readonly finishedFolder: string;
  readonly records: Records;
  readonly masterKeys: MasterKeys;
  readonly retentionMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** To be called when there is something new of a recording. */
  readonly changed: (recordingId: string) => void;
}

export function shelfOf(options: ShelfOptions): Shelf {
  const { finishedFolder, masterKeys, retentionMs } = options;
  return {
    ...options,
    live: new Map(),
    pathOf: (recordingId, { format }) => join(finishedFolder, `${recordingId}${FORMATS[format].suffix}`),
    keyOf: (recordingId, { key }) => key && { recordingId, key: masterKeys.unwrap(recordingId, key) },
    endOf: ({ finishedAt }) => finishedAt + retentionMs,
  };
}
