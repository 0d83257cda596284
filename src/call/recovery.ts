/**
 * What a killed process left: its calls are over, and the bots do not know. Each operation that was not concluded is told as
 * ended by an error, with whatever was captured of its recording; then its call as terminated.
 */
import { reasonOf } from '../errors.ts';
import type { PreparedRecording, RecordingLibrary, RecoveredRecording } from '../recording/library.ts';
import { operationsOf } from './ended-calls.ts';
import { restarted } from './endings.ts';
import { type CallRecord, callPrefix, Journal, type JournalParts, type OperationRecord } from './journal.ts';
import type { CallSnapshot, OperationSnapshot } from './model.ts';
import { readable } from './outcome.ts';
import { advance } from './states.ts';

export interface RecoveryParts extends JournalParts {
  readonly recordings: RecordingLibrary;
}

/** Prompt and recording time alike are counted 8,000 times a second on a line. */
const SAMPLES_PER_MS = 8;

/** Resolves when every call that is neither wound up nor `isLive` has been told as terminated. */
export async function recoverCalls(parts: RecoveryParts, isLive: (callId: string) => boolean): Promise<void> {
  const captured = await recoverRecordings(parts);
  const left: CallRecord[] = [];
  for await (const { value, expiresAt } of parts.store.list<CallRecord>(callPrefix)) {
    if (expiresAt === undefined && !isLive(value.call.id)) left.push(value);
  }
  for (const record of left) await windUp(record, captured, parts);
  if (left.length > 0) parts.log.warn({ calls: left.length }, 'calls of an earlier process were ended');
}

/** By operation. */
async function recoverRecordings({
  recordings,
  log,
}: RecoveryParts): Promise<Map<string, RecoveredRecording>> {
  try {
    const recovered = await recordings.recover();
    return new Map(recovered.map((recording) => [recording.operationId, recording]));
  } catch (thrown) {
    log.error({ error: reasonOf(thrown) }, 'the spool could not be recovered');
    return new Map();
  }
}

async function windUp(
  { call: last, untold }: CallRecord,
  captured: ReadonlyMap<string, RecoveredRecording>,
  parts: RecoveryParts,
): Promise<void> {
  const journal = new Journal(parts);
  if (untold !== undefined) await journal.tellCall(untold);
  const concluded: OperationRecord[] = [];
  for (const { untold, ...record } of await operationsOf(parts.store, last.id)) {
    if (untold !== undefined) await journal.tellOperation(untold, record);
    if (wasTold(record)) {
      concluded.push(record);
      continue;
    }
    const operation = await conclude(record, captured.get(record.operation.id), parts);
    const final = { ...record, operation };
    await journal.tellOperation({ kind: 'operation', change: 'deleted', call: last, operation }, final);
    concluded.push(final);
  }
  let call: CallSnapshot = last;
  for (const event of ['ending', 'ended'] as const) {
    const fact = advance(call, event, { ending: call.ending ?? restarted.ending });
    if (fact === undefined) continue;
    await journal.tellCall(fact);
    call = fact.call;
  }
  await journal.seal(call, concluded);
}

/** What is done at once has its end from the first, and is told of as ended with a higher revision. */
function wasTold({ operation }: OperationRecord): boolean {
  return operation.end !== undefined && operation.revision > 1;
}

async function conclude(
  { operation, prepared }: OperationRecord,
  captured: RecoveredRecording | undefined,
  parts: RecoveryParts,
): Promise<OperationSnapshot> {
  const changed = { ...operation, revision: operation.revision + 1, lastActionAt: parts.clock.now() };
  if (operation.end !== undefined) return changed;
  const kept = prepared !== undefined && (captured !== undefined || (await isKept(prepared, parts)));
  const take = captured && {
    recordingId: captured.recordingId,
    samples: Math.round(captured.durationMs * SAMPLES_PER_MS),
    rate: SAMPLES_PER_MS * 1000,
    // Not known any more; what was captured is not to be lost for that.
    spoken: true,
  };
  return {
    ...changed,
    status: 'failed',
    end: { by: 'error', message: 'the server was restarted', recovered: true, ...(take && { take }) },
    recording: kept ? readable(prepared) : undefined,
  };
}

/** It may have been finished right before the process died: then the spool knows nothing of it any more. Or the disk still refuses its file. */
async function isKept(
  { recordingId }: PreparedRecording,
  { recordings, log }: RecoveryParts,
): Promise<boolean> {
  try {
    const { state } = await recordings.open(recordingId);
    return state === 'finished' || state === 'waiting';
  } catch (thrown) {
    log.error({ recordingId, error: reasonOf(thrown) }, 'a recording could not be looked up');
    return false;
  }
}
