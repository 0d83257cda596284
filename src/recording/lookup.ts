/** A recording as whoever asks for it finds it now: what there is to be read of it, and what there is to be told. */
import { pause } from '../clock.ts';
import type { FilesInMaking } from './files-in-making.ts';
import { isThere, readRange } from './finished-file.ts';
import { fileOf } from './formats.ts';
import type { OpenRecording, RecordingSummary } from './library.ts';
import { type FinishedRecord, type RecordingRecord, recordingIdOf } from './records.ts';
import type { Shelf } from './shelf.ts';
import { SPOOL_RATE } from './spool-files.ts';

/** Who opens a recording whose file is being made waits so long; then it is told to come again. */
const WAIT_FOR_FILE_MS = 20_000;
const MAKING_RETRY_MS = 2000;

export interface LookupParts {
  readonly shelf: Shelf;
  readonly making: Pick<FilesInMaking, 'late' | 'has' | 'made'>;
  /** Whether what an earlier process captured had its turn. */
  readonly isRecovered: () => boolean;
}

/** See RecordingLibrary.open. */
export async function openRecording(recordingId: string, parts: LookupParts): Promise<OpenRecording> {
  const { shelf, making, isRecovered } = parts;
  const id = recordingIdOf(recordingId);
  if (id === undefined) return { state: 'unknown' };
  if (!(await isMade(id, parts))) return waiting(await shelf.records.get(id), MAKING_RETRY_MS);
  let record = await shelf.records.get(id);
  const tail = shelf.live.get(id);
  // It may have been finished meanwhile.
  if (tail === undefined && record?.state === 'prepared') record = await shelf.records.get(id);
  if (record === undefined) return { state: 'unknown' };
  const { applicationId } = record;
  if (tail !== undefined) {
    const follow = (signal: AbortSignal) => tail.follow(signal);
    return { state: 'recording', applicationId, ...fileOf(id, 'wav'), follow };
  }
  if (record.state === 'prepared') {
    if (making.late.has(id)) return waiting(record, making.late.retryInMs);
    // What an earlier process captured: its turn comes.
    return isRecovered() ? { state: 'unknown' } : waiting(record, MAKING_RETRY_MS);
  }
  if (record.state === 'gone' || shelf.endOf(record) <= shelf.clock.now())
    return { state: 'gone', applicationId };
  const path = shelf.pathOf(id, record);
  if (!(await isThere(path))) return { state: 'gone', applicationId };
  const { bytes, sha256, finishedAt } = record;
  const lastModified = new Date(finishedAt);
  return {
    state: 'finished',
    applicationId,
    ...fileOf(id, record.format),
    bytes,
    sha256,
    lastModified,
    read: (from, to) => read(shelf, id, record, from, to),
  };
}

/** Whether the recording's file is not being made, or no more, within the time that a reader waits. */
async function isMade(recordingId: string, { shelf, making }: LookupParts): Promise<boolean> {
  const made = making.made(recordingId);
  if (made === undefined) return true;
  const waited = new AbortController();
  const late = pause(shelf.clock, WAIT_FOR_FILE_MS, waited.signal).then(() => false);
  return Promise.race([made.then(() => true), late]).finally(() => waited.abort());
}

function waiting(record: RecordingRecord | undefined, retryInMs: number): OpenRecording {
  return { state: 'waiting', applicationId: record?.applicationId, retryInMs };
}

/** The key is looked for only now: who cannot read a recording can delete it. */
async function* read(
  shelf: Shelf,
  id: string,
  record: FinishedRecord,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const key = shelf.keyOf(id, record);
  yield* readRange(shelf.pathOf(id, record), from, to, key && { ...key, bytes: record.bytes });
}

/** `undefined`: what was prepared, and lost with its process. */
export function summaryOf(
  recordingId: string,
  record: RecordingRecord,
  { shelf, making }: LookupParts,
): RecordingSummary | undefined {
  const { callId, operationId, applicationId, format, preparedAt } = record;
  const tail = shelf.live.get(recordingId);
  const nothing = { bytes: undefined, durationMs: undefined, finishedAt: undefined };
  const known = { recordingId, callId, operationId, applicationId, format, preparedAt, ...nothing };
  if (record.state === 'prepared') {
    const isOnItsWay = making.late.has(recordingId) || making.has(recordingId);
    if (tail === undefined && !isOnItsWay) return undefined;
    const samples = tail?.samples ?? 0;
    return {
      ...known,
      state: 'recording',
      ...(samples > 0 && { durationMs: (samples * 1000) / SPOOL_RATE }),
    };
  }
  if (record.state === 'gone' || shelf.endOf(record) <= shelf.clock.now()) return { ...known, state: 'gone' };
  const { bytes, durationMs, finishedAt } = record;
  return { ...known, state: 'finished', bytes, durationMs, finishedAt };
}
