/** A recording library of names only: what was asked of it is in `log`. */
import { TonearmError } from '../../src/errors.ts';
import type {
  CapturedTake,
  FinishedRecording,
  OpenRecording,
  PreparedRecording,
  RecordingLibrary,
  RecoveredRecording,
} from '../../src/recording/library.ts';

export class ScriptedRecordings implements RecordingLibrary {
  readonly log: string[] = [];
  readonly finished = new Set<string>();
  recovered: RecoveredRecording[] = [];
  broken: 'prepare' | 'finish' | 'lost' | undefined;
  /** While set, `finish` waits for it. */
  gate: Promise<void> | undefined;
  /** While set, `prepare` waits for it. */
  prepareGate: Promise<void> | undefined;
  #count = 0;

  async prepare(): Promise<PreparedRecording> {
    await this.prepareGate;
    if (this.broken === 'prepare') throw new TonearmError('spoolFailed', 'the disk is full');
    const recordingId = `recording-${++this.#count}`;
    this.log.push(`prepare ${recordingId}`);
    return {
      recordingId,
      location: `http://tonearm/${recordingId}`,
      accessToken: `token-${this.#count}`,
    };
  }

  keyOf(): undefined {}

  grown(recordingId: string, samples: number): void {
    this.log.push(`grown ${recordingId} ${samples}`);
  }

  async keep(recordingId: string, take: CapturedTake): Promise<void> {
    await this.finish(recordingId, take);
  }

  async finish(recordingId: string, take: CapturedTake): Promise<FinishedRecording> {
    await this.gate;
    this.log.push(`finish ${recordingId} ${take.samples}`);
    if (this.broken === 'finish') throw new TonearmError('finishFailed', 'the disk is full');
    if (this.broken === 'lost') throw new TonearmError('recordingLost', 'nothing of it is there');
    this.finished.add(recordingId);
    return { recordingId, bytes: 44, durationMs: take.samples / 8, sha256: '' };
  }

  async discard(recordingId: string): Promise<void> {
    this.log.push(`discard ${recordingId}`);
  }

  async recover(): Promise<readonly RecoveredRecording[]> {
    return this.recovered;
  }

  async open(recordingId: string): Promise<OpenRecording> {
    if (!this.finished.has(recordingId)) return { state: 'unknown' };
    return {
      state: 'finished',
      applicationId: undefined,
      bytes: 44,
      sha256: '',
      contentType: 'audio/wav',
      fileName: 'a.wav',
      lastModified: new Date(0),
      async *read() {},
    };
  }

  async authorize(): Promise<'ok'> {
    return 'ok';
  }

  async delete(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {}
}
