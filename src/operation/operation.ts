/**
 * What an operation is asked to do and how it can end: plain data that crosses threads.
 * The engine's own words; Graph's names for these endings are in graph/.
 */
import type { KeyObject } from 'node:crypto';
import type { Key, Sensitivity } from '../media/line.ts';

/** A prompt in an operation: `audio` names what the main thread will deliver (see PromptDelivery). */
export interface PromptSpec {
  /** Index into the operation's deliveries. */
  readonly audio: number;
  /** How often it is played; `Infinity` for ever. */
  readonly times: number;
}

/** What became of fetching and decoding a prompt. */
export type PromptDelivery =
  /** Linear samples at 8,000 Hz, and the same at 16,000, on SharedArrayBuffers: shared between operations, never written. */
  | { readonly ok: true; readonly samples: Int16Array; readonly wide?: Int16Array | undefined }
  | { readonly ok: false; readonly why: 'unavailable' | 'undecodable'; readonly message: string };

export type OperationSpec = PlayPromptSpec | RecordSpec;

export interface PlayPromptSpec {
  readonly kind: 'playPrompt';
  readonly prompts: readonly PromptSpec[];
  /** All of them over and over, until something else ends it. */
  readonly loop: boolean;
  /** The caller may break in with a key or with speech: the operation is then finished. */
  readonly bargeIn: boolean;
  readonly sensitivity: Sensitivity;
}

export interface RecordSpec {
  readonly kind: 'record';
  readonly prompts: readonly PromptSpec[];
  readonly bargeIn: boolean;
  readonly sensitivity: Sensitivity;
  readonly beep: boolean;
  readonly initialSilenceMs: number;
  readonly maxSilenceMs: number;
  readonly maxDurationMs: number;
  readonly stopTones: readonly (readonly Key[])[];
  /** Longest pause between two keys of one stop tone. */
  readonly interKeyMs: number;
  /** Longest time without any media. */
  readonly noMediaMs: number;
  readonly take: TakeSpec;
}

/** Where and how the take is spooled: see recording/. */
export interface TakeSpec {
  readonly recordingId: string;
  /** Folder of the spool. */
  readonly folder: string;
  /** Written into the journal, for recovery. */
  readonly callId: string;
  readonly operationId: string;
  /** Somebody may read along: how it grows is told. */
  readonly streamed: boolean;
  /** 2: the caller is left, what is played to the caller right. */
  readonly channels: 1 | 2;
  /** Given: the take is encrypted with it. Shows nothing of itself where it is logged or becomes JSON. */
  readonly key?: KeyObject;
}

/** What an operation tells while it runs: a few an operation, never per packet. */
export type OperationProgress =
  | { readonly phase: 'running' }
  | { readonly phase: 'prompt'; readonly index: number }
  | { readonly phase: 'bargeIn'; readonly by: 'speech' | 'key' }
  | { readonly phase: 'beep' }
  | { readonly phase: 'recording' }
  /** The caller was first heard to speak. */
  | { readonly phase: 'speech' }
  /** So much of the take is on disk and will not change any more, in samples. */
  | { readonly phase: 'grown'; readonly samples: number };

/** How an operation ended. `take` is there when something was captured, whatever the ending. */
export interface OperationEnd {
  readonly by: OperationEnding;
  /** The keys of the stop tone, for `stopTone`. */
  readonly keys?: string;
  readonly message?: string;
  readonly take?: TakeSummary;
  /** Of a record operation that had its turn on the line. */
  readonly report?: EndReport;
  /** The process died under it: a later one tells of its end. */
  readonly recovered?: true;
}

/** What the engine heard from the recording's beginning on; when it never came to that, from the operation's. */
export interface EndReport {
  /** The first and the last speech, from the recording's beginning; left out when there was none, and no recording. */
  readonly speechStartMs?: number;
  readonly speechEndMs?: number;
  /** What speech had to stand out over, dBov. */
  readonly noiseFloorDbov: number;
  /** By their numbers; keys and comfort noise included. */
  readonly packetsExpected: number;
  /** Duplicates included. */
  readonly packetsReceived: number;
  /** Of these came so many when their time had been filled: they were of no use any more. */
  readonly packetsLate: number;
  /** Of frames that were filled, wholly or in part: what was lost, late, or never sent (silence suppression). */
  readonly concealedMs: number;
}

export type OperationEnding =
  /** playPrompt: played to its end, or the caller broke in. */
  | 'finished'
  | 'stopTone'
  | 'maxDuration'
  | 'maxSilence'
  | 'initialSilence'
  /** The bot cancelled it, or another request broke it. */
  | 'cancelled'
  /** The call ended under it. */
  | 'hangUp'
  | 'noMedia'
  | 'promptUnavailable'
  | 'promptUndecodable'
  /** Sending the prompt, or the beep, failed. */
  | 'promptFailed'
  | 'beepFailed'
  | 'error';

export interface TakeSummary {
  readonly recordingId: string;
  /** Length in samples at `rate`. */
  readonly samples: number;
  readonly rate: number;
  /** Whether the caller was heard to speak in it. */
  readonly spoken: boolean;
}
