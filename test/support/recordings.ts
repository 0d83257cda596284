import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Log, silentLog } from '../../src/log.ts';
import type { Encoder } from '../../src/recording/encoder.ts';
import { bytesOf } from '../../src/recording/file-bytes.ts';
import { finishFile } from '../../src/recording/finish.ts';
import type { OpenRecording, RecordingRequest } from '../../src/recording/library.ts';
import { openRecordings, type Recordings, type RecordingsOptions } from '../../src/recording/recordings.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { upsampled } from '../../src/wire/upsample.ts';
import { pcmWavHeader } from '../../src/wire/wav.ts';
import { openSpooledTake, type SpooledTake } from './spooled-take.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Real recordings in a folder of their own, on a clock that the test turns. */
export interface RecordingStage {
  readonly folder: string;
  readonly clock: VirtualClock;
  readonly store: Store;
  recordings: Recordings;
  /** What was logged as a warning or an error. */
  readonly logged: { readonly message: string; readonly fields: Record<string, unknown> }[];
  /** Another process on the same folder and store: the old one is forgotten, as if killed. */
  restart(changes?: Pick<RecordingsOptions, 'masterKeys'>): Promise<void>;
  prepare(
    request?: Partial<RecordingRequest>,
  ): Promise<{ recordingId: string; accessToken: string; location: string }>;
  /** A take that tells the recordings how it grows, as a worker's does. */
  take(recordingId: string): SpooledTake;
  /** Spools these samples, no faster than the disk takes them, and seals the take: what `finish` is to be told. */
  capture(recordingId: string, samples: Int16Array): Promise<{ samples: number }>;
  /** A finished recording of these samples. */
  finished(samples: Int16Array): Promise<{ recordingId: string; accessToken: string }>;
  close(): Promise<void>;
}

/** Of recordings in tests. */
export const USUAL_SETTINGS = {
  publicUrl: 'http://tonearm.example/',
  retentionMs: 86_400_000,
  tokenLifetimeMs: 3_600_000,
  tokenKey: new Uint8Array(32).fill(1),
};

export async function stageRecordings(
  options: Partial<Omit<RecordingsOptions, 'store' | 'clock' | 'log'>> = {},
): Promise<RecordingStage> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'tonearm-recordings-'));
  const clock = new VirtualClock();
  const store = openSqliteStore(':memory:', clock);
  const logged: RecordingStage['logged'] = [];
  const note = (fields: object, message: string) =>
    void logged.push({ message, fields: fields as Record<string, unknown> });
  const log: Log = { ...silentLog, warn: note, error: note };
  let settings: RecordingsOptions = {
    folder,
    store,
    clock,
    log,
    ...USUAL_SETTINGS,
    // Beside the thread: what it does is tested by itself.
    encoder: { warm() {}, encode: finishFile, close: async () => {} },
    ...options,
  };
  const openStaged = (recordingId: string) => {
    const { recordings } = stage;
    const origin = { callId: 'call', operationId: 'operation' };
    const key = recordings.keyOf(recordingId);
    const how = { streamed: true, ...(key !== undefined && { key }) };
    const spec = { recordingId, folder: recordings.spoolFolder, ...origin, ...how };
    return openSpooledTake(spec, (samples) => recordings.grown(recordingId, samples));
  };
  const stage: RecordingStage = {
    folder,
    clock,
    store,
    logged,
    recordings: await openRecordings(settings),
    async restart(changes = {}) {
      settings = { ...settings, ...changes };
      stage.recordings = await openRecordings(settings);
    },
    prepare: (request) =>
      stage.recordings.prepare({
        callId: 'call',
        operationId: 'operation',
        applicationId: 'application',
        maxDurationMs: 60_000,
        format: 'wav',
        trimSilence: false,
        channels: 1,
        ...request,
      }),
    take: openStaged,
    async capture(recordingId, samples) {
      const take = openStaged(recordingId);
      for (let at = 0; at < samples.length; at += 8000) {
        take.append(samples, at, Math.min(samples.length, at + 8000));
        take.settle();
      }
      return { samples: await take.seal() };
    },
    async finished(samples) {
      const prepared = await stage.prepare();
      const told = await stage.capture(prepared.recordingId, samples);
      await stage.recordings.finish(prepared.recordingId, told);
      return prepared;
    },
    async close() {
      await stage.recordings.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return stage;
}

/** As stageRecordings; closed when the test is over. */
export async function recordingsFor(
  t: TestContext,
  options?: Parameters<typeof stageRecordings>[0],
): Promise<RecordingStage> {
  const stage = await stageRecordings(options);
  t.after(() => stage.close());
  return stage;
}

/** A recording that is opened, which must be in this state. */
export async function opened<S extends OpenRecording['state']>(stage: RecordingStage, id: string, state: S) {
  const recording = await stage.recordings.open(id);
  assert.equal(recording.state, state);
  return recording as Extract<OpenRecording, { state: S }>;
}

/** The names of all files of the recordings. */
export const filesIn = (stage: RecordingStage): readonly string[] =>
  readdirSync(stage.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

/** What there is to be read of it, growing or finished. */
export async function bodyOf({ recordings }: RecordingStage, recordingId: string) {
  const recording = await recordings.open(recordingId);
  // On its way through the callers of `open`.
  await later(2);
  if (recording.state === 'recording') return { body: recording.follow(new AbortController().signal) };
  assert.ok(recording.state === 'finished');
  return { body: recording.read(0, recording.bytes) };
}

/** So many turns of the microtask queue later. */
export async function later(moments: number): Promise<void> {
  for (let moment = 0; moment < moments; moment++) await undefined;
}

/** An encoder that makes no file before it is released. */
export function slowEncoder() {
  const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const encoder: Encoder = {
    warm() {},
    async encode(job) {
      asked.resolve();
      await released.promise;
      return finishFile(job);
    },
    close: async () => {},
  };
  return { encoder, asked: asked.promise, release: released.resolve };
}

/** Something like speech: tones that come and go, and a little noise; the same for the same `seed`. */
export function babble(length: number, seed = 1): Int16Array {
  let noise = seed;
  return Int16Array.from({ length }, (_, i) => {
    noise = (noise * 1_103_515_245 + 12_345) % 2_147_483_648;
    const tone = Math.sin(i * 0.2 * seed) * Math.sin(i * 0.0007) + 0.5 * Math.sin(i * 0.61);
    return Math.round(9000 * tone + (noise / 2_147_483_648 - 0.5) * 4000);
  });
}

/** The file that a take of these samples must become: converted in one go. */
export function expectedFile(samples: Int16Array): Buffer {
  return Buffer.concat([pcmWavHeader(16_000, 2 * samples.length), bytesOf(upsampled(samples))]);
}

/** All of a finished recording. */
export async function fileOf(stage: RecordingStage, recordingId: string): Promise<Buffer> {
  const recording = await stage.recordings.open(recordingId);
  if (recording.state !== 'finished') throw new Error(`the recording is ${recording.state}`);
  return collect(recording.read(0, recording.bytes));
}

/** All of a body. */
export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Waits for what happens without being asked for; rejects when it has not happened in three minutes. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 180_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('it did not happen in three minutes');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
