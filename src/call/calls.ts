/**
 * All calls of this node: takes in what the user agent hears ringing, places what bots ask for, hands commands to whoever owns the call,
 * and answers for the calls that are over.
 */
import { randomUUID } from 'node:crypto';
import type { Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { IncomingInvite, UserAgent } from '../sip/user-agent.ts';
import type { Application, ApplicationDirectory } from './application.ts';
import { createDialPlan, type Trunk } from './dial-plan.ts';
import { askEndedCall } from './ended-calls.ts';
import { shutDown } from './endings.ts';
import { incomingSide } from './incoming.ts';
import { type CallParts, LiveCall } from './live-call.ts';
import { lineFor } from './media-session.ts';
import type { CallRequest, CallSnapshot, Command, Reply } from './model.ts';
import { outgoingSide } from './outgoing.ts';
import { dialledOf, partyOf } from './party.ts';
import { recoverCalls } from './recovery.ts';
import { refuse } from './refusal.ts';
import { createRouter } from './routing.ts';

export interface CallsOptions
  extends Omit<CallParts, 'interKeyMs' | 'noMediaMs' | 'retentionMs' | 'dialPlan' | 'sensitivityOf'> {
  readonly userAgent: Pick<UserAgent, 'invites' | 'invite'>;
  readonly applications: ApplicationDirectory;
  /** The way to phone numbers; default: none. */
  readonly trunks?: readonly Trunk[];
  /** Patterns of the SIP URIs that bots may call without a trunk; default: every one. */
  readonly dialable?: readonly string[];
  /** How notifications about an incoming call are spelled, until the end of the call. */
  readonly spellingOf: (application: Application) => string;
  /** How long a caller hears it ring; default 15,000. */
  readonly answerTimeoutMs?: number;
  /** How long a call that a bot placed may ring; default 60,000. */
  readonly ringTimeoutMs?: number;
  /** Longest pause between two keys of one stop tone; default 3,000. */
  readonly interKeyMs?: number;
  /** Longest time without any media; default 30,000. */
  readonly noMediaMs?: number;
  /** How long operations of an ended call can be asked for; default 24 hours. */
  readonly retentionMs?: number;
}

export interface Calls {
  /** Never rejects. */
  ask(callId: string, command: Command): Promise<Reply>;
  /** Places a call: resolves, with the call, once it is kept and being dialled. Never rejects. */
  create(request: CallRequest): Promise<Reply>;
  /**
   * Ends, and tells of, what an earlier process left. Once, at start, when everybody who needs the facts has subscribed.
   */
  recover(): Promise<void>;
  /** From now on callers hear 503, and no call is placed; running calls go on. */
  drain(): void;
  /** Drains, waits for running calls at most `limitMs`, then ends them. Resolves when every one has been told as terminated. */
  close(limitMs: number): Promise<void>;
  /** Calls that are not terminated. */
  readonly active: number;
}

/** Seconds until a caller who met a draining server may try again. */
const RETRY_AFTER_S = '30';

/** Takes calls from here on, until the user agent closes. */
export function createCalls(options: CallsOptions): Calls {
  const { userAgent, cluster, store, clock, log, applications } = options;
  const dialPlan = createDialPlan(options.trunks ?? [], options.dialable);
  const parts: CallParts = {
    ...options,
    dialPlan,
    interKeyMs: options.interKeyMs ?? 3000,
    noMediaMs: options.noMediaMs ?? 30_000,
    retentionMs: options.retentionMs ?? 86_400_000,
    sensitivityOf: (applicationId) => applications.get(applicationId)?.speechSensitivity,
  };
  const answerTimeoutMs = options.answerTimeoutMs ?? 15_000;
  const outgoing = { userAgent, clock, ringTimeoutMs: options.ringTimeoutMs ?? 60_000 };
  const route = createRouter(applications);
  const live = new Map<string, { readonly call: LiveCall; readonly lived: Promise<void> }>();
  let draining = false;

  const begin = (call: LiveCall, first: 'created' | 'updated', onKept?: (kept: boolean) => void) => {
    const { id, scenarioId } = call.snapshot;
    const lived = call
      .run(first, onKept)
      .catch((thrown) => log.error({ callId: id, error: reasonOf(thrown) }, 'a call failed'))
      .finally(() => {
        live.delete(id);
        log.info({ callId: id, scenarioId }, 'a call is over');
      });
    live.set(id, { call, lived });
  };

  const admit = (invite: IncomingInvite) => {
    if (draining) return invite.reject(503, { headers: { 'Retry-After': RETRY_AFTER_S } });
    const application = route(invite.requestUri);
    if (application === undefined) {
      log.info(
        { sipCallId: invite.callId, dialled: invite.requestUri.text },
        'no application has a route for a call',
      );
      return invite.reject(404);
    }
    const line = lineOf(invite, options.codecs);
    if (!line.ok) {
      log.info({ sipCallId: invite.callId, why: line.why }, 'the offer of a call cannot be met');
      return invite.reject(488, { headers: { Warning: warning(line.why) } });
    }
    const snapshot = incomingSnapshot(invite, application, options.spellingOf(application), clock.now());
    const { id: callId, scenarioId } = snapshot;
    log.info({ callId, scenarioId, sipCallId: invite.callId, application: application.id }, 'a call came in');
    begin(
      new LiveCall(snapshot, incomingSide(invite, clock, answerTimeoutMs, line.secure), parts),
      'created',
    );
  };

  const takeCalls = async () => {
    for await (const invite of userAgent.invites()) {
      try {
        admit(invite);
      } catch (thrown) {
        log.error({ sipCallId: invite.callId, error: reasonOf(thrown) }, 'a call could not be taken');
        invite.reject(500);
      }
    }
  };
  void takeCalls().catch((thrown) => log.error({ error: reasonOf(thrown) }, 'no more calls are taken'));

  const closing = () => refuse('unavailable', 'The server takes no more calls.');

  const place = async (request: CallRequest): Promise<Reply> => {
    const application = applications.get(request.applicationId);
    if (draining || application === undefined) return closing();
    const dialling = dialPlan.dial(request.target, request.callerId, application.name);
    if ('why' in dialling) return refuse('badTarget', dialling.why);
    const snapshot = outgoingSnapshot(request, application, clock.now());
    const { id: callId, scenarioId, clientRequestId } = snapshot;
    const ringTimeoutMs =
      request.ringSeconds === undefined ? outgoing.ringTimeoutMs : request.ringSeconds * 1000;
    const call = new LiveCall(snapshot, outgoingSide(dialling, { ...outgoing, ringTimeoutMs }), parts);
    try {
      const { line } = await call.openConnection();
      if (draining) {
        await line.close();
        return closing();
      }
    } catch (thrown) {
      return refuse('unavailable', `The call could not be placed: ${reasonOf(thrown)}`);
    }
    for (const media of request.preFetch) void parts.prompts.get(media, application.id);
    log.info(
      { callId, scenarioId, clientRequestId, application: application.id, target: dialling.requestUri },
      'a call is placed',
    );
    const { promise: kept, resolve } = Promise.withResolvers<boolean>();
    begin(call, 'updated', resolve);
    return (await kept)
      ? { ok: true, call: snapshot }
      : refuse('unavailable', 'The call could not be written to the store.');
  };

  const ask = async (callId: string, command: Command): Promise<Reply> => {
    const reply = await cluster.ask(callId, command);
    return reply === 'noOwner' ? await askEndedCall(store, callId, command) : reply;
  };

  /** Asked for before the call itself is: two calls that are to replace each other must not wait for one another. */
  const withReplaced = async (
    callId: string,
    command: Extract<Command, { name: 'transfer' }>,
  ): Promise<Reply> => {
    const { applicationId, replaces } = command;
    if (replaces === undefined) return ask(callId, command);
    if (replaces === callId) return refuse('badTarget', 'A call cannot replace itself.');
    const other = await ask(replaces, { name: 'getDialog', applicationId });
    if (other.ok && other.dialog) return ask(callId, { ...command, replacing: other.dialog });
    const why = other.ok ? '' : other.message;
    return refuse('badTarget', `The call ${replaces} cannot be replaced: ${why}`);
  };

  const lived = () => Promise.all([...live.values()].map(({ lived }) => lived));

  return {
    async ask(callId, command) {
      try {
        return await (command.name === 'transfer' ? withReplaced(callId, command) : ask(callId, command));
      } catch (thrown) {
        log.error({ callId, command: command.name, error: reasonOf(thrown) }, 'a command failed');
        return refuse('internal', 'The command failed; the log of the server says why.');
      }
    },
    async create(request) {
      try {
        return await place(request);
      } catch (thrown) {
        log.error({ error: reasonOf(thrown) }, 'a call could not be placed');
        return refuse('internal', 'The call could not be placed; the log of the server says why.');
      }
    },
    recover: () => recoverCalls(parts, (callId) => live.has(callId)),
    drain() {
      draining = true;
    },
    async close(limitMs) {
      draining = true;
      let limit: Timer | undefined;
      const patience = new Promise<void>((resolve) => {
        limit = clock.after(limitMs, resolve);
      });
      await Promise.race([lived(), patience]);
      limit?.cancel();
      for (const { call } of live.values()) call.end(shutDown);
      await lived();
    },
    get active() {
      return live.size;
    },
  };
}

/** Who comes by WebSocket and lets us offer is a browser. */
function lineOf({ offer, source }: IncomingInvite, codecs: CallsOptions['codecs']) {
  return offer === undefined
    ? ({ ok: true, secure: source.transport === 'ws' } as const)
    : lineFor(offer, codecs);
}

function incomingSnapshot(
  invite: IncomingInvite,
  application: Application,
  spelling: string,
  now: number,
): CallSnapshot {
  return {
    ...emptySnapshot(application, now),
    sipCallId: invite.callId,
    direction: 'incoming',
    state: 'incoming',
    caller: partyOf(invite.from),
    callee: partyOf(invite.to),
    dialled: dialledOf(invite.requestUri),
    callbackUri: application.callbackUri,
    spelling,
    scenarioId: randomUUID(),
  };
}

function outgoingSnapshot(request: CallRequest, application: Application, now: number): CallSnapshot {
  const { target, callbackUri, preFetch, subject, spelling, clientRequestId } = request;
  return {
    ...emptySnapshot(application, now),
    sipCallId: randomUUID(),
    direction: 'outgoing',
    state: 'establishing',
    caller: { kind: 'application', id: application.id, displayName: application.name },
    callee: target,
    dialled: target.id,
    callbackUri,
    preFetch,
    subject,
    spelling,
    scenarioId: request.scenarioId ?? randomUUID(),
    clientRequestId,
  };
}

/** What every call begins with. */
function emptySnapshot({ id: applicationId, tenantId }: Application, createdAt: number) {
  return {
    id: randomUUID(),
    revision: 1,
    applicationId,
    tenantId,
    subject: undefined,
    preFetch: [],
    clientRequestId: undefined,
    audioActive: false,
    muted: false,
    lastTone: undefined,
    transferFailure: undefined,
    createdAt,
    ending: undefined,
  };
}

/** RFC 3261 §20.43: 305, incompatible media format. */
function warning(why: string): string {
  return `305 tonearm "${why.replace(/[^ !#-[\]-~]/g, ' ')}"`;
}
