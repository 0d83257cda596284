/** Calls as they travel (CONTRACT §2.1); the same in both dialects but for their address. */
import type { CallSnapshot, Party } from '../call/model.ts';
import { participantIds } from './participants.ts';
import {
  botOf,
  head,
  type IdentitySet,
  identitySet,
  mediaConfig,
  type ParticipantInfo,
  participantInfo,
  type ResourceHead,
  type ResultInfo,
  resultInfo,
  type ServiceHostedMediaConfig,
  type ToneInfo,
  toneInfo,
} from './resource-parts.ts';
import { callPath } from './spelling.ts';
import { spellTermination } from './terminations.ts';

/** What a notification about a call may carry: only what changed. */
export interface CallChange extends ResourceHead<'call'> {
  readonly state?: CallSnapshot['state'];
  readonly mediaState?: CallMediaState;
  readonly toneInfo?: ToneInfo;
  readonly terminationReason?: string;
  readonly resultInfo?: ResultInfo;
}

/** The whole call: what `created` carries and GET answers. */
export interface CallResource extends CallChange {
  readonly state: CallSnapshot['state'];
  readonly direction: CallSnapshot['direction'];
  readonly callbackUri: string;
  readonly source: ParticipantInfo;
  readonly targets: ParticipantInfo[];
  /** Of an incoming call. */
  readonly callRoutes?: CallRoute[];
  readonly requestedModalities: 'audio'[];
  readonly mediaConfig: ServiceHostedMediaConfig;
  readonly subject?: string;
  readonly tenantId: string;
  readonly myParticipantId: string;
}

interface CallRoute {
  readonly '@odata.type': '#microsoft.graph.callRoute';
  readonly routingType: 'lookup';
  readonly original: IdentitySet;
  readonly final: IdentitySet;
}

interface CallMediaState {
  readonly '@odata.type': '#microsoft.graph.callMediaState';
  readonly audio: 'active';
}

/** Every member that a call can have; `satisfies` keeps it complete. */
const MEMBERS = {
  state: true,
  direction: true,
  callbackUri: true,
  source: true,
  targets: true,
  callRoutes: true,
  requestedModalities: true,
  mediaConfig: true,
  mediaState: true,
  subject: true,
  tenantId: true,
  myParticipantId: true,
  terminationReason: true,
  resultInfo: true,
  toneInfo: true,
} satisfies Record<Exclude<keyof CallResource, keyof ResourceHead>, true>;

/** What `$select` may name of a call. */
export const CALL_MEMBERS: readonly string[] = Object.keys(MEMBERS);

/** The whole call. */
export function spellCall(call: CallSnapshot, spelling: string): CallResource {
  const incoming = call.direction === 'incoming';
  const bot = botOf(call);
  return {
    ...callHead(call, spelling),
    state: call.state,
    direction: call.direction,
    callbackUri: call.callbackUri,
    source: participantInfo(incoming ? call.caller : bot),
    targets: [participantInfo(incoming ? bot : call.callee)],
    ...(incoming && { callRoutes: [callRoute(call, bot)] }),
    requestedModalities: ['audio'],
    mediaConfig: mediaConfig(call.preFetch),
    ...(call.audioActive && { mediaState }),
    ...(call.subject !== undefined && { subject: call.subject }),
    tenantId: call.tenantId,
    myParticipantId: participantIds(call).bot,
    ...(call.lastTone !== undefined && { toneInfo: toneInfo(call.lastTone) }),
    ...transferFailure(call),
    ...ending(call),
  };
}

/** What a state notification carries. `audioBegan` is true once in a call's life. */
export function spellCallChange(call: CallSnapshot, spelling: string, audioBegan: boolean): CallChange {
  return {
    ...callHead(call, spelling),
    state: call.state,
    ...(audioBegan && { mediaState }),
    ...(call.state === 'established' && transferFailure(call)),
    ...(call.state === 'terminated' && ending(call)),
  };
}

/** What the notification about a key carries: the state has not changed. */
export function spellTone(
  call: CallSnapshot,
  spelling: string,
  tone: NonNullable<CallSnapshot['lastTone']>,
): CallChange {
  return { ...callHead(call, spelling), toneInfo: toneInfo(tone) };
}

const mediaState: CallMediaState = { '@odata.type': '#microsoft.graph.callMediaState', audio: 'active' };

function callHead(call: CallSnapshot, spelling: string): ResourceHead<'call'> {
  return head('call', callPath(spelling, call), call.id, call.revision);
}

/** What was dialled is in the Request-URI; To may name somebody else, as after a diversion. Only a URI has a colon. */
function callRoute({ dialled }: CallSnapshot, bot: Party): CallRoute {
  return {
    '@odata.type': '#microsoft.graph.callRoute',
    routingType: 'lookup',
    original: identitySet({
      kind: dialled.includes(':') ? 'user' : 'phone',
      id: dialled,
      displayName: undefined,
    }),
    final: identitySet(bot),
  };
}

function transferFailure({
  transferFailure: failure,
}: CallSnapshot): { readonly resultInfo: ResultInfo } | undefined {
  return failure && { resultInfo: resultInfo(failure.status, 0, failure.message) };
}

function ending({
  ending,
  direction,
}: CallSnapshot): { readonly terminationReason: string; readonly resultInfo: ResultInfo } | undefined {
  if (ending === undefined) return undefined;
  const { terminationReason, code, message } = spellTermination(ending, direction);
  return { terminationReason, resultInfo: resultInfo(code, 0, message) };
}
