/** The traces in memory, bounded in every direction: when too much is going on, traces are what gives way. */
import type { Clock } from '../../clock.ts';
import { openEarlyEvents } from './early-events.ts';
import { callIdOf, isInvite, sipHappened, textOf } from './sip-traffic.ts';
import { openReaders } from './trace-readers.ts';
import type { Happened, RowChanges, TraceFeed, Traces } from './traces.ts';
import type { CallRow, TraceDetail, TraceEvent } from './wire.ts';

export interface TracesOptions {
  readonly clock: Clock;
  /**
   * So many calls are traced at one time, and as many ended ones remembered; default 200. A new call takes the place of the traced one that
   * ended first; while all of them live, new calls have rows alone.
   */
  readonly calls?: number;
  /** Of one call; default 500. The oldest make room. */
  readonly events?: number;
  /** Of one call, about; default 128 KiB. */
  readonly bytes?: number;
}

interface Remembered {
  row: CallRow;
  readonly sipCallId: string | undefined;
  /** `undefined`: it is not traced. */
  readonly events: Sized[] | undefined;
  bytes: number;
  sequence: number;
  dropped: number;
}

interface Sized {
  readonly event: TraceEvent;
  readonly bytes: number;
}

/** What an event costs beside its texts. */
const EVENT_BYTES = 200;

/** Nothing in it needs closing. */
export function openTraces({
  clock,
  calls: mostCalls = 200,
  events: mostEvents = 500,
  bytes: mostBytes = 131_072,
}: TracesOptions): Traces & TraceFeed {
  /** The oldest first. */
  const calls = new Map<string, Remembered>();
  /** By Call-ID. */
  const dialogs = new Map<string, string>();
  /** In the order in which they ended. */
  const ended = new Set<string>();
  const early = openEarlyEvents(clock);
  const readers = openReaders();
  let traced = 0;

  const forget = (callId: string) => {
    const call = calls.get(callId);
    if (call === undefined) return;
    calls.delete(callId);
    ended.delete(callId);
    if (call.events !== undefined) traced--;
    if (call.sipCallId !== undefined && dialogs.get(call.sipCallId) === callId)
      dialogs.delete(call.sipCallId);
  };

  const endedFirst = () => [...ended].find((callId) => calls.get(callId)?.events !== undefined);
  const hasRoom = () => traced < mostCalls || endedFirst() !== undefined;

  const update = (call: Remembered, changes: RowChanges & { readonly hasErrors?: true }) => {
    const row: Record<string, unknown> = { ...call.row, ...changes };
    for (const [member, value] of Object.entries(changes)) if (value === undefined) delete row[member];
    call.row = row as unknown as CallRow;
    readers.tell({ event: 'call', data: call.row });
  };

  const keep = (call: Remembered, { detail, error, at = clock.now() }: Happened) => {
    if (call.events === undefined) return;
    const event: TraceEvent = {
      ...detail,
      sequence: ++call.sequence,
      at,
      ...(error !== undefined && { error }),
    };
    const bytes = bytesOf(detail);
    call.events.push({ event, bytes });
    call.bytes += bytes;
    while (call.events.length > mostEvents || (call.bytes > mostBytes && call.events.length > 1)) {
      call.bytes -= call.events.shift()!.bytes;
      call.dropped++;
    }
    const { id: callId } = call.row;
    readers.tell({ event: 'trace', data: { ...event, callId } });
    if (error !== undefined && !call.row.hasErrors) update(call, { hasErrors: true });
  };

  const add = (call: Remembered, happened: () => Happened) => {
    if (call.events === undefined) call.dropped++;
    else keep(call, happened());
  };

  return {
    knows: (callId) => calls.has(callId),
    wants(callId) {
      const call = calls.get(callId);
      return call === undefined ? hasRoom() : call.events !== undefined;
    },
    begin(row, sipCallId) {
      if (calls.has(row.id)) return;
      const first = traced < mostCalls ? undefined : endedFirst();
      if (first !== undefined) forget(first);
      const isTraced = traced < mostCalls;
      if (isTraced) traced++;
      const call: Remembered = {
        row: { ...row, hasErrors: false },
        sipCallId,
        events: isTraced ? [] : undefined,
        bytes: 0,
        sequence: 0,
        dropped: 0,
      };
      calls.set(row.id, call);
      if (sipCallId !== undefined) dialogs.set(sipCallId, row.id);
      readers.tell({ event: 'call', data: call.row });
      for (const happened of early.take(sipCallId === undefined ? [row.id] : [row.id, sipCallId]))
        add(call, () => happened);
    },
    change(callId, changes) {
      const call = calls.get(callId);
      if (call === undefined) return;
      update(call, changes);
      if (changes.endedAt === undefined) return;
      ended.add(callId);
      for (const first of ended) if (ended.size > mostCalls) forget(first);
    },
    add(callId, happened) {
      const call = calls.get(callId);
      if (call !== undefined) add(call, happened);
    },
    addEarly(callId, happened) {
      const call = calls.get(callId);
      if (call !== undefined) add(call, happened);
      else if (hasRoom()) early.add(callId, happened());
    },
    sip(direction, bytes, peer) {
      const text = textOf(bytes);
      const sipCallId = callIdOf(text);
      if (sipCallId === undefined) return;
      const callId = dialogs.get(sipCallId);
      const call = callId === undefined ? undefined : calls.get(callId);
      const happened = () => sipHappened(direction, text, peer);
      if (call !== undefined) add(call, happened);
      else if (early.has(sipCallId) || (isInvite(text) && hasRoom())) early.add(sipCallId, happened());
    },
    rows: () => [...calls.values()].map(({ row }) => row).reverse(),
    trace(callId) {
      const call = calls.get(callId);
      if (call === undefined) return undefined;
      const { row, events = [], dropped } = call;
      return { call: row, events: events.map(({ event }) => event), dropped };
    },
    events: (callId, signal) =>
      readers.read((news) => news.event !== 'trace' || news.data.callId === callId, signal),
  };
}

function bytesOf(detail: TraceDetail): number {
  return EVENT_BYTES + (detail.kind === 'sip' ? detail.text.length : JSON.stringify(detail).length);
}
