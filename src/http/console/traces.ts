/**
 * The traces of live and recently ended calls, as the console reads them and as those who see something of a call fill them.
 * trace-store.ts keeps them in memory; src/trace-calls.ts and src/compose.ts lead there what happens.
 */
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

/** Where those who see something of a call put it. Never throws, never waits. */
export interface TraceFeed {
  /**
   * A call as it now stands. With its first row a call is known: it is decided whether it is traced, and what came before, under its own id
   * or under `sipCallId`, becomes the beginning of its trace.
   */
  call(row: Omit<CallRow, 'hasErrors'>, sipCallId: string | undefined): void;
  /** Of a call that is known. `error`: what went wrong, in words. */
  add(callId: string, detail: TraceDetail, more?: { readonly error?: string; readonly at?: number }): void;
  /** As `add`, of a call that may become known in a moment: it is kept for that while, and then forgotten. */
  addEarly(
    callId: string,
    detail: TraceDetail,
    more?: { readonly error?: string; readonly at?: number },
  ): void;
  /** A SIP message as it is on the wire; its Call-ID says whose it is. */
  sip(
    direction: 'in' | 'out',
    bytes: Uint8Array,
    peer: { readonly transport: string; readonly address: string; readonly port: number },
  ): void;
  /** Whether the events of this call are kept; of one that is not known yet, whether they would be. */
  wants(callId: string): boolean;
}
