/** Operations as they travel (CONTRACT §2.1): what both dialects have of them. */
import type { OperationSnapshot } from '../call/model.ts';
import type { EndReport, OperationEnding } from '../operation/operation.ts';
import { type CompletionReason, spellEnding } from './endings.ts';
import { head, type ResourceHead, type ResultInfo, resultInfo } from './resource-parts.ts';
import { type CallPlace, operationPath } from './spelling.ts';

/** An operation of any kind. */
export interface OperationResource<Type extends string = string> extends ResourceHead<Type> {
  readonly status: OperationSnapshot['status'];
  readonly clientContext?: string;
  readonly resultInfo?: ResultInfo;
}

/**
 * `endReport` is ours: which rule ended a record or a prompt, and what was heard until then. Of other operations only when the server was restarted
 * under them: `recovered`.
 */
export interface Completion {
  readonly completionReason?: CompletionReason;
  readonly endReport?: {
    readonly rule: OperationEnding;
    readonly stopTone?: string;
    readonly recovered?: true;
  } & Partial<EndReport>;
}

/** What `$select` may name of any operation in any dialect. */
export const OPERATION_MEMBERS: readonly string[] = ['status', 'clientContext', 'resultInfo'];

/** The operation as far as the dialects agree. */
export function operationResource<Type extends string>(
  type: Type,
  call: CallPlace,
  operation: OperationSnapshot,
): OperationResource<Type> {
  const { id, spelling, revision, status, clientContext, kind } = operation;
  const end = operation.end && spellEnding(kind, operation.end);
  return {
    ...head(type, operationPath(spelling, call, id), id, revision),
    ...(clientContext !== undefined && { clientContext }),
    status,
    ...(end !== undefined && { resultInfo: resultInfo(end.code, end.subcode, end.message) }),
  };
}

/** Why an operation ended, once it has. */
export function completion({ kind, end }: OperationSnapshot): Completion {
  if (end === undefined) return {};
  const { by: rule, keys, report, recovered } = end;
  const endReport = {
    rule,
    ...(keys !== undefined && { stopTone: keys }),
    ...(recovered && { recovered }),
    ...report,
  };
  if (kind === 'playPrompt') return { endReport };
  if (kind !== 'record') return recovered ? { endReport } : {};
  return { completionReason: spellEnding(kind, end).completionReason, endReport };
}
