/** From what happens to calls to their traces: states, operations, what became of them. */
import type { CallSnapshot, Command, Fact, OperationSnapshot, Reply } from './call/model.ts';
import type { Clock } from './clock.ts';
import type { Cluster } from './cluster/cluster.ts';
import { reasonOf } from './errors.ts';
import { spellEnding } from './graph/endings.ts';
import { completion } from './graph/operation-resources.ts';
import { askedInWords } from './http/console/asked-in-words.ts';
import {
  endingInWords,
  failureOf,
  partyInWords,
  progressInWords,
  transferFailureOf,
} from './http/console/call-in-words.ts';
import type { TraceFeed } from './http/console/traces.ts';
import type { CallRow, TraceDetail } from './http/console/wire.ts';
import type { Log } from './log.ts';

/** What is known of a call that lives. */
interface Seen {
  state: CallSnapshot['state'] | undefined;
  /** The kinds of its operations that have not ended. */
  readonly operations: Map<string, OperationSnapshot['kind']>;
  /** The one that has its turn on the line: the next may begin before the last fact of the one before. */
  running: string | undefined;
}

export interface Tracing {
  /** Takes no more facts. Resolves when the last one is in its trace. */
  stop(): Promise<void>;
}

/** Traces from here on. Whoever began it stops it. */
export function traceCalls(parts: {
  readonly cluster: Pick<Cluster<Command, Reply, Fact>, 'events'>;
  readonly traces: TraceFeed;
  readonly nameOf: (applicationId: string) => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}): Tracing {
  const { cluster, traces, nameOf, clock, log } = parts;
  const live = new Map<string, Seen>();

  const seenOf = (callId: string): Seen => {
    const seen = live.get(callId) ?? { state: undefined, operations: new Map(), running: undefined };
    live.set(callId, seen);
    return seen;
  };

  const onCall = ({ call, change }: Extract<Fact, { kind: 'call' }>) => {
    const { id, state, ending } = call;
    const seen = seenOf(id);
    const isOver = change === 'deleted';
    const told = isOver && ending !== undefined ? endingInWords(ending) : undefined;
    if (!traces.knows(id)) traces.begin(rowOf(call, nameOf(call.applicationId)), call.sipCallId);
    if (seen.state !== state) {
      seen.state = state;
      traces.change(id, { state, ...(isOver && { endedAt: clock.now(), ending: told, running: undefined }) });
      traces.add(id, () => ({
        detail: { kind: 'state', state, ...(told !== undefined && { ending: told }) },
        error: isOver ? failureOf(ending) : transferFailureOf(call),
      }));
    }
    if (isOver) live.delete(id);
  };

  const onAsked = ({ callId, operation, command }: Extract<Fact, { kind: 'asked' }>) => {
    seenOf(callId).operations.set(operation.id, operation.kind);
    traces.add(callId, () => ({ detail: detailOf(operation, 'asked', askedInWords(command)) }));
  };

  const onProgress = ({ callId, operationId, progress }: Extract<Fact, { kind: 'progress' }>) => {
    const seen = live.get(callId);
    const kind = seen?.operations.get(operationId);
    if (progress.phase === 'grown' || seen === undefined || kind === undefined) return;
    const { phase: change } = progress;
    if (change === 'running') {
      seen.running = operationId;
      traces.change(callId, { running: kind });
    }
    traces.add(callId, () => ({
      detail: detailOf({ id: operationId, kind }, change, progressInWords(progress)),
    }));
  };

  const onOperation = ({ call, change, operation }: Extract<Fact, { kind: 'operation' }>) => {
    const { end, kind, recording, status } = operation;
    if (change !== 'deleted' || end === undefined) return;
    const seen = live.get(call.id);
    seen?.operations.delete(operation.id);
    if (seen?.running === operation.id) {
      seen.running = undefined;
      traces.change(call.id, { running: undefined });
    }
    const { message } = spellEnding(kind, end);
    const { endReport } = completion(operation);
    const recordingId = recording && end.take?.recordingId;
    traces.add(call.id, () => ({
      detail: {
        ...detailOf(operation, 'ended', message),
        ...(recordingId !== undefined && { recordingId }),
        ...(endReport !== undefined && { endReport }),
      },
      error: status === 'failed' && !WANTED.has(end.by) ? message : undefined,
    }));
  };

  const onFact = (fact: Fact) => {
    if (fact.kind === 'call') onCall(fact);
    else if (fact.kind === 'asked') onAsked(fact);
    else if (fact.kind === 'progress') onProgress(fact);
    else onOperation(fact);
  };

  const stopping = new AbortController();
  const traced = (async () => {
    for await (const fact of cluster.events(stopping.signal)) {
      try {
        onFact(fact);
      } catch (thrown) {
        // Bots must not miss a fact because somebody looks on.
        log.error({ fact: fact.kind, error: reasonOf(thrown) }, 'a fact could not be traced');
      }
    }
  })();

  return {
    stop() {
      stopping.abort();
      return traced;
    },
  };
}

/** Failed, as Graph has it, and yet what somebody wanted. */
const WANTED: ReadonlySet<string> = new Set(['cancelled', 'hangUp', 'initialSilence']);

function rowOf(call: CallSnapshot, applicationName = call.applicationId): Omit<CallRow, 'hasErrors'> {
  const { id, applicationId, direction, state, createdAt } = call;
  const caller = partyInWords(call.caller);
  return {
    id,
    applicationId,
    applicationName,
    direction,
    state,
    caller,
    callee: partyInWords(call.callee),
    createdAt,
  };
}

function detailOf(
  { id: operationId, kind: operation }: Pick<OperationSnapshot, 'id' | 'kind'>,
  change: Extract<TraceDetail, { kind: 'operation' }>['change'],
  detail: string | undefined,
): Extract<TraceDetail, { kind: 'operation' }> {
  return { kind: 'operation', operationId, operation, change, ...(detail !== undefined && { detail }) };
}
