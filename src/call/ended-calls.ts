/** Answers for calls that nobody owns any more, from the store, for as long as it keeps them. */
import type { Store } from '../store/store.ts';
import { type CallRecord, callKey, type OperationRecord, operationKey, operationPrefix } from './journal.ts';
import type { Command, Reply } from './model.ts';
import { repeatOf } from './operations.ts';
import { callEnded, callNotFound, operationNotFound } from './refusal.ts';

export async function askEndedCall(store: Store, callId: string, command: Command): Promise<Reply> {
  const found = await store.get<CallRecord>(callKey(callId));
  if (found === undefined || found.value.call.applicationId !== command.applicationId) return callNotFound();
  switch (command.name) {
    case 'getOperation': {
      const found = await store.get<OperationRecord>(operationKey(callId, command.operationId));
      return found === undefined ? operationNotFound() : { ok: true, operation: found.value.operation };
    }
    case 'listOperations': {
      const operations = await operationsOf(store, callId);
      return { ok: true, operations: operations.map(({ operation }) => operation) };
    }
    case 'playPrompt':
    case 'record':
    case 'cancelMedia':
    case 'subscribeToTone':
    case 'mute':
    case 'unmute': {
      if (command.idempotencyKey === undefined) return callEnded();
      const first = (await operationsOf(store, callId)).find(
        ({ idempotencyKey }) => idempotencyKey === command.idempotencyKey,
      );
      return first === undefined ? callEnded() : repeatOf(first, command);
    }
    default:
      return callEnded();
  }
}

/** In the order they were made. */
export async function operationsOf(store: Store, callId: string): Promise<readonly OperationRecord[]> {
  const records: OperationRecord[] = [];
  for await (const { value } of store.list<OperationRecord>(operationPrefix(callId))) records.push(value);
  return records.sort((a, b) => a.number - b.number);
}
