/**
 * What crosses between the main thread and a media worker: a few messages an operation, never one per packet. The main thread numbers
 * lines and operations; messages arrive in the order they were sent.
 */
import type { MessagePort } from 'node:worker_threads';
import type { DtmfMode } from '../media/keys.ts';
import type { Heard, Key } from '../media/line.ts';
import type { PortRange } from '../media/ports.ts';
import type { AudioParameters } from '../media/session-description.ts';
import type { Fingerprint } from '../wire/sdp.ts';
import type { PacketCounts } from './media-engine.ts';
import type { OperationEnd, OperationProgress, OperationSpec, PromptDelivery } from './operation.ts';

/** What a worker is started with. */
export interface WorkerStart {
  readonly address: string;
  /** This worker's alone. */
  readonly ports: PortRange;
  /** `auto`: native ones where they were built. */
  readonly sockets: 'auto' | 'node';
  readonly dtmf: DtmfMode;
  /** To the spool's thread. To be transferred. */
  readonly spoolPort: MessagePort;
}

export type ToWorker =
  | {
      readonly type: 'openLine';
      readonly line: number;
      readonly callId: string;
      readonly secure?: boolean;
      /** What it hears is to be told. */
      readonly watched?: boolean;
    }
  | { readonly type: 'connect'; readonly line: number; readonly parameters: AudioParameters }
  | { readonly type: 'mute'; readonly line: number; readonly muted: boolean }
  | { readonly type: 'watchKeys'; readonly line: number }
  | {
      readonly type: 'run';
      readonly line: number;
      readonly operation: number;
      readonly spec: OperationSpec;
      /** How many prompts will be delivered. */
      readonly prompts: number;
    }
  /** Samples on a SharedArrayBuffer are not copied. */
  | {
      readonly type: 'deliver';
      readonly operation: number;
      readonly prompt: number;
      readonly delivery: PromptDelivery;
    }
  | { readonly type: 'cancel'; readonly operation: number }
  | { readonly type: 'closeLine'; readonly line: number }
  /** Is answered with `counted`. */
  | { readonly type: 'count' }
  /** Ends everything and stops. */
  | { readonly type: 'close' };

export type FromWorker =
  | { readonly type: 'ready'; readonly sockets: 'node' | 'native' }
  | {
      readonly type: 'lineOpened';
      readonly line: number;
      readonly port: number;
      readonly fingerprint: Fingerprint | undefined;
    }
  | {
      readonly type: 'lineRefused';
      readonly line: number;
      readonly code: string;
      readonly message: string;
    }
  /** Of a line whose keys are watched. */
  | { readonly type: 'key'; readonly line: number; readonly key: Key }
  /** Of a line that is watched. */
  | { readonly type: 'heard'; readonly line: number; readonly heard: Heard }
  | { readonly type: 'progress'; readonly operation: number; readonly progress: OperationProgress }
  /** The last message of an operation. */
  | { readonly type: 'ended'; readonly operation: number; readonly end: OperationEnd }
  /** The last message of a line; its operations have ended. */
  | { readonly type: 'lineClosed'; readonly line: number }
  /** What all its lines have heard so far. */
  | { readonly type: 'counted'; readonly packets: PacketCounts }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly fields: object;
      readonly message: string;
    };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
