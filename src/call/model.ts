/**
 * The call as data: what is stored, what facts carry, what commands ask. No Graph spelling here.
 */
import type { Key, Sensitivity } from '../media/line.ts';
import type { OperationEnd, OperationProgress } from '../operation/operation.ts';
import type { RecordingFormat } from '../recording/formats.ts';

export type CallState =
  | 'incoming'
  | 'establishing'
  | 'ringing'
  | 'established'
  | 'hold'
  | 'transferring'
  | 'transferAccepted'
  | 'redirecting'
  | 'terminating'
  | 'terminated';

/** Who is at an end of a call (CONTRACT §2.1 tells how it is spelled). */
export interface Party {
  /**
   * `phone`: the user part of its SIP URI is a phone number (`+`, digits, separators), and `id` is that number; `user`: `id` is the SIP
   * URI; `application`: our own side, `id` is the application's.
   */
  readonly kind: 'phone' | 'user' | 'application';
  readonly id: string;
  readonly displayName: string | undefined;
}

/** Whom a bot wants to call, or a call to go to: a phone number, as it was written, or a `sip:` URI. */
export interface Destination {
  readonly kind: 'phone' | 'user';
  readonly id: string;
  readonly displayName: string | undefined;
}

/** Audio that a bot will want: what `mediaInfo` names. */
export interface Media {
  readonly uri: string;
  readonly resourceId: string | undefined;
}

/** A key that the caller pressed while the bot was subscribed; numbered from 1 within the call. */
export interface Tone {
  readonly sequenceId: number;
  readonly key: Key;
}

export interface CallSnapshot {
  readonly id: string;
  /** What SIP calls it: the Call-ID of its dialog. `undefined`: kept by a version that did not say. */
  readonly sipCallId?: string | undefined;
  /** Counts changes: the weak ETag. */
  readonly revision: number;
  readonly applicationId: string;
  readonly tenantId: string;
  readonly direction: 'incoming' | 'outgoing';
  readonly state: CallState;
  readonly caller: Party;
  readonly callee: Party;
  /** The number or URI that was dialled: of an incoming call as it stood in the Request-URI. */
  readonly dialled: string;
  readonly subject: string | undefined;
  /** As the bot gave it when it answered or called. */
  readonly preFetch: readonly Media[];
  readonly callbackUri: string;
  /** How notifications about the call are spelled; opaque here, given by graph/. */
  readonly spelling: string;
  /** One GUID a call, for logs and the Scenario-Id header. */
  readonly scenarioId: string;
  /** Of the request that made the call, for the bot's logs; `undefined`: a caller made it. */
  readonly clientRequestId: string | undefined;
  readonly audioActive: boolean;
  /** Nothing of ours is heard: silence is sent in its place. */
  readonly muted: boolean;
  readonly lastTone: Tone | undefined;
  /** What became of the last transfer when it failed, in SIP's words. */
  readonly transferFailure: SipOutcome | undefined;
  readonly createdAt: number;
  /** Only once terminating or terminated. */
  readonly ending: CallEnding | undefined;
}

export interface SipOutcome {
  readonly status: number;
  readonly message: string;
}

export interface CallEnding {
  readonly by:
    | 'bot'
    /** The far end hung up, or gave up before it was answered. */
    | 'caller'
    /** Nobody answered in time. */
    | 'unanswered'
    /** The bot rejected the incoming call. */
    | 'rejected'
    /** The bot sent the caller elsewhere. */
    | 'redirected'
    /** The far end went where the bot transferred it. */
    | 'transferred'
    /** The far end would not take the call that the bot placed. */
    | 'refused'
    | 'failed'
    | 'shutdown';
  /** What SIP said, when SIP ended it (e.g. 487 after CANCEL). */
  readonly sipStatus: number | undefined;
  readonly message: string | undefined;
}

/** All but the first two are done as soon as they are asked for. */
export type OperationKind =
  | 'playPrompt'
  | 'record'
  | 'subscribeToTone'
  | 'cancelMediaProcessing'
  | 'mute'
  | 'unmute';

export interface OperationSnapshot {
  readonly id: string;
  readonly callId: string;
  readonly revision: number;
  readonly kind: OperationKind;
  readonly status: 'notStarted' | 'running' | 'completed' | 'failed';
  readonly spelling: string;
  readonly clientContext: string | undefined;
  /** Of the request that made it, for the bot's logs. */
  readonly clientRequestId: string | undefined;
  readonly createdAt: number;
  readonly lastActionAt: number;
  readonly end: OperationEnd | undefined;
  /** Set once the bot may know of it: when streaming starts, or at the end when there is something to read. */
  readonly recording: { readonly location: string; readonly accessToken: string } | undefined;
}

/** What happened, in the order it happened for its call. graph/ spells it; everything else may listen. */
export type Fact =
  | {
      readonly kind: 'call';
      readonly change: 'created' | 'updated' | 'deleted';
      readonly call: CallSnapshot;
      /** That media began to flow is new in this fact. In one fact of a call at most: a resumed one does not say it again. */
      readonly audioBegan?: boolean;
      /** A key is what this fact tells of; nothing else has changed. */
      readonly tone?: Tone;
    }
  | {
      readonly kind: 'operation';
      readonly change: 'updated' | 'deleted';
      readonly call: CallSnapshot;
      readonly operation: OperationSnapshot;
    }
  /** An operation was taken, and may begin. Not told to bots. */
  | {
      readonly kind: 'asked';
      readonly callId: string;
      readonly operation: OperationSnapshot;
      readonly command: OperationStart;
    }
  /** Not told to bots: for logs, the console and the demo. */
  | {
      readonly kind: 'progress';
      readonly callId: string;
      readonly operationId: string;
      readonly progress: OperationProgress;
    };

