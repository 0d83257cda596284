/** The `app` dialect (CONTRACT §1): Graph's beta of 2018. */
import type { OperationSnapshot, PromptRequest } from '../call/model.ts';
import { type Dialect, recordRequest } from './dialect.ts';
import { LoopedPrompt, type PlayPromptBody, playPromptBody, recordBody } from './media-schemas.ts';
import type { OperationResource } from './operation-resources.ts';
import { type Completion, completion, OPERATION_MEMBERS, operationResource } from './operation-resources.ts';
import type { CallPlace } from './spelling.ts';

/** Every operation but a record is plain. */
export interface AppOperation extends OperationResource<'commsOperation' | 'recordOperation'>, Completion {
  readonly createdDateTime: string;
  readonly lastActionDateTime: string;
  readonly recordResourceLocation?: string;
  readonly recordResourceAccessToken?: string;
}

/** Media actions are accepted, and told of when they end. */
export const appDialect: Dialect = {
  title: 'app',
  recordBody: recordBody({
    prompt: LoopedPrompt,
    mostPrompts: Number.POSITIVE_INFINITY,
    silenceSeconds: 300,
    durationSeconds: 1800,
  }),
  playPromptBody: playPromptBody(LoopedPrompt, Number.POSITIVE_INFINITY),
  record: (body) => ({ request: recordRequest(body, promptRequests(body.prompts ?? [])), breaks: false }),
  playPrompt: ({ prompts, bargeInAllowed, speechSensitivity }) => ({
    prompts: promptRequests(prompts),
    bargeIn: bargeInAllowed,
    sensitivity: speechSensitivity,
    loop: false,
    breaks: false,
  }),
  accepted: 202,
  spellOperation: spellAppOperation,
  operationMembers: [
    ...OPERATION_MEMBERS,
    'completionReason',
    'endReport',
    'createdDateTime',
    'lastActionDateTime',
    'recordResourceLocation',
    'recordResourceAccessToken',
  ],
  tellsOf: () => true,
  envelope: (changeType, resourceData) => ({
    value: [{ changeType, resource: resourceData['@odata.id'], resourceData }],
  }),
};

/** An operation in the words of this dialect. */
export function spellAppOperation(call: CallPlace, operation: OperationSnapshot): AppOperation {
  const { kind, recording } = operation;
  return {
    ...operationResource(kind === 'record' ? 'recordOperation' : 'commsOperation', call, operation),
    createdDateTime: new Date(operation.createdAt).toISOString(),
    lastActionDateTime: new Date(operation.lastActionAt).toISOString(),
    ...(recording !== undefined && {
      recordResourceLocation: recording.location,
      recordResourceAccessToken: recording.accessToken,
    }),
    ...completion(operation),
  };
}

function promptRequests(prompts: PlayPromptBody['prompts']): readonly PromptRequest[] {
  return prompts.map(({ mediaInfo: { uri, resourceId }, loop = 1 }) => ({
    uri,
    resourceId,
    times: loop === 0 ? Number.POSITIVE_INFINITY : loop,
  }));
}
