/**
 * A line: the audio of one call, as an operation sees it. Lives in a media worker.
 *
 * Positions and lengths are samples of the call's timeline, 8,000 a second for G.711, counted on the caller's RTP
 * timestamps: 0 is the first instant of media, or the opening of the line when none came. The timeline never stops
 * and never jumps: lost packets, silence suppression and pauses all take their time in it.
 */
import type { Prefetched } from './line-memory.ts';

/** Samples a second of the timeline. */
export const LINE_RATE = 8000;
/** Samples of one frame: 20 ms. */
export const FRAME_SAMPLES = 160;
/** The end-pointer's hangover: 300 ms. */
export const SPEECH_TAIL = 2400;

/** How readily speech is heard: `high` hears it 3 dB deeper in the noise, at the price of more noise taken for it; `low` the other way round. */
export type Sensitivity = 'low' | 'normal' | 'high';

/** A key, RFC 4733 §3.2 events 0–15, in the spelling of `stopTones`; flash is event 16. */
export type Key =
  | '0'
  | '1'
  | '2'
  | '3'
  | '4'
  | '5'
  | '6'
  | '7'
  | '8'
  | '9'
  | '*'
  | '#'
  | 'A'
  | 'B'
  | 'C'
  | 'D'
  | 'flash';

/**
 * One 20 ms tick of the timeline: what was heard in it. The object is reused for the next frame, and its samples lie in a ring: copy what
 * must be kept.
 */
export interface Frame {
  /** Position of the first sample. */
  position: number;
  /** FRAME_SAMPLES of signed 16 bit linear audio from index `at` on; keys are silence. */
  samples: Int16Array;
  at: number;
  /** Whether the caller speaks in it, as the end-pointer sees it (hangover included). */
  speech: boolean;
  /** Something was heard that may yet turn out to be speech: what waits for silence waits until that is decided, within 160 ms of the last of it. */
  undecided: boolean;
  /** Position at which the current stretch of speech began (look-back included); only meaningful with `speech`. */
  speechOnset: number;
  /** A key whose press began in this frame (each press is told once, in the frame of its onset). */
  tone: Key | undefined;
  /** Position at which that key began. */
  toneOnset: number;
  /** Nothing arrived for (part of) this frame: it is filled. */
  concealed: boolean;
  /** Nothing has arrived for this many samples up to and including this frame; 0 while media flows or the call is on hold. */
  noMedia: number;
}

/** A frame's audio: a view of it, good until the frame is overwritten. */
export function audioOf({ samples, at }: Readonly<Frame>): Int16Array {
  return samples.subarray(at, at + FRAME_SAMPLES);
}

/** What changed in what a line hears: the caller began to speak, or stopped, or pressed a key. */
export type Heard = { readonly what: 'speech' | 'silence' } | { readonly what: 'key'; readonly key: Key };

/** What a line has heard since it was opened. */
export interface LineReport {
  /** dBov. */
  readonly noiseFloor: number;
  /** Packets that the caller sent, to go by their numbers. */
  readonly expected: number;
  /** Of these came so many, duplicates included. */
  readonly received: number;
  /** Packets that came when their time was over: it had been filled. */
  readonly late: number;
  /** Samples of frames that had to be filled. */
  readonly concealed: number;
}

/** Who hears frames. */
export interface FrameListener<T> extends Partial<Prefetched> {
  /** Hears one, good until it returns. Whether it returns something, and what becomes of that, is for whoever tells it. */
  hear(frame: Readonly<Frame>): T | undefined;
}

export interface Line {
  /** Position after the last frame that was heard. */
  readonly position: number;
  /** Samples before `position` that `listen({ from })` can still reach back to: at least one second. */
  readonly lookBack: number;
  /** A key may be told so many samples later than it began: until then what was heard may still be the key. */
  readonly keyDelay: number;
  /** `Frame.speech` goes on for so many samples after the last word (hangover). */
  readonly speechTail: number;

  /** How readily speech is heard from now on; at first `normal`. */
  sensitivity: Sensitivity;

  /** What was heard so far: a few times an operation, never per frame. */
  report(): LineReport;

  /**
   * Plays audio to the caller, in real time from the next tick. Resolves when its last sample was sent, when
   * something broke in (with `bargeIn`), or when `signal` aborted. Sending stops within one tick (20 ms) of that.
   * While it plays without `bargeIn`, what the caller says and presses goes by unheard.
   * Rejects only when the sending itself fails.
   */
  play(
    audio: Int16Array,
    options: {
      /** The same at 16 kHz, for a line that carries as much; without it such a line makes it of `audio`. */
      readonly wide?: Int16Array | undefined;
      readonly bargeIn?: BargeIn | undefined;
      readonly signal: AbortSignal;
    },
  ): Promise<PlayEnd>;

  /** From now on what is played is kept beside what is heard, for a take of two channels. */
  keepBoth(): void;

  /**
   * Tells the listener of exactly one frame for each 20 ms of the timeline, packet or not, from `from` (default: now; reached back
   * for when it lies within `lookBack`, else from the earliest that is still there), until it returns something: that is what this
   * resolves with. `undefined` when `signal` aborted or the line closed first; rejects with what `hear` throws. One listener at a time.
   */
  listen<T>(
    listener: FrameListener<T>,
    options: { readonly from?: number | undefined; readonly signal: AbortSignal },
  ): Promise<T | undefined>;

  /** Sends keys as RFC 4733 events, `durationMs` (default 100) each, `gapMs` (default 80) between. */
  sendKeys(
    keys: readonly Key[],
    options: { durationMs?: number; gapMs?: number; signal: AbortSignal },
  ): Promise<void>;
}

export interface BargeIn {
  /** Whether speech breaks in. */
  readonly speech: boolean;
  /** Whether a key breaks in. */
  readonly keys: boolean;
}

export type PlayEnd =
  | { readonly by: 'end' }
  | { readonly by: 'aborted' }
  /** `onset`: where the speech that broke in began; listening from there loses nothing of the first word. */
  | { readonly by: 'speech'; readonly onset: number }
  /** `onset`: where the key began; `after`: the position to listen from so as to hear what follows that key. */
  | { readonly by: 'key'; readonly key: Key; readonly onset: number; readonly after: number };
