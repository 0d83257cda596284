/**
 * The recordings of this machine: spool and finished files in one folder, their records in the store. A recording is live
 * (it has a tail that readers follow) from `prepare` until its file is finished or it is discarded. Here it begins and ends: how its file is made stands
 * in files-in-making.ts, what readers find in lookup.ts.
 */
import { type KeyObject, randomUUID } from 'node:crypto';
import { access, constants, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type AccessTokens, accessTokens } from './access-token.ts';
import { type Conversions, openConversions, removeConverted } from './conversions.ts';
import { type Encoder, openEncoder } from './encoder.ts';
import { FilesInMaking } from './files-in-making.ts';
import { temporaryPath } from './finish.ts';
import type { RecordingFormat } from './formats.ts';
import { rotateKeys } from './key-rotation.ts';
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
import { type LookupParts, openRecording, summaryOf } from './lookup.ts';
import { type MasterKeys, masterKeys } from './master-keys.ts';
import { type RecordingRecord, type RecordStore, recordingIdOf, recordsIn } from './records.ts';
import { recoverSpool } from './recovery.ts';
import { Retention } from './retention.ts';
import { type Room, watchRoom } from './room.ts';
import { type Shelf, shelfOf } from './shelf.ts';
import { removeTake } from './spool-files.ts';

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

class FolderRecordings implements Recordings {
  readonly room: Room;
  readonly #options: RecordingsOptions;
  readonly #shelf: Shelf;
  readonly #tokens: AccessTokens;
  readonly #retention: Retention;
  readonly #making: FilesInMaking;
  readonly #lookup: LookupParts;
  readonly #encoder: Encoder;
  readonly #conversions: Conversions;
  #isRecovered = false;

