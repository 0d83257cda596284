/**
 * What a killed process left in the folders: takes are finished with the audio that the spool holds, half-written files
 * are removed, and what is not ours is left alone.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FinishedRecording, RecoveredRecording } from './library.ts';
import { type PreparedRecord, type RecordingRecord, type Records, recordingIdOf } from './records.ts';
import type { RecordingKey } from './segments.ts';
import { newJournalPath, pcmPath, readJournal, removeTake } from './spool-files.ts';
import { spooledIn } from './spool-reader.ts';

export interface RecoveryParts {
  readonly spoolFolder: string;
  readonly finishedFolder: string;
  readonly records: Records;
  readonly clock: Clock;
  readonly log: Log;
  /** Recordings of this process: none of recovery's business. */
  isBusy(recordingId: string): boolean;
  /** Throws when the recording is encrypted and its key cannot be had. */
  keyOf(recordingId: string, record: PreparedRecord): RecordingKey | undefined;
  finish(recordingId: string, samples: number): Promise<FinishedRecording>;
  discard(recordingId: string): Promise<void>;
}

/** Never rejects for one recording's sake: what goes wrong with it is logged, and tried again at the next start. */
export async function recoverSpool(parts: RecoveryParts): Promise<readonly RecoveredRecording[]> {
  const spool = new Set((await ourFiles(parts.spoolFolder, SPOOL_FILE, parts)).map(({ id }) => id));
  const recovered: RecoveredRecording[] = [];
  await Promise.all(
    [...spool].map((recordingId) =>
      attempt(recordingId, parts, async () => {
        const recording = await recoverTake(recordingId, parts);
        if (recording !== undefined) recovered.push(recording);
      }),
    ),
  );
  const states = new Map<string, RecordingRecord['state']>();
  for await (const [recordingId, { state }] of parts.records.list()) {
    states.set(recordingId, state);
    // It was prepared, and the process died before a sample of it was captured.
    if (state === 'prepared' && !spool.has(recordingId) && !parts.isBusy(recordingId))
      await attempt(recordingId, parts, () => parts.discard(recordingId));
  }
  await tidyFinished(states, parts);
  if (recovered.length > 0)
    parts.log.info({ recordings: recovered.length }, 'recordings of an earlier process were finished');
  return recovered;
}

const SPOOL_FILE = /^(.{36})(\.pcm|\.json|\.json\.new)$/;
const FINISHED_FILE = /^(.{36})((?:\.wav|\.mp3|\.flac|\.ogg)(?:\.part)?)$/;

/** `undefined` when nothing was captured, or it was finished before. */
async function recoverTake(
  recordingId: string,
  parts: RecoveryParts,
): Promise<RecoveredRecording | undefined> {
  const { spoolFolder, records, clock, log } = parts;
  const journal = await readJournal(spoolFolder, recordingId);
  const record = await records.get(recordingId);
  const origin = record ?? journal;
  if (origin === undefined) {
    log.warn(
      { recordingId, folder: spoolFolder },
      'audio in the spool is left alone: nothing says whose it is',
    );
    return undefined;
  }
  if (record !== undefined && record.state !== 'prepared') {
    await removeTake(spoolFolder, recordingId);
    return undefined;
  }
  const key = record && parts.keyOf(recordingId, record);
  const spooled = (await spooledIn(pcmPath(spoolFolder, recordingId), journal, key)) ?? { samples: 0 };
  if (spooled.damage !== undefined)
    log.warn({ recordingId, ...spooled }, 'a take in the spool is damaged: what comes before that is kept');
  const samples = Math.min(spooled.samples, journal?.sealed ?? spooled.samples);
  if (samples === 0) {
    await parts.discard(recordingId);
    return undefined;
  }
  const { callId, operationId } = origin;
  if (record === undefined) {
    // The store was lost. No token opens it, but it is kept for its retention.
    const unknown = { applicationId: undefined, tokenExpiresAt: clock.now() };
    const usual = { format: 'wav', trimSilence: false } as const;
    await records.put(recordingId, { state: 'prepared', callId, operationId, ...unknown, ...usual });
  }
  await rm(newJournalPath(spoolFolder, recordingId), { force: true });
  return { ...(await parts.finish(recordingId, samples)), callId, operationId };
}

/** Half-written files go, and files whose deletion was interrupted. */
async function tidyFinished(
  states: ReadonlyMap<string, RecordingRecord['state']>,
  parts: RecoveryParts,
): Promise<void> {
  const { finishedFolder, log } = parts;
  let unknown = 0;
  for (const { id, name, suffix } of await ourFiles(finishedFolder, FINISHED_FILE, parts)) {
    const state = states.get(id);
    if (suffix.endsWith('.part') || state === 'gone')
      await attempt(id, parts, () => rm(join(finishedFolder, name), { force: true }));
    else if (state === undefined && !(await parts.records.get(id))) unknown++;
  }
  if (unknown > 0)
    log.warn(
      { folder: finishedFolder, count: unknown },
      'finished recordings without a record are left alone',
    );
}

interface OurFile {
  readonly id: string;
  readonly name: string;
  readonly suffix: string;
}

/** The files of recordings in a folder, without those in use. What `pattern` (id, suffix) does not fit is logged. */
async function ourFiles(
  folder: string,
  pattern: RegExp,
  { log, isBusy }: RecoveryParts,
): Promise<readonly OurFile[]> {
  const ours: OurFile[] = [];
  const foreign: string[] = [];
  for (const name of await readdir(folder)) {
    const [, id = '', suffix = ''] = pattern.exec(name) ?? [];
    if (recordingIdOf(id) !== id) foreign.push(name);
    else if (!isBusy(id)) ours.push({ id, name, suffix });
  }
  if (foreign.length > 0) {
    const what = { folder, files: foreign.slice(0, 20), count: foreign.length };
    log.warn(what, 'files that are not ours are left alone');
  }
  return ours;
}

async function attempt(
  recordingId: string,
  { log }: RecoveryParts,
  step: () => Promise<void>,
): Promise<void> {
  try {
    await step();
  } catch (thrown) {
    log.error({ recordingId, error: reasonOf(thrown) }, 'a recording could not be recovered');
  }
}
