/**
 * The traces of live and recently ended calls, as the console reads them and as those who see something of a call fill them.
 * trace-store.ts keeps them in memory; src/trace-calls.ts leads there what happens.
 */
import type { Peer } from '../../sip/transport.ts';
import type { CallRow, CallTrace, ConsoleEvents, TraceDetail } from './wire.ts';

/** What the console shows. Everything is gone with the process. */
export interface Traces {
  /** Live calls and those that ended lately, the newest first. */
  rows(): readonly CallRow[];
  /** `undefined`: no such call is remembered. Of a call that came while too many were traced there are no events; `dropped` counts them. */
  trace(callId: string): CallTrace | undefined;
  /**
   * What happens from now on: `call` of every call, `trace` of the one that was asked for (`undefined`: of none). A reader who is too slow
   * gets `reset` in the place of all that waited for him. Ends when `signal` aborts.
   */
  events(callId: string | undefined, signal: AbortSignal): AsyncIterable<TraceNews>;
}

/** One server-sent event: `event` names the member of ConsoleEvents, `data` is its JSON. */
export type TraceNews = {
  readonly [Name in 'call' | 'trace' | 'reset']: {
    readonly event: Name;
    readonly data: ConsoleEvents[Name];
  };
}['call' | 'trace' | 'reset'];

/** Where those who see something of a call put it. Nothing of it waits. */
export interface TraceFeed {
  /** Whether a call is remembered. */
  knows(callId: string): boolean;
  /** Whether the events of this call are kept; of one that is not known yet, whether they would be. */
  wants(callId: string): boolean;
  /**
   * A call becomes known. It is decided whether it is traced, and what came before, under its own id or under `sipCallId`, becomes the
   * beginning of its trace. Does nothing when it is known already.
   */
  begin(row: Omit<CallRow, 'hasErrors'>, sipCallId: string | undefined): void;
  /** A row changes; `endedAt` makes it one of an ended call, which is forgotten when there are many. */
  change(callId: string, changes: RowChanges): void;
  /** Of a call that is known; `happened` is asked only when it is kept. */
  add(callId: string, happened: () => Happened): void;
  /** As `add`; of a call that is not known it is kept for the moment until it is, if that comes. */
  addEarly(callId: string, happened: () => Happened): void;
  /** A SIP message as it is on the wire; its Call-ID says whose it is. */
  sip(direction: 'in' | 'out', bytes: Uint8Array, peer: Peer): void;
}

/** `undefined` takes a member away. */
export type RowChanges = {
  readonly [Member in 'state' | 'endedAt' | 'ending' | 'running']?: CallRow[Member] | undefined;
};

export interface Happened {
  readonly detail: TraceDetail;
  /** What went wrong, in words. */
  readonly error?: string | undefined;
  /** Default: now. */
  readonly at?: number | undefined;
}
