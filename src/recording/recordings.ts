/**
 * The recordings of this machine: spool and finished files in one folder, their records in the store. A recording is live
 * (it has a tail that readers follow) from `prepare` until its file is finished or it is discarded.
 */
import { type KeyObject, randomUUID } from 'node:crypto';
import { access, constants, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, pause } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type AccessTokens, accessTokens } from './access-token.ts';
import { type Conversions, openConversions, removeConverted } from './conversions.ts';
import { type Encoder, openEncoder } from './encoder.ts';
import { type FinishedFile, temporaryPath } from './finish.ts';
import { isThere, readRange } from './finished-file.ts';
import { FORMATS, fileOf, type RecordingFormat } from './formats.ts';
import { rotateKeys } from './key-rotation.ts';
import { type LateFiles, lateFiles } from './late-files.ts';
import type {
  CapturedTake,
  ConvertedRecording,
  FinishedRecording,
  OpenRecording,
  PreparedRecording,
  RecordingArchive,
  RecordingLibrary,
  RecordingRequest,
  RecordingSummary,
  RecoveredRecording,
} from './library.ts';
import { LiveTail } from './live-tail.ts';
import { type MasterKeys, masterKeys, type WrappedKey } from './master-keys.ts';
import {
  type FinishedRecord,
  type PreparedRecord,
  type RecordingRecord,
  type RecordStore,
  type Records,
  recordingIdOf,
  recordsIn,
} from './records.ts';
import { recoverSpool } from './recovery.ts';
import { Retention } from './retention.ts';
import { type Room, watchRoom } from './room.ts';
import type { RecordingKey } from './segments.ts';
import { pcmPath, readJournal, removeTake, SPOOL_RATE } from './spool-files.ts';
import { spooledIn } from './spool-reader.ts';

export interface RecordingsOptions {
  /** Made when it is not there. */
  readonly folder: string;
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Where `/recordings/…` is served, as bots reach it. */
  readonly publicUrl: string;
  /** How long a finished recording is kept. */
  readonly retentionMs: number;
  /** How long a token outlives the longest that its recording may become. */
  readonly tokenLifetimeMs: number;
  /** 32 bytes or more; a token is good only under the key it was made with. */
  readonly tokenKey: Uint8Array;
  /** What recordings' keys are wrapped with; left out: none is encrypted. */
  readonly masterKeys?: MasterKeys;
  /** No recording is begun with less room than this; default: any will do. */
  readonly minFreeBytes?: number;
  /** A thread of its own when left out. */
  readonly encoder?: Encoder;
  /** Hears of every recording that is prepared, grows, is finished, or goes. */
  readonly onChange?: (recordingId: string) => void;
}

export type Recordings = RecordingLibrary &
  RecordingArchive & {
    readonly room: Room;
    /** Recordings that are being made. */
    readonly live: number;
    /** Recordings that are spooled, and whose file the disk has refused so far. */
    readonly waiting: number;
    /** Where takes are spooled: `folder` of a take. */
    readonly spoolFolder: string;
  };

/** A recording that is gone is told as gone for so long at least, or as long as a token could ask for it. */
const REMEMBER_GONE_MS = 86_400_000;
/** Who opens a recording whose file is being made waits so long; then it is told to come again. */
const WAIT_FOR_FILE_MS = 20_000;
const MAKING_RETRY_MS = 2000;
/** With so many files to be made, a recording is told of only when its own is. */
const MOST_BEHIND = 64;
/** `trimSilence` leaves so much on either side of speech. */
const KEPT_AROUND_SPEECH_MS = 200;

/**
 * Opens the recordings in a folder. Throws TonearmError `recordingsUnusable`, naming the folder, when it cannot be made or
 * written to. What a killed process left is finished by `recover`.
 */
export async function openRecordings(options: RecordingsOptions): Promise<Recordings> {
  const spoolFolder = join(options.folder, 'spool');
  const finishedFolder = join(options.folder, 'finished');
  try {
    for (const folder of [spoolFolder, finishedFolder]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    }
  } catch (cause) {
    const advice = 'name a data folder that this user may write to';
    const message = `recordings cannot be kept in ${options.folder} (${reasonOf(cause)}): ${advice}`;
    throw new TonearmError('recordingsUnusable', message, { cause });
  }
  const recordings = new FolderRecordings(options, spoolFolder, finishedFolder);
  await recordings.start();
  return recordings;
}

