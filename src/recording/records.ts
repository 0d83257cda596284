/** What is remembered of each recording, in the store. Nobody else writes these records. */

import type { RecordingFormat } from './formats.ts';
import type { WrappedKey } from './master-keys.ts';

/** What the recordings need of a store; the one in store/ fits it. */
export interface RecordStore {
  get(key: string): Promise<{ readonly value: unknown } | undefined>;
  put(key: string, value: unknown, options?: { readonly expiresAt?: number }): Promise<number>;
  delete(key: string): Promise<boolean>;
  /** By prefix, in key order. */
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly value: unknown }>;
}

/** The recording's life: prepared, finished, gone. While it is being recorded it is `prepared`. */
export type RecordingRecord = PreparedRecord | FinishedRecord | GoneRecord;

interface Origin {
  readonly callId: string;
  readonly operationId: string;
  /** `undefined` when only the spool still knew of it. */
  readonly applicationId: string | undefined;
  /** No token opens it from then on. Milliseconds since the epoch, as are all times here. */
  readonly tokenExpiresAt: number;
  readonly format: RecordingFormat;
  /** Left out by earlier versions. */
  readonly preparedAt?: number;
}

/** Gone with the recording: whatever copies there are of its files are then no use. */
interface Encrypted {
  /** Left out: its files are not encrypted. */
  readonly key?: WrappedKey;
}

export interface PreparedRecord extends Origin, Encrypted {
  readonly state: 'prepared';
  readonly trimSilence: boolean;
}

export interface FinishedRecord extends Origin, Encrypted {
  readonly state: 'finished';
  /** Of the file. */
  readonly bytes: number;
  readonly sha256: string;
  readonly durationMs: number;
  readonly finishedAt: number;
}

export interface GoneRecord extends Origin {
  readonly state: 'gone';
}

const PREFIX = 'recording/';
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id as we write it, or `undefined` for what can be none: then it is no part of a path either. */
export function recordingIdOf(text: string): string | undefined {
  const id = text.toLowerCase();
  return GUID.test(id) ? id : undefined;
}

export interface Records {
  get(recordingId: string): Promise<RecordingRecord | undefined>;
  /** @param expiresAt `undefined`: kept until it is deleted */
  put(recordingId: string, record: RecordingRecord, expiresAt?: number): Promise<void>;
  delete(recordingId: string): Promise<void>;
  list(): AsyncIterable<readonly [recordingId: string, record: RecordingRecord]>;
}

export function recordsIn(store: RecordStore): Records {
  return {
    async get(recordingId) {
      return (await store.get(PREFIX + recordingId))?.value as RecordingRecord | undefined;
    },
    async put(recordingId, record, expiresAt) {
      await store.put(PREFIX + recordingId, record, expiresAt === undefined ? {} : { expiresAt });
    },
    async delete(recordingId) {
      await store.delete(PREFIX + recordingId);
    },
    async *list() {
      for await (const { key, value } of store.list(PREFIX))
        yield [key.slice(PREFIX.length), value as RecordingRecord] as const;
    },
  };
}
