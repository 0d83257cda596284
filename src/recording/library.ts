import type { KeyObject } from 'node:crypto';
import type { RecordingFormat } from './formats.ts';

/**
 * The recordings as the main thread sees them: from the spool to the finished file, its access token, its
 * retention. recordings.ts implements it.
 */
export interface RecordingLibrary {
  /**
   * Makes a recording's record: its id, where it will be read, and the token that opens it. Nothing is on disk yet. Throws TonearmError `noRoom`
   * when there is no room for another one.
   */
  prepare(request: RecordingRequest): Promise<PreparedRecording>;
  /** What the take of a prepared recording is to be encrypted with; `undefined`: it is not. */
  keyOf(recordingId: string): KeyObject | undefined;
  /** So many samples of the spool are final; readers that follow are woken. */
  grown(recordingId: string, samples: number): void;
  /**
   * Resolves once it is certain that the take is in the spool and will become the finished file, which goes on afterwards: readers that follow end,
   * whoever opens it meanwhile waits. When many files are to be made before, it resolves with the file. Rejects as `finish` does with what is found wrong before; what goes wrong later is logged.
   */
  keep(recordingId: string, take: CapturedTake): Promise<void>;
  /**
   * Turns the spooled take into the finished file. Readers that follow end. Throws TonearmError `finishFailed` when the disk refuses it now: it is
   * tried again; `recordingLost` when there is nothing to try again with.
   */
  finish(recordingId: string, take: CapturedTake): Promise<FinishedRecording>;
  /** Removes a recording that came to nothing; who asks for it hears that it is gone. */
  discard(recordingId: string): Promise<void>;
  /** Finishes what a killed process left in the spool. Called once, at start. */
  recover(): Promise<readonly RecoveredRecording[]>;
  /** Opens a recording for reading. */
  open(recordingId: string): Promise<OpenRecording>;
  /** Whether this token opens this recording. */
  authorize(recordingId: string, token: string): Promise<'ok' | 'invalid' | 'otherRecording'>;
  /** Waits for a file that is being made. `false` when there was nothing to delete: it still grows, is gone, or the disk has refused its file so far. */
  delete(recordingId: string): Promise<boolean>;
  close(): Promise<void>;
}

/** The recordings as who looks after them sees them. */
export interface RecordingArchive {
  /** Every one that is known, in no order; gone ones too, for as long as they are told to be gone. */
  list(): AsyncIterable<RecordingSummary>;
  /** One of them; `undefined` when it is not known. */
  summary(recordingId: string): Promise<RecordingSummary | undefined>;
  /**
   * A finished WAV as a file of another format, made by the encoder's thread: nothing is left of it on the disk once it was read or closed. Throws
   * TonearmError `notConvertible` for what is no finished WAV, `tooBusy` when as many as may be are under way.
   */
  convert(recordingId: string, format: RecordingFormat): Promise<ConvertedRecording>;
}

/** What there is to say of a recording without opening it. Times are milliseconds since the epoch. */
export interface RecordingSummary {
  readonly recordingId: string;
  readonly callId: string;
  readonly operationId: string;
  /** `undefined` when only the spool knew of it. */
  readonly applicationId: string | undefined;
  /** `recording`: until its file is finished. */
  readonly state: 'recording' | 'finished' | 'gone';
  readonly format: RecordingFormat;
  /** Of the finished file. */
  readonly bytes: number | undefined;
  /** So far, while it grows; `undefined` when that is not told. */
  readonly durationMs: number | undefined;
  /** When it was asked for. */
  readonly preparedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export interface ConvertedRecording {
  readonly bytes: number;
  readonly contentType: string;
  readonly fileName: string;
  /** All of it, once. */
  read(): AsyncIterable<Uint8Array>;
  /** Frees what it took, read or not. */
  close(): Promise<void>;
}

export interface RecordingRequest {
  readonly callId: string;
  readonly operationId: string;
  readonly applicationId: string;
  /** Longest it can become: the token outlives it by the configured lifetime. */
  readonly maxDurationMs: number;
  /** Only a wav is to be read while it grows. */
  readonly format: RecordingFormat;
  /** Silence before and after all speech is cut off. */
  readonly trimSilence: boolean;
  readonly channels: 1 | 2;
}

/** What was captured of a recording. */
export interface CapturedTake {
  /** 8,000 a second, whatever the spool's rate. */
  readonly samples: number;
  /** The first and the last of it, when there was any; left out when it is not known. */
  readonly speech?: { readonly startMs: number; readonly endMs: number };
}

export interface PreparedRecording {
  readonly recordingId: string;
  /** Absolute URL. */
  readonly location: string;
  readonly accessToken: string;
}

export interface FinishedRecording {
  readonly recordingId: string;
  readonly bytes: number;
  readonly durationMs: number;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
}

export interface RecoveredRecording extends FinishedRecording {
  readonly callId: string;
  readonly operationId: string;
}

/** `applicationId`: whose it is; `undefined` when only the spool knew of it. */
export type OpenRecording =
  | {
      readonly state: 'finished';
      readonly applicationId: string | undefined;
      readonly bytes: number;
      readonly sha256: string;
      readonly contentType: string;
      readonly fileName: string;
      readonly lastModified: Date;
      /** Bytes [start, end) of the file. */
      read(start: number, end: number): AsyncIterable<Uint8Array>;
    }
  | {
      readonly state: 'recording';
      readonly applicationId: string | undefined;
      readonly contentType: string;
      readonly fileName: string;
      /** The file as it grows: a header for an unknown length, then audio in step with the call; ends when the recording ends. */
      follow(signal: AbortSignal): AsyncIterable<Uint8Array>;
    }
  /** The disk has refused the finished file so far: it is tried again. */
  | { readonly state: 'waiting'; readonly applicationId: string | undefined; readonly retryInMs: number }
  | { readonly state: 'unknown' }
  /** Deleted, or past its retention. */
  | { readonly state: 'gone'; readonly applicationId: string | undefined };
