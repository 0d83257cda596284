/** Calls and operations as they travel (CONTRACT §2.1). */
import { createHash } from 'node:crypto';
import type { CallEnding, CallSnapshot, OperationKind, OperationSnapshot, Party } from '../call/model.ts';
import { spellEnding } from './endings.ts';
import { callPath, operationPath } from './spelling.ts';

type Resource = Readonly<Record<string, unknown>>;

/** The whole call: what `created` carries and GET answers. */
export function spellCall(call: CallSnapshot, spelling: string): Resource {
  const bot = {
    identity: {
      '@odata.type': '#microsoft.graph.identitySet',
      application: { '@odata.type': '#microsoft.graph.identity', id: call.applicationId },
    },
  };
  return {
    ...callHead(call, spelling),
    state: call.state,
    direction: call.direction,
    callbackUri: call.callbackUri,
    source: participantInfo(identityOf(call.caller)),
    targets: [participantInfo(bot.identity)],
    callRoutes: [
      {
        '@odata.type': '#microsoft.graph.callRoute',
        routingType: 'lookup',
        original: identityOf(dialledParty(call)),
        final: bot.identity,
      },
    ],
    requestedModalities: ['audio'],
    mediaConfig: { '@odata.type': '#microsoft.graph.serviceHostedMediaConfig' },
    ...(call.audioActive && mediaState),
    tenantId: call.tenantId,
    myParticipantId: participantId(call),
    ...(call.ending !== undefined && ending(call.ending)),
  };
}

/** What a state notification carries: only what changed. `audioBegan` is true once in a call's life. */
export function spellCallChange(call: CallSnapshot, spelling: string, audioBegan: boolean): Resource {
  return {
    ...callHead(call, spelling),
    state: call.state,
    ...(audioBegan && mediaState),
    ...(call.state === 'terminated' && call.ending !== undefined && ending(call.ending)),
  };
}

/** An operation in the app dialect, or in the communications dialect's names. */
export function spellOperation(
  call: Pick<CallSnapshot, 'id' | 'applicationId'>,
  operation: OperationSnapshot,
): Resource {
  const { spelling, kind, recording } = operation;
  const app = spelling !== 'communications';
  const path = operationPath(spelling, call, operation.id);
  const end = operation.end === undefined ? undefined : spellEnding(kind, operation.end);
  return {
    '@odata.type': app && kind !== 'record' ? '#microsoft.graph.commsOperation' : TYPES[kind],
    '@odata.id': path,
    '@odata.etag': etag(operation.revision),
    id: operation.id,
    ...(operation.clientContext !== undefined && { clientContext: operation.clientContext }),
    status: operation.status,
    ...(app && {
      createdDateTime: iso(operation.createdAt),
      lastActionDateTime: iso(operation.lastActionAt),
    }),
    ...(recording !== undefined && {
      [app ? 'recordResourceLocation' : 'recordingLocation']: recording.location,
      [app ? 'recordResourceAccessToken' : 'recordingAccessToken']: recording.accessToken,
    }),
    ...(end !== undefined && {
      ...(kind === 'record' && { completionReason: end.completionReason }),
      resultInfo: resultInfo(end.code, end.subcode, end.message),
    }),
  };
}

const TYPES: Readonly<Record<OperationKind, string>> = {
  record: '#microsoft.graph.recordOperation',
  playPrompt: '#microsoft.graph.playPromptOperation',
  cancelMediaProcessing: '#microsoft.graph.cancelMediaProcessingOperation',
};

const mediaState = { mediaState: { '@odata.type': '#microsoft.graph.callMediaState', audio: 'active' } };

function callHead(call: CallSnapshot, spelling: string): Resource {
  return {
    '@odata.type': '#microsoft.graph.call',
    '@odata.id': callPath(spelling, call),
    '@odata.etag': etag(call.revision),
    id: call.id,
  };
}

function participantInfo(identity: Resource): Resource {
  return { '@odata.type': '#microsoft.graph.participantInfo', identity, languageId: null, region: null };
}

function identityOf(party: Party): Resource {
  const who = {
    '@odata.type': '#microsoft.graph.identity',
    id: party.id,
    ...(party.displayName !== undefined && { displayName: party.displayName }),
  };
  return { '@odata.type': '#microsoft.graph.identitySet', [party.kind]: who };
}

/** What was dialled is in the Request-URI; To may name somebody else, as after a diversion. Only a URI has a colon. */
function dialledParty({ dialled }: CallSnapshot): Party {
  return { kind: dialled.includes(':') ? 'user' : 'phone', id: dialled, displayName: undefined };
}

/** The bot's own place in the call: a GUID that follows from the call's. */
function participantId(call: CallSnapshot): string {
  const hash = createHash('sha256').update(`${call.id}/participants/bot`).digest('hex');
  return hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** `terminationReason` says who ended it, `resultInfo` what SIP said. */
function ending({ by, sipStatus, message }: CallEnding): Resource {
  const row = TERMINATIONS[by];
  return {
    terminationReason: row.reason,
    resultInfo: resultInfo(sipStatus ?? row.code, 0, message ?? row.message),
  };
}

const TERMINATIONS: Readonly<
  Record<CallEnding['by'], { readonly reason: string; readonly code: number; readonly message: string }>
> = {
  bot: { reason: 'AppInitiated', code: 200, message: 'The bot ended the call.' },
  rejected: { reason: 'AppInitiated', code: 603, message: 'The bot rejected the call.' },
  caller: { reason: 'CallerInitiated', code: 200, message: 'The caller ended the call.' },
  unanswered: { reason: 'NoAnswer', code: 480, message: 'Nobody answered the call in time.' },
  failed: { reason: 'Failed', code: 500, message: 'The call failed.' },
  shutdown: { reason: 'ServiceShutdown', code: 503, message: 'The server stopped.' },
};

function resultInfo(code: number, subcode: number, message: string): Resource {
  return { '@odata.type': '#microsoft.graph.resultInfo', code, subcode, message };
}

function etag(revision: number): string {
  return `W/"${revision}"`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