  constructor(options: RecordingsOptions, spoolFolder: string, finishedFolder: string) {
    const { clock, log, minFreeBytes = 0, retentionMs, onChange = () => {} } = options;
    this.#options = options;
    this.#shelf = shelfOf({
      spoolFolder,
      finishedFolder,
      records: recordsIn(options.store),
      masterKeys: options.masterKeys ?? masterKeys([]),
      retentionMs,
      clock,
      log,
      changed: onChange,
    });
    this.#encoder = options.encoder ?? openEncoder();
    this.#conversions = openConversions(finishedFolder, this.#encoder);
    this.room = watchRoom({ folder: spoolFolder, minFreeBytes, clock });
    this.#tokens = accessTokens(options.tokenKey, clock);
    this.#retention = new Retention(clock, log, (id) => this.delete(id));
    this.#making = new FilesInMaking(this.#shelf, this.#encoder, (id, record) =>
      this.#retention.add(id, this.#shelf.endOf(record)),
    );
    this.#lookup = { shelf: this.#shelf, making: this.#making, isRecovered: () => this.#isRecovered };
  }

  /** Takes up the retention of what earlier processes finished, and wraps keys anew when there is another first master key. */
  async start(): Promise<void> {
    await removeConverted(this.#shelf.finishedFolder);
    const rotation = rotateKeys(this.#shelf.masterKeys, this.#shelf.records, this.#options.log);
    for await (const [id, record] of this.#shelf.records.list()) {
      if (record.state === 'finished') this.#retention.add(id, this.#shelf.endOf(record));
      await rotation.take(id, record);
    }
    rotation.tell();
  }

  get spoolFolder(): string {
    return this.#shelf.spoolFolder;
  }

  get live(): number {
    return this.#shelf.live.size;
  }

  get waiting(): number {
    return this.#making.late.size;
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
    const made = this.#shelf.masterKeys.make(recordingId);
    const key = made && { recordingId, key: made.key };
    this.#shelf.live.set(recordingId, new LiveTail(this.spoolFolder, recordingId, request.channels, key));
    try {
      const wrapped = made && { key: made.wrapped };
      const record = { state: 'prepared', ...origin, preparedAt, tokenExpiresAt, ...wrapped } as const;
      await this.#shelf.records.put(recordingId, record);
    } catch (error) {
      this.#shelf.live.delete(recordingId);
      throw error;
    }
    this.#shelf.changed(recordingId);
    return { recordingId, location: `${base}/recordings/${recordingId}`, accessToken };
  }

  keyOf(recordingId: string): KeyObject | undefined {
    return this.#shelf.live.get(recordingId)?.key?.key;
  }

  grown(recordingId: string, samples: number): void {
    this.#shelf.live.get(recordingId)?.grown(samples);
    this.#shelf.changed(recordingId);
  }

  keep(recordingId: string, take: CapturedTake): Promise<void> {
    return this.#making.keep(recordingId, take);
  }

  finish(recordingId: string, take: CapturedTake): Promise<FinishedRecording> {
    return this.#making.finish(recordingId, take);
  }

  async discard(recordingId: string): Promise<void> {
    const tail = this.#shelf.live.get(recordingId);
    this.#shelf.live.delete(recordingId);
    tail?.end();
    await tail?.hold();
    await removeTake(this.spoolFolder, recordingId);
    const record = await this.#shelf.records.get(recordingId);
    if (record === undefined) return;
    const path = this.#shelf.pathOf(recordingId, record);
    await rm(temporaryPath(path), { force: true });
    await rm(path, { force: true });
    // Last: while there are files, the record says whose they are. Whoever was told of it hears that it is gone.
    await this.#bury(recordingId, record);
  }

  async recover(): Promise<readonly RecoveredRecording[]> {
    const recovered = await recoverSpool({
      spoolFolder: this.spoolFolder,
      finishedFolder: this.#shelf.finishedFolder,
      records: this.#shelf.records,
      clock: this.#options.clock,
      log: this.#options.log,
      keyOf: (id, record) => this.#shelf.keyOf(id, record),
      isBusy: (id) => this.#shelf.live.has(id) || this.#making.has(id),
      finish: (id, samples) => this.finish(id, { samples }),
      discard: (id) => this.discard(id),
    });
    this.#isRecovered = true;
    return recovered;
  }

  open(recordingId: string): Promise<OpenRecording> {
    return openRecording(recordingId, this.#lookup);
  }

  async authorize(recordingId: string, token: string): Promise<'ok' | 'invalid' | 'otherRecording'> {
    return this.#tokens.check(recordingIdOf(recordingId) ?? recordingId, token);
  }

  async delete(recordingId: string): Promise<boolean> {
    const id = recordingIdOf(recordingId);
    if (id === undefined) return false;
    await this.#making.made(id);
    if (this.#shelf.live.has(id)) return false;
    const record = await this.#shelf.records.get(id);
    if (record?.state !== 'finished') return false;
    // The audio first: once somebody was told that it is gone, it is.
    await rm(this.#shelf.pathOf(id, record), { force: true });
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
    await this.#shelf.records.put(id, { state: 'gone', ...origin }, until);
    this.#shelf.changed(id);
  }

  async *list(): AsyncGenerator<RecordingSummary> {
    for await (const [id, record] of this.#shelf.records.list()) {
      const summary = summaryOf(id, record, this.#lookup);
      if (summary !== undefined) yield summary;
    }
  }

  async summary(recordingId: string): Promise<RecordingSummary | undefined> {
    const id = recordingIdOf(recordingId);
    const record = id === undefined ? undefined : await this.#shelf.records.get(id);
    return id === undefined || record === undefined ? undefined : summaryOf(id, record, this.#lookup);
  }

  async convert(recordingId: string, format: RecordingFormat): Promise<ConvertedRecording> {
    const id = recordingIdOf(recordingId);
    const record = id === undefined ? undefined : await this.#shelf.records.get(id);
    if (id === undefined || record?.state !== 'finished' || record.format !== 'wav')
      throw new TonearmError('notConvertible', 'Only a finished WAV can be had in other formats.');
    const from = this.#shelf.pathOf(id, record);
    const source = { path: from, bytes: record.bytes, key: this.#shelf.keyOf(id, record) };
    return this.#conversions.convert(id, source, format);
  }

  async close(): Promise<void> {
    this.#retention.close();
    await this.#making.close();
    await this.#encoder.close();
    for (const tail of this.#shelf.live.values())
      tail.fail(new TonearmError('recordingsClosed', 'the server is stopping'));
  }
}
