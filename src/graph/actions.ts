/** What a bot can do with a call (CONTRACT §2): each action's body as the command that it asks for. */
import type { FastifyReply } from 'fastify';
import type { TSchema } from 'typebox';
import type { Role } from '../call/application.ts';
import type { CallRequest, Media } from '../call/model.ts';
import { type Asking, checkCallback, create, done, operate, operationCommand } from './asking.ts';
import { grantOf } from './authentication.ts';
import type { Dialect } from './dialect.ts';
import { clientRequestId, Refused } from './errors.ts';
import { CancelBody, ContextBody, type PlayPromptBody, type RecordBody } from './media-schemas.ts';
import {
  AnswerBody,
  type CreateBody,
  type MediaConfig,
  RedirectBody,
  RejectBody,
  TransferBody,
} from './schemas.ts';
import { isGuid, normalId } from './spelling.ts';
import { callerIdOf, destinationOf } from './targets.ts';

/** One `POST` under a call; also served with the namespace `microsoft.graph.`. */
export interface Action {
  readonly name: string;
  /** For people. */
  readonly summary: string;
  readonly body?: (dialect: Dialect) => TSchema;
  readonly role?: Role;
  /** What the answer is when it is taken: a status without a body, or the operation that it makes. */
  readonly answers: 'operation' | 200 | 202;
  readonly handle: (asking: Asking, body: never) => Promise<FastifyReply>;
}

const ACCESS_MEDIA = 'Calls.AccessMedia.All';
/** Of whoever makes calls or sends them elsewhere. */
export const INITIATE: Role = 'Calls.Initiate.All';

/** Every one of them, in both dialects. */
export const ACTIONS: readonly Action[] = [
  {
    name: 'answer',
    summary: 'Answer an incoming call.',
    body: () => AnswerBody,
    answers: 202,
    handle: answer,
  },
  {
    name: 'reject',
    summary: 'Reject an incoming call.',
    body: () => RejectBody,
    answers: 202,
    handle: reject,
  },
  {
    name: 'redirect',
    summary: 'Send an incoming caller elsewhere before the call is answered.',
    body: () => RedirectBody,
    role: INITIATE,
    answers: 202,
    handle: redirect,
  },
  {
    name: 'transfer',
    summary: 'Send the far end elsewhere, or connect it with the far end of another call.',
    body: () => TransferBody,
    role: INITIATE,
    answers: 202,
    handle: transfer,
  },
  {
    name: 'playPrompt',
    summary: 'Play one or more prompts.',
    body: ({ playPromptBody }) => playPromptBody,
    answers: 'operation',
    handle: (asking, body: PlayPromptBody) =>
      operate(asking, {
        name: 'playPrompt',
        ...asking.root.dialect.playPrompt(body),
        ...operationCommand(asking, body),
      }),
  },
  ...['record', 'recordResponse'].map(
    (name): Action => ({
      name,
      summary: 'Play prompts and record what the caller says.',
      body: ({ recordBody }) => recordBody,
      role: ACCESS_MEDIA,
      answers: 'operation',
      handle: (asking, body: RecordBody) =>
        operate(asking, {
          name: 'record',
          ...asking.root.dialect.record(body),
          ...operationCommand(asking, body),
        }),
    }),
  ),
  {
    name: 'subscribeToTone',
    summary: 'Be told of every key that is pressed from now on.',
    body: () => ContextBody,
    role: ACCESS_MEDIA,
    answers: 'operation',
    handle: (asking, body: ContextBody) =>
      operate(asking, { name: 'subscribeToTone', ...operationCommand(asking, body) }),
  },
  {
    name: 'cancelMediaProcessing',
    summary: 'Cancel the prompts and records that run or wait.',
    body: () => CancelBody,
    answers: 'operation',
    handle: (asking, body: ContextBody) =>
      operate(asking, { name: 'cancelMedia', ...operationCommand(asking, body) }),
  },
  ...(['mute', 'unmute'] as const).map(
    (name): Action => ({
      name,
      summary: name === 'mute' ? 'Let the far end hear silence.' : 'Let the far end hear the bot again.',
      body: () => ContextBody,
      answers: 'operation',
      handle: (asking, body: ContextBody) => operate(asking, { name, ...operationCommand(asking, body) }),
    }),
  ),
  {
    name: 'keepAlive',
    summary: 'Ask whether the call still stands.',
    answers: 200,
    handle: (asking) => done(asking, { name: 'get' }, 200),
  },
];