/** `kept`: the take was found, and the rest is a matter of time. */
interface Finishing {
  readonly kept: Promise<void>;
  readonly finished: Promise<FinishedRecording>;
}

class FolderRecordings implements Recordings {
  readonly spoolFolder: string;
  readonly room: Room;
  readonly #finishedFolder: string;
  readonly #options: RecordingsOptions;
  readonly #records: Records;
  readonly #tokens: AccessTokens;
  readonly #retention: Retention;
  readonly #live = new Map<string, LiveTail>();
  readonly #finishing = new Map<string, Finishing>();
  readonly #late: LateFiles;
  #isRecovered = false;
  readonly #encoder: Encoder;
  readonly #conversions: Conversions;
  readonly #masterKeys: MasterKeys;

  constructor(options: RecordingsOptions, spoolFolder: string, finishedFolder: string) {
    this.#options = options;
    this.#encoder = options.encoder ?? openEncoder();
    this.#conversions = openConversions(finishedFolder, this.#encoder);
    this.#masterKeys = options.masterKeys ?? masterKeys([]);
    this.spoolFolder = spoolFolder;
    this.#finishedFolder = finishedFolder;
    const { clock, log, minFreeBytes = 0 } = options;
    this.#late = lateFiles({ clock, log, finish: (id, take) => this.finish(id, take) });
    this.room = watchRoom({ folder: spoolFolder, minFreeBytes, clock });
    this.#records = recordsIn(options.store);
    this.#tokens = accessTokens(options.tokenKey, options.clock);
    this.#retention = new Retention(options.clock, options.log, (id) => this.delete(id));
  }

  /** Takes up the retention of what earlier processes finished, and wraps keys anew when there is another first master key. */
  async start(): Promise<void> {
    await removeConverted(this.#finishedFolder);
    const rotation = rotateKeys(this.#masterKeys, this.#records, this.#options.log);
    for await (const [id, record] of this.#records.list()) {
      if (record.state === 'finished') this.#retention.add(id, this.#endOf(record));
      await rotation.take(id, record);
    }
    rotation.tell();
  }

  get live(): number {
    return this.#live.size;
  }

  get waiting(): number {
    return this.#late.size;
  }

  async prepare(request: RecordingRequest): Promise<PreparedRecording> {
    const { clock, publicUrl, tokenLifetimeMs } = this.#options;
    await this.room.check();
    this.#encoder.warm();
    const base = publicUrl.replace(/\/+$/, '');
    const { maxDurationMs, ...origin } = request;
    const recordingId = randomUUID();
    const preparedAt = clock.now();
    const tokenExpiresAt = preparedAt + maxDurationMs + tokenLifetimeMs;
    const accessToken = await this.#tokens.issue(recordingId, tokenExpiresAt);
    const made = this.#masterKeys.make(recordingId);
    const key = made && { recordingId, key: made.key };
    this.#live.set(recordingId, new LiveTail(this.spoolFolder, recordingId, request.channels, key));
    try {
      const wrapped = made && { key: made.wrapped };
      const record = { state: 'prepared', ...origin, preparedAt, tokenExpiresAt, ...wrapped } as const;
      await this.#records.put(recordingId, record);
    } catch (error) {
      this.#live.delete(recordingId);
      throw error;
    }
    this.#changed(recordingId);
    return { recordingId, location: `${base}/recordings/${recordingId}`, accessToken };
  }

  keyOf(recordingId: string): KeyObject | undefined {
    return this.#live.get(recordingId)?.key?.key;
  }

  grown(recordingId: string, samples: number): void {
    this.#live.get(recordingId)?.grown(samples);
    this.#changed(recordingId);
  }

  keep(recordingId: string, take: CapturedTake): Promise<void> {
    const isBehind = this.#finishing.size >= MOST_BEHIND;
    const { kept, finished } = this.#beginFinish(recordingId, take);
    // Whoever records faster than files can be made is held up by it.
    if (isBehind) return finished.then(() => {});
    const onLateFailure = (thrown: unknown) =>
      this.#options.log.error({ recordingId, error: reasonOf(thrown) }, 'a recording could not be finished');
    // What goes wrong before is the caller's to tell.
    void kept.then(
      () => finished.catch(onLateFailure),
      () => {},
    );
    return kept;
  }

  finish(recordingId: string, take: CapturedTake): Promise<FinishedRecording> {
    return this.#beginFinish(recordingId, take).finished;
  }

  #beginFinish(recordingId: string, take: CapturedTake): Finishing {
    const running = this.#finishing.get(recordingId);
    if (running !== undefined) return running;
    const kept = Promise.withResolvers<void>();
    const finished = this.#finish(recordingId, take, kept.resolve).finally(() =>
      this.#finishing.delete(recordingId),
    );
    finished.then(() => kept.resolve(), kept.reject);
    // Not everybody who finishes one waits for both.
    kept.promise.catch(() => {});
    const finishing = { kept: kept.promise, finished };
    this.#finishing.set(recordingId, finishing);
    return finishing;
  }

