/** The `communications` dialect (CONTRACT §1): today's Graph. */
import Type from 'typebox';
import type { OperationKind, OperationSnapshot, PromptRequest } from '../call/model.ts';
import { type Dialect, recordRequest } from './dialect.ts';
import { flag, PlainPrompt, type PlayPromptBody, playPromptBody, recordBody } from './media-schemas.ts';
import {
  type Completion,
  completion,
  OPERATION_MEMBERS,
  type OperationResource,
  operationResource,
} from './operation-resources.ts';
import type { CallPlace } from './spelling.ts';

const TYPES = {
  record: 'recordOperation',
  playPrompt: 'playPromptOperation',
  subscribeToTone: 'subscribeToToneOperation',
  cancelMediaProcessing: 'cancelMediaProcessingOperation',
  mute: 'muteParticipantOperation',
  unmute: 'unmuteParticipantOperation',
} as const satisfies Record<OperationKind, string>;

/** Each kind has its own type. */
export interface CommunicationsOperation
  extends OperationResource<(typeof TYPES)[OperationKind]>,
    Completion {
  readonly recordingLocation?: string;
  readonly recordingAccessToken?: string;
}

/** Media actions are answered with their operation; what is done at once is not told of again. */
export const communicationsDialect: Dialect = {
  title: 'communications',
  recordBody: recordBody({ prompt: PlainPrompt, mostPrompts: 1, silenceSeconds: 120, durationSeconds: 120 }),
  playPromptBody: Type.Object({ ...playPromptBody(PlainPrompt, 20).properties, loop: flag(false) }),
  record: (body) => ({
    request: recordRequest(body, promptRequests(body.prompts ?? [])),
    breaks: body.bargeInAllowed,
  }),
  playPrompt: ({ prompts, bargeInAllowed, speechSensitivity, loop = false }) => ({
    prompts: promptRequests(prompts),
    bargeIn: bargeInAllowed,
    sensitivity: speechSensitivity,
    loop,
    breaks: bargeInAllowed,
  }),
  accepted: 200,
  spellOperation: spellCommunicationsOperation,
  operationMembers: [
    ...OPERATION_MEMBERS,
    'completionReason',
    'endReport',
    'recordingLocation',
    'recordingAccessToken',
  ],
  tellsOf: ({ kind }) => kind === 'record' || kind === 'playPrompt',
  envelope: (changeType, resourceData) => {
    const resource = resourceData['@odata.id'];
    return {
      '@odata.type': '#microsoft.graph.commsNotifications',
      value: [
        {
          '@odata.type': '#microsoft.graph.commsNotification',
          changeType,
          resource,
          resourceUrl: resource,
          resourceData,
        },
      ],
    };
  },
};

/** An operation in the words of this dialect. */
export function spellCommunicationsOperation(
  call: CallPlace,
  operation: OperationSnapshot,
): CommunicationsOperation {
  const { kind, recording } = operation;
  return {
    ...operationResource(TYPES[kind], call, operation),
    ...(recording !== undefined && {
      recordingLocation: recording.location,
      recordingAccessToken: recording.accessToken,
    }),
    ...completion(operation),
  };
}

/** Whatever `loop` a prompt has is the other dialect's. */
function promptRequests(prompts: PlayPromptBody['prompts']): readonly PromptRequest[] {
  return prompts.map(({ mediaInfo: { uri, resourceId } }) => ({ uri, resourceId, times: 1 }));
}