/** `POST` of a new call. */
export async function createCall(asking: Asking, body: CreateBody): Promise<FastifyReply> {
  checkCallback(asking, body.callbackUri);
  return create(asking, callRequest(asking, body));
}

function callRequest({ request, root }: Asking, body: CreateBody): CallRequest {
  const { targets, requestedModalities, callbackUri, subject } = body;
  if (body.chatInfo !== undefined || body.meetingInfo !== undefined)
    throw new Refused('badRequest', '$.chatInfo and $.meetingInfo are of meetings, which are not served.');
  const [target] = targets;
  if (target === undefined || targets.length > 1) {
    throw new Refused(
      'badRequest',
      `$.targets has ${targets.length} targets; it must have one: group calls are not served.`,
    );
  }
  if (requestedModalities?.includes('audio') === false)
    throw new Refused('badRequest', '$.requestedModalities must have audio: nothing else is served.');
  const scenarioId = request.headers['scenario-id'];
  return {
    applicationId: grantOf(request).application.id,
    target: destinationOf(target.identity, '$.targets[0].identity'),
    callerId: callerIdOf(body.source),
    callbackUri,
    preFetch: preFetchOf(body.mediaConfig),
    subject,
    ringSeconds: body.ringingTimeoutInSeconds,
    spelling: root.spelling,
    scenarioId: typeof scenarioId === 'string' && isGuid(scenarioId) ? scenarioId.toLowerCase() : undefined,
    clientRequestId: clientRequestId(request),
  };
}

async function answer(asking: Asking, { callbackUri, mediaConfig }: AnswerBody): Promise<FastifyReply> {
  const preFetch = preFetchOf(mediaConfig);
  checkCallback(asking, callbackUri);
  return done(asking, { name: 'answer', callbackUri, preFetch }, 202);
}

async function reject(asking: Asking, { reason, callbackUri }: RejectBody): Promise<FastifyReply> {
  checkCallback(asking, callbackUri);
  return done(asking, { name: 'reject', reason, callbackUri }, 202);
}

async function redirect(asking: Asking, { targets, callbackUri }: RedirectBody): Promise<FastifyReply> {
  checkCallback(asking, callbackUri);
  const destinations = targets.map(({ identity }, at) =>
    destinationOf(identity, `$.targets[${at}].identity`),
  );
  return done(asking, { name: 'redirect', targets: destinations, callbackUri }, 202);
}

async function transfer(asking: Asking, { transferTarget }: TransferBody): Promise<FastifyReply> {
  const { identity, replacesCallId } = transferTarget;
  const target = destinationOf(identity, '$.transferTarget.identity');
  const replaces = replacesCallId === undefined ? undefined : normalId(replacesCallId);
  return done(asking, { name: 'transfer', target, replaces }, 202);
}

/** Media that the bot would host itself are refused. */
function preFetchOf(config: MediaConfig): readonly Media[] {
  const type = config?.['@odata.type']?.replace(/^#/, '') ?? 'microsoft.graph.serviceHostedMediaConfig';
  if (type !== 'microsoft.graph.serviceHostedMediaConfig') {
    throw new Refused(
      'appHostedMedia',
      `$.mediaConfig.@odata.type is ${type}; only #microsoft.graph.serviceHostedMediaConfig is served: media stays with the server.`,
    );
  }
  return (config?.preFetchMedia ?? []).map(({ uri, resourceId }) => ({ uri, resourceId }));
}