export interface PromptRequest extends Media {
  /** `Infinity`: for ever. */
  readonly times: number;
}

export interface RecordRequest {
  readonly prompts: readonly PromptRequest[];
  readonly bargeIn: boolean;
  /** `undefined`: as the application has it. */
  readonly sensitivity: Sensitivity | undefined;
  readonly format: RecordingFormat;
  /** Silence before and after all speech is cut off. */
  readonly trimSilence: boolean;
  /** 2: the caller is left, what the caller heard right. */
  readonly channels: 1 | 2;
  readonly initialSilenceSeconds: number;
  readonly maxSilenceSeconds: number;
  readonly maxDurationSeconds: number;
  readonly beep: boolean;
  readonly streaming: boolean;
  /** Each one or more keys of 0-9 * # A-D. */
  readonly stopTones: readonly string[];
}

/** Every command names the application that asks: another one's call is not there for it. */
export type Command = { readonly applicationId: string } & (
  | {
      readonly name: 'answer';
      readonly callbackUri: string | undefined;
      readonly preFetch: readonly Media[];
    }
  | {
      readonly name: 'reject';
      readonly reason: 'none' | 'busy' | 'forbidden';
      readonly callbackUri: string | undefined;
    }
  /** The caller is told where else to call: 302, or 300 with several targets, in the order of preference. */
  | {
      readonly name: 'redirect';
      readonly targets: readonly Destination[];
      readonly callbackUri: string | undefined;
    }
  /** `replaces`: another call of the application, whose far end the target is; the two are then connected (RFC 5589 §7). */
  | {
      readonly name: 'transfer';
      readonly target: Destination;
      readonly replaces: string | undefined;
      /** What is known of that call; filled in on the way to this one. */
      readonly replacing?: FarDialog;
    }
  | { readonly name: 'hangUp' }
  | { readonly name: 'get' }
  | (OperationCommand &
      Breaking & {
        readonly name: 'playPrompt';
        readonly prompts: readonly PromptRequest[];
        readonly bargeIn: boolean;
        /** All of them over and over. */
        readonly loop: boolean;
        readonly sensitivity: Sensitivity | undefined;
      })
  | (OperationCommand & Breaking & { readonly name: 'record'; readonly request: RecordRequest })
  | (OperationCommand & { readonly name: 'cancelMedia' })
  | (OperationCommand & { readonly name: 'subscribeToTone' })
  | (OperationCommand & { readonly name: 'mute' | 'unmute' })
  | { readonly name: 'getOperation'; readonly operationId: string }
  | { readonly name: 'listOperations' }
  /** How a third party names the call's dialog to its far end: for a transfer that replaces it. */
  | { readonly name: 'getDialog' }
);

/** What runs on the line, one after the other. */
export type MediaStart = Extract<Command, { name: 'playPrompt' | 'record' }>;
/** What is done as soon as it is asked for, by the call itself. */
export type CallStart = Extract<Command, { name: 'subscribeToTone' | 'mute' | 'unmute' }>;
export type OperationStart = MediaStart | CallStart | Extract<Command, { name: 'cancelMedia' }>;

export interface OperationCommand {
  readonly clientContext: string | undefined;
  readonly clientRequestId: string | undefined;
  readonly spelling: string;
  /** A repeat with the same key returns the first operation. */
  readonly idempotencyKey: string | undefined;
}

/** A dialog as its far end knows it. */
export interface FarDialog {
  /** The value of a Replaces header (RFC 3891 §3). */
  readonly replaces: string;
  /** The far end's Contact. */
  readonly target: string;
}

interface Breaking {
  /** Cancels what runs and what waits before it begins. */
  readonly breaks: boolean;
}

/** A call that a bot wants to be placed. */
export interface CallRequest {
  readonly applicationId: string;
  readonly target: Destination;
  /** The number or name that the far end is to see; `undefined`: the trunk's, or the application's name. */
  readonly callerId: Destination | undefined;
  readonly callbackUri: string;
  readonly preFetch: readonly Media[];
  readonly subject: string | undefined;
  /** How long it may ring; `undefined`: as long as the configuration says. */
  readonly ringSeconds: number | undefined;
  readonly spelling: string;
  /** `undefined`: one is made. */
  readonly scenarioId: string | undefined;
  readonly clientRequestId: string | undefined;
}

export type Reply =
  | {
      readonly ok: true;
      readonly call?: CallSnapshot;
      readonly operation?: OperationSnapshot;
      readonly operations?: readonly OperationSnapshot[];
      readonly dialog?: FarDialog;
    }
  | { readonly ok: false; readonly error: CommandError; readonly message: string };

export type CommandError =
  | 'callNotFound'
  | 'callEnded'
  | 'operationNotFound'
  | 'notEstablished'
  | 'conflict'
  /** No trunk for that number, no SIP address. */
  | 'badTarget'
  /** No port, no disk, draining: try again. */
  | 'unavailable'
  | 'internal';