  async discard(recordingId: string): Promise<void> {
    const tail = this.#live.get(recordingId);
    this.#live.delete(recordingId);
    tail?.end();
    await tail?.hold();
    await removeTake(this.spoolFolder, recordingId);
    const record = await this.#records.get(recordingId);
    if (record === undefined) return;
    const path = this.#path(recordingId, record);
    await rm(temporaryPath(path), { force: true });
    await rm(path, { force: true });
    // Last: while there are files, the record says whose they are. Whoever was told of it hears that it is gone.
    await this.#bury(recordingId, record);
  }

  async recover(): Promise<readonly RecoveredRecording[]> {
    const recovered = await recoverSpool({
      spoolFolder: this.spoolFolder,
      finishedFolder: this.#finishedFolder,
      records: this.#records,
      clock: this.#options.clock,
      log: this.#options.log,
      keyOf: (id, record) => this.#unwrap(id, record),
      isBusy: (id) => this.#live.has(id) || this.#finishing.has(id),
      finish: (id, samples) => this.finish(id, { samples }),
      discard: (id) => this.discard(id),
    });
    this.#isRecovered = true;
    return recovered;
  }

  async open(recordingId: string): Promise<OpenRecording> {
    const id = recordingIdOf(recordingId);
    if (id === undefined) return { state: 'unknown' };
    if (!(await this.#isMade(id))) return this.#waiting(await this.#records.get(id), MAKING_RETRY_MS);
    let record = await this.#records.get(id);
    const tail = this.#live.get(id);
    // It may have been finished meanwhile.
    if (tail === undefined && record?.state === 'prepared') record = await this.#records.get(id);
    if (record === undefined) return { state: 'unknown' };
    const { applicationId } = record;
    if (tail !== undefined) {
      const follow = (signal: AbortSignal) => tail.follow(signal);
      return { state: 'recording', applicationId, ...fileOf(id, 'wav'), follow };
    }
    if (record.state === 'prepared') {
      if (this.#late.has(id)) return this.#waiting(record, this.#late.retryInMs);
      // What an earlier process captured: its turn comes.
      return this.#isRecovered ? { state: 'unknown' } : this.#waiting(record, MAKING_RETRY_MS);
    }
    if (record.state === 'gone' || this.#endOf(record) <= this.#options.clock.now())
      return { state: 'gone', applicationId };
    const path = this.#path(id, record);
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
      read: (from, to) => this.#read(id, record, from, to),
    };
  }

  /** Whether the recording's file is not being made, or no more, within the time that a reader waits. */
  async #isMade(recordingId: string): Promise<boolean> {
    const finishing = this.#finishing.get(recordingId);
    if (finishing === undefined) return true;
    const waited = new AbortController();
    const made = finishing.finished.then(
      () => true,
      () => true,
    );
    const late = pause(this.#options.clock, WAIT_FOR_FILE_MS, waited.signal).then(() => false);
    return Promise.race([made, late]).finally(() => waited.abort());
  }

  #waiting(record: RecordingRecord | undefined, retryInMs: number): OpenRecording {
    return { state: 'waiting', applicationId: record?.applicationId, retryInMs };
  }

  /** The key is looked for only now: who cannot read a recording can delete it. */
  async *#read(id: string, record: FinishedRecord, from: number, to: number): AsyncGenerator<Uint8Array> {
    const key = this.#unwrap(id, record);
    yield* readRange(this.#path(id, record), from, to, key && { ...key, bytes: record.bytes });
  }

  async authorize(recordingId: string, token: string): Promise<'ok' | 'invalid' | 'otherRecording'> {
    return this.#tokens.check(recordingIdOf(recordingId) ?? recordingId, token);
  }

  async delete(recordingId: string): Promise<boolean> {
    const id = recordingIdOf(recordingId);
    if (id === undefined) return false;
    await this.#finishing.get(id)?.finished.catch(() => {});
    if (this.#live.has(id)) return false;
    const record = await this.#records.get(id);
    if (record?.state !== 'finished') return false;
    // The audio first: once somebody was told that it is gone, it is.
    await rm(this.#path(id, record), { force: true });
    await this.#bury(id, record);
    return true;
  }

  async #bury(
    id: string,
    { callId, operationId, applicationId, tokenExpiresAt, format, preparedAt }: RecordingRecord,
  ): Promise<void> {
    const until = Math.max(tokenExpiresAt, this.#options.clock.now() + REMEMBER_GONE_MS);
    const asked = preparedAt !== undefined && { preparedAt };
    const origin = { callId, operationId, applicationId, tokenExpiresAt, format, ...asked };
    await this.#records.put(id, { state: 'gone', ...origin }, until);
    this.#changed(id);
  }

  async *list(): AsyncGenerator<RecordingSummary> {
    for await (const [id, record] of this.#records.list()) {
      const summary = this.#summaryOf(id, record);
      if (summary !== undefined) yield summary;
    }
  }

  async summary(recordingId: string): Promise<RecordingSummary | undefined> {
    const id = recordingIdOf(recordingId);
    const record = id === undefined ? undefined : await this.#records.get(id);
    return id === undefined || record === undefined ? undefined : this.#summaryOf(id, record);
  }

  /** `undefined`: what was prepared, and lost with its process. */
  #summaryOf(recordingId: string, record: RecordingRecord): RecordingSummary | undefined {
    const { callId, operationId, applicationId, format, preparedAt } = record;
    const tail = this.#live.get(recordingId);
    const nothing = { bytes: undefined, durationMs: undefined, finishedAt: undefined };
    const known = { recordingId, callId, operationId, applicationId, format, preparedAt, ...nothing };
    if (record.state === 'prepared') {
      const isOnItsWay = this.#late.has(recordingId) || this.#finishing.has(recordingId);
      if (tail === undefined && !isOnItsWay) return undefined;
      const samples = tail?.samples ?? 0;
      return {
        ...known,
        state: 'recording',
        ...(samples > 0 && { durationMs: (samples * 1000) / SPOOL_RATE }),
      };
    }
    if (record.state === 'gone' || this.#endOf(record) <= this.#options.clock.now())
      return { ...known, state: 'gone' };
    const { bytes, durationMs, finishedAt } = record;
    return { ...known, state: 'finished', bytes, durationMs, finishedAt };
  }

  async convert(recordingId: string, format: RecordingFormat): Promise<ConvertedRecording> {
    const id = recordingIdOf(recordingId);
    const record = id === undefined ? undefined : await this.#records.get(id);
    if (id === undefined || record?.state !== 'finished' || record.format !== 'wav')
      throw new TonearmError('notConvertible', 'Only a finished WAV can be had in other formats.');
    const from = this.#path(id, record);
    const source = { path: from, bytes: record.bytes, key: this.#unwrap(id, record) };
    return this.#conversions.convert(id, source, format);
  }

  #changed(recordingId: string): void {
    this.#options.onChange?.(recordingId);
  }

  async close(): Promise<void> {
    this.#retention.close();
    this.#late.close();
    await Promise.allSettled([...this.#finishing.values()].map(({ finished }) => finished));
    await this.#encoder.close();
    for (const tail of this.#live.values())
      tail.fail(new TonearmError('recordingsClosed', 'the server is stopping'));
  }

  async #finish(recordingId: string, take: CapturedTake, onKept: () => void): Promise<FinishedRecording> {
    const tail = this.#live.get(recordingId);
    try {
      const record = await this.#records.get(recordingId);
      if (record === undefined || record.state === 'gone')
        throw new TonearmError('recordingLost', 'it is not known any more');
      if (record.state === 'finished') return describe(recordingId, record);
      const finished = await this.#makeFile(recordingId, record, take, tail, onKept);
      this.#live.delete(recordingId);
      await tail?.hold();
      await this.#forgetTake(recordingId);
      this.#late.delete(recordingId);
      this.#changed(recordingId);
      this.#retention.add(recordingId, this.#endOf(finished));
      return describe(recordingId, finished);
    } catch (cause) {
      this.#live.delete(recordingId);
      tail?.end();
      const spool = pcmPath(this.spoolFolder, recordingId);
      const isLost = cause instanceof TonearmError && cause.code === 'recordingLost';
      if (isLost) this.#late.delete(recordingId);
      // Readers may have been given more than the caller knows of, and their tail is gone now.
      else this.#late.add(recordingId, { ...take, samples: Math.max(take.samples, tail?.samples ?? 0) });
      const then = isLost ? '' : `; what there is of it stays in ${spool} and is tried again`;
      const message = `recording ${recordingId} could not be finished: ${reasonOf(cause)}${then}`;
      throw new TonearmError(isLost ? 'recordingLost' : 'finishFailed', message, { cause });
    }
  }

  /** Resolves when the file and its record are kept. */
  async #makeFile(
    recordingId: string,
    prepared: PreparedRecord,
    { samples, speech }: CapturedTake,
    tail: LiveTail | undefined,
    onKept: () => void,
  ): Promise<FinishedRecord> {
    const spool = pcmPath(this.spoolFolder, recordingId);
    const journal = await readJournal(this.spoolFolder, recordingId);
    const { rate, channels } = journal ?? { rate: SPOOL_RATE, channels: 1 };
    const wide = rate / SPOOL_RATE;
    const key = tail?.key ?? this.#unwrap(recordingId, prepared);
    const there = await spooledIn(spool, journal, key);
    const { samples: spooled, damage } = there ?? { samples: 0 };
    // Readers may have been given more than the caller knows of; a disk that refused some leaves less.
    const length = Math.min(spooled, Math.max(samples, tail?.samples ?? 0));
    if (there === undefined || (length === 0 && samples > 0))
      throw new TonearmError('recordingLost', `nothing of it is in ${this.spoolFolder}`);
    if (length < samples) {
      const what = { recordingId, samples, spooled, damage };
      this.#options.log.warn(what, 'a recording is shorter than what was heard: the spool lost some of it');
    }
    tail?.end(length);
    onKept();
    const [begin, end] = prepared.trimSilence === true ? aroundSpeech(speech, length) : [0, length];
    const file = await this.#encoder.encode({
      from: spool,
      to: this.#path(recordingId, prepared),
      format: prepared.format,
      rate,
      channels,
      begin: begin * wide,
      end: end * wide,
      key,
    });
    const finished = {
      ...prepared,
      ...file,
      state: 'finished',
      finishedAt: this.#options.clock.now(),
    } as const;
    await this.#records.put(recordingId, finished);
    return finished;
  }

  /** A recording whose spool cannot be deleted is finished all the same. */
  async #forgetTake(recordingId: string): Promise<void> {
    try {
      await removeTake(this.spoolFolder, recordingId);
    } catch (thrown) {
      this.#options.log.error({ recordingId, error: reasonOf(thrown) }, 'a spool file could not be deleted');
    }
  }

  #unwrap(recordingId: string, { key }: { readonly key?: WrappedKey }): RecordingKey | undefined {
    return key && { recordingId, key: this.#masterKeys.unwrap(recordingId, key) };
  }

  #endOf({ finishedAt }: FinishedRecord): number {
    return finishedAt + this.#options.retentionMs;
  }

  #path(recordingId: string, { format }: RecordingRecord): string {
    return join(this.#finishedFolder, `${recordingId}${FORMATS[format].suffix}`);
  }
}

function describe(recordingId: string, { bytes, sha256, durationMs }: FinishedFile): FinishedRecording {
  return { recordingId, bytes, durationMs, sha256 };
}

/** What is left of `length` samples when silence is cut off; all of it when nothing is known to be spoken. */
function aroundSpeech(speech: CapturedTake['speech'], length: number): readonly [begin: number, end: number] {
  if (speech === undefined) return [0, length];
  const at = (ms: number) => Math.max(0, Math.min(length, Math.round((ms * SPOOL_RATE) / 1000)));
  const begin = at(speech.startMs - KEPT_AROUND_SPEECH_MS);
  const end = at(speech.endMs + KEPT_AROUND_SPEECH_MS);
  return end > begin ? [begin, end] : [0, length];
}
