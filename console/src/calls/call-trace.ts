import { useEffect } from 'react';
import type { CallTrace, TraceEvent } from '../../../src/http/console/wire.ts';
import { useConsole } from '../base/console-context.ts';
import { type Loaded, useEvent, useLoaded } from '../base/loaded.ts';

/** A call's trace, growing as the call goes on. */
export function useCallTrace(id: string): Loaded<CallTrace> {
  const { live } = useConsole();
  const loaded = useLoaded<CallTrace>(`calls/${encodeURIComponent(id)}`);
  const { setData, data, reload } = loaded;
  useEffect(() => live.watch(id), [live, id]);
  useEvent('trace', ({ callId, ...event }) => {
    if (callId !== id) return;
    const last = data?.events.at(-1)?.sequence ?? 0;
    // One that was never told, or what was asked for is not there yet.
    if (data !== undefined && event.sequence > last + 1) reload();
    else setData((before) => before && { ...before, events: withEvent(before.events, event as TraceEvent) });
  });
  useEvent('call', (row) => {
    if (row.id === id) setData((before) => before && { ...before, call: row });
  });
  return loaded;
}

function withEvent(events: readonly TraceEvent[], event: TraceEvent): readonly TraceEvent[] {
  return (events.at(-1)?.sequence ?? 0) < event.sequence ? [...events, event] : events;
}

/** When its first event was: the INVITE comes before there is a call. */
export function beginningOf({ call, events }: CallTrace): number {
  return events.reduce((first, { at }) => Math.min(first, at), call.createdAt);
}
