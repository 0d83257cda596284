/**
 * The call as data: what is stored, what facts carry, what commands ask. No Graph spelling here.
 */
import type { OperationEnd, OperationProgress } from '../operation/operation.ts';

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

/** A SIP party (CONTRACT §2.1 tells how it is spelled). */
export interface Party {
  /** The user part is a phone number (`+`, digits, separators): then `id` is that number, else the SIP URI. */
  readonly kind: 'phone' | 'user';
  readonly id: string;
  readonly displayName: string | undefined;
}

export interface CallSnapshot {
  readonly id: string;
  /** Counts changes: the weak ETag. */
  readonly revision: number;
  readonly applicationId: string;
  readonly tenantId: string;
  readonly direction: 'incoming' | 'outgoing';
  readonly state: CallState;
  readonly caller: Party;
  readonly callee: Party;
  /** The number or URI that was dialled, as it stood in the Request-URI. */
  readonly dialled: string;
  readonly callbackUri: string;
  /** How notifications about the call are spelled; opaque here, given by graph/. */
  readonly spelling: string;
  /** One GUID a call, for logs and the Scenario-Id header. */
  readonly scenarioId: string;
  readonly audioActive: boolean;
  readonly createdAt: number;
  /** Only once terminating or terminated. */
  readonly ending: CallEnding | undefined;
}

export interface CallEnding {
  readonly by: 'bot' | 'caller' | 'unanswered' | 'rejected' | 'failed' | 'shutdown';
  /** What SIP said, when SIP ended it (e.g. 487 after CANCEL). */
  readonly sipStatus: number | undefined;
  readonly message: string | undefined;
}

export type OperationKind = 'playPrompt' | 'record' | 'cancelMediaProcessing';

export interface OperationSnapshot {
  readonly id: string;
  readonly callId: string;
  readonly revision: number;
  readonly kind: OperationKind;
  readonly status: 'notStarted' | 'running' | 'completed' | 'failed';
  readonly spelling: string;
  readonly clientContext: string | undefined;
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
    }
  | {
      readonly kind: 'operation';
      readonly change: 'updated' | 'deleted';
      readonly call: CallSnapshot;
      readonly operation: OperationSnapshot;
    }
  /** Not told to bots: for logs, the console and the demo. */
  | {
      readonly kind: 'progress';
      readonly callId: string;
      readonly operationId: string;
      readonly progress: OperationProgress;
    };

export interface PromptRequest {
  readonly uri: string;
  readonly resourceId: string | undefined;
  /** `Infinity`: for ever. */
  readonly times: number;
}

export interface RecordRequest {
  readonly prompts: readonly PromptRequest[];
  readonly bargeIn: boolean;
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
      readonly preFetch: readonly { uri: string; resourceId: string | undefined }[];
    }
  | {
      readonly name: 'reject';
      readonly reason: 'none' | 'busy' | 'forbidden';
      readonly callbackUri: string | undefined;
    }
  | { readonly name: 'hangUp' }
  | { readonly name: 'get' }
  | (OperationCommand & {
      readonly name: 'playPrompt';
      readonly prompts: readonly PromptRequest[];
      readonly bargeIn: boolean;
    })
  | (OperationCommand & { readonly name: 'record'; readonly request: RecordRequest })
  | (OperationCommand & { readonly name: 'cancelMedia' })
  | { readonly name: 'getOperation'; readonly operationId: string }
  | { readonly name: 'listOperations' }
);

export interface OperationCommand {
  readonly clientContext: string | undefined;
  readonly spelling: string;
  /** A repeat with the same key returns the first operation. */
  readonly idempotencyKey: string | undefined;
}

export type Reply =
  | {
      readonly ok: true;
      readonly call?: CallSnapshot;
      readonly operation?: OperationSnapshot;
      readonly operations?: readonly OperationSnapshot[];
    }
  | { readonly ok: false; readonly error: CommandError; readonly message: string };

export type CommandError =
  | 'callNotFound'
  | 'callEnded'
  | 'operationNotFound'
  | 'notEstablished'
  | 'conflict'
  /** No port, no disk, draining: try again. */
  | 'unavailable'
  | 'internal';
