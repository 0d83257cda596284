/**
 * A whole server but for sockets, threads and disk: HTTP by inject, the real calls API over the real call layer, with scripted callers, lines
 * and recordings, on the virtual clock. What bots would be notified of is in `notifications`.
 */
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import type { Application } from '../../src/call/application.ts';
import type { Fact } from '../../src/call/model.ts';
import { callRoutes } from '../../src/graph/call-routes.ts';
import { errorAnswers } from '../../src/graph/error-answers.ts';
import { spellFact } from '../../src/graph/notifications.ts';
import { limitRequests } from '../../src/graph/request-limit.ts';
import { openSigningKeys } from '../../src/graph/signing-keys.ts';
import { tokenRoutes } from '../../src/graph/token-routes.ts';
import { createTokens } from '../../src/graph/tokens.ts';
import { buildHttp } from '../../src/http/server.ts';
import { silentLog } from '../../src/log.ts';
import { callbackRules } from '../../src/outbound/callbacks.ts';
import { BOT, CALLBACKS, OTHER_BOT, PUBLIC_URL } from './api-stage.ts';
import { setStage } from './call-stage.ts';
import { directoryOf } from './directory.ts';
import { MemoryStore } from './memory-store.ts';
import { settle, VirtualClock } from './virtual-clock.ts';

const REQUESTS_PER_MINUTE = 100;
/** One for all stages: it takes a while to find two primes. */
const keys = openSigningKeys({ store: new MemoryStore(() => 0), clock: new VirtualClock() });

export interface Notified {
  readonly changeType: string;
  readonly resource: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it travels, asserted on member by member
  readonly resourceData: any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  readonly envelope: any;
  readonly headers: Readonly<Record<string, string>>;
}

export type Answer = LightMyRequestResponse;
export type GraphStage = Awaited<ReturnType<typeof setGraphStage>>;

/** `dialect`: of the notifications about incoming calls. */
export async function setGraphStage(dialect: Application['dialect'] = 'app') {
  const applications = directoryOf([{ ...BOT, dialect }, OTHER_BOT]);
  const stage = setStage({ applications });
  const tokens = createTokens({
    keys: await keys,
    issuer: PUBLIC_URL,
    applications: directoryOf([BOT, OTHER_BOT]),
    lifetimeMs: 3_600_000,
    clock: stage.clock,
  });
  const app: FastifyInstance = await buildHttp({
    log: silentLog,
    errors: errorAnswers,
    plugins: [
      limitRequests(REQUESTS_PER_MINUTE, [
        callRoutes({
          ask: (callId, command) => stage.calls.ask(callId, command),
          create: (request) => stage.calls.create(request),
          tokens,
          publicUrl: PUBLIC_URL,
          callbacks: callbackRules(CALLBACKS),
        }),
      ]),
      tokenRoutes({ tokens, publicUrl: PUBLIC_URL, clock: stage.clock }),
    ],
  });
  const bearer = { [BOT.id]: await tokens.issue(BOT), [OTHER_BOT.id]: await tokens.issue(OTHER_BOT) };

  /** As the bot, unless `headers` say otherwise; a text body goes as it is. */
  const send = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> => {
    const answer = await app.inject({
      method: method as NonNullable<InjectOptions['method']>,
      url: path,
      headers: {
        authorization: `Bearer ${bearer[BOT.id]?.token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    await settle();
    return answer;
  };

  return {
    ...stage,
    app,
    tokens,
    send,
    requestsPerMinute: REQUESTS_PER_MINUTE,
    otherBearer: `Bearer ${bearer[OTHER_BOT.id]?.token}`,
    /** What bots were notified of, in order. */
    notifications: (): readonly Notified[] => stage.facts.flatMap(notified),
    /** What was told last about an operation. */
    lastOperationTold: (): Notified => {
      const last = stage.facts
        .flatMap(notified)
        .findLast(({ resource }) => resource.includes('/operations/'));
      if (last === undefined) throw new Error('no operation was told of');
      return last;
    },
    /** Path of the call that came last, under a root such as `/beta/app`. */
    path: (root: string) => `${root}/calls/${stage.callIds().at(-1)}`,
  };
}

function notified(fact: Fact): Notified[] {
  const notification = spellFact(fact);
  if (notification === undefined) return [];
  const envelope = JSON.parse(notification.body);
  return [{ ...envelope.value[0], envelope, headers: notification.headers }];
}
