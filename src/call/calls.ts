/**
 * All calls of this node: takes in what the user agent hears ringing, hands commands to whoever owns the call, and answers for
 * the calls that are over.
 */
import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { IncomingInvite, UserAgent } from '../sip/user-agent.ts';
import type { Application } from './application.ts';
import { askEndedCall } from './ended-calls.ts';
import { shutDown } from './endings.ts';
import { IncomingCall, type IncomingParts } from './incoming.ts';
import { whyUnmet } from './media-session.ts';
import type { CallSnapshot, Command, Reply } from './model.ts';
import { dialledOf, partyOf } from './party.ts';
import { recoverCalls } from './recovery.ts';
import { refuse } from './refusal.ts';
import { createRouter } from './routing.ts';

export interface CallsOptions
  extends Omit<IncomingParts, 'answerTimeoutMs' | 'interKeyMs' | 'noMediaMs' | 'retentionMs'> {
  readonly userAgent: Pick<UserAgent, 'invites'>;
  readonly applications: readonly Application[];
  /** How notifications about an incoming call are spelled, until the end of the call. */
  readonly spellingOf: (application: Application) => string;
  /** How long a caller hears it ring; default 15,000. */
  readonly answerTimeoutMs?: number;
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
  /**
   * Ends, and tells of, what an earlier process left. Once, at start, when everybody who needs the facts has subscribed.
   */
  recover(): Promise<void>;
  /** From now on callers hear 503; running calls go on. */
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
  const { userAgent, cluster, store, clock, log } = options;
  const parts: IncomingParts = {
    ...options,
    answerTimeoutMs: options.answerTimeoutMs ?? 15_000,
    interKeyMs: options.interKeyMs ?? 3000,
    noMediaMs: options.noMediaMs ?? 30_000,
    retentionMs: options.retentionMs ?? 86_400_000,
  };
  const route = createRouter(options.applications);
  const live = new Map<string, { readonly call: IncomingCall; readonly lived: Promise<void> }>();
  let draining = false;

  const begin = (invite: IncomingInvite, application: Application) => {
    const snapshot = snapshotOf(invite, application, options.spellingOf(application), clock);
    const { id } = snapshot;
    log.info({ callId: id, sipCallId: invite.callId, application: application.id }, 'a call came in');
    const call = new IncomingCall(invite, snapshot, parts);
    const lived = call
      .run()
      .catch((thrown) => log.error({ callId: id, error: reasonOf(thrown) }, 'a call failed'))
      .finally(() => {
        live.delete(id);
        log.info({ callId: id }, 'a call is over');
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
    const unmet = invite.offer === undefined ? undefined : whyUnmet(invite.offer);
    if (unmet !== undefined) {
      log.info({ sipCallId: invite.callId, why: unmet }, 'the offer of a call cannot be met');
      return invite.reject(488, { headers: { Warning: warning(unmet) } });
    }
    begin(invite, application);
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

  const lived = () => Promise.all([...live.values()].map(({ lived }) => lived));

  return {
    async ask(callId, command) {
      try {
        const reply = await cluster.ask(callId, command);
        return reply === 'noOwner' ? await askEndedCall(store, callId, command) : reply;
      } catch (thrown) {
        log.error({ callId, command: command.name, error: reasonOf(thrown) }, 'a command failed');
        return refuse('internal', 'The command failed; the log of the server says why.');
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

function snapshotOf(
  invite: IncomingInvite,
  application: Application,
  spelling: string,
  clock: Clock,
): CallSnapshot {
  return {
    id: randomUUID(),
    revision: 1,
    applicationId: application.id,
    tenantId: application.tenantId,
    direction: 'incoming',
    state: 'incoming',
    caller: partyOf(invite.from),
    callee: partyOf(invite.to),
    dialled: dialledOf(invite.requestUri),
    callbackUri: application.callbackUri,
    spelling,
    scenarioId: randomUUID(),
    audioActive: false,
    createdAt: clock.now(),
    ending: undefined,
  };
}

/** RFC 3261 §20.43: 305, incompatible media format. */
function warning(why: string): string {
  return `305 tonearm "${why.replace(/[^ !#-[\]-~]/g, ' ')}"`;
}
