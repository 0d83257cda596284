/** The calls API on a stage: real routes, tokens and error answers; what is asked of the call layer is noted and scripted. */
import type { FastifyInstance, FastifyPluginAsync, InjectOptions } from 'fastify';
import type { CallRequest, CallSnapshot, Command, OperationSnapshot, Reply } from '../../src/call/model.ts';
import type { ConfiguredApplication } from '../../src/config.ts';
import { callRoutes } from '../../src/graph/call-routes.ts';
import { errorAnswers } from '../../src/graph/error-answers.ts';
import { openApiRoutes } from '../../src/graph/openapi.ts';
import { limitRequests } from '../../src/graph/request-limit.ts';
import { openSigningKeys } from '../../src/graph/signing-keys.ts';
import { tokenRoutes } from '../../src/graph/token-routes.ts';
import { createTokens } from '../../src/graph/tokens.ts';
import { undeliveredRoutes } from '../../src/graph/undelivered-routes.ts';
import { buildHttp } from '../../src/http/server.ts';
import { silentLog } from '../../src/log.ts';
import { type CallbackOptions, callbackRules } from '../../src/outbound/callbacks.ts';
import { directoryOf } from './directory.ts';
import { MemoryStore } from './memory-store.ts';
import { VirtualClock } from './virtual-clock.ts';

export const PUBLIC_URL = 'https://calls.example.com';
export const CALL_ID = '57dab8b1-894c-409a-b240-bd8beae78896';
export const OPERATION_ID = '0fe0623f-d628-42ed-b4bd-8ac290072cc5';
export const BOT: ConfiguredApplication & { readonly secret: string } = {
  id: '8a34a46b-3d17-4adc-8dce-dc4e7d572698',
  tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47',
  name: 'Voicemail',
  secret: 'dev-secret',
  roles: ['Calls.AccessMedia.All', 'Calls.Initiate.All'],
  callbackUri: 'https://bot.example.com/api/calls',
  dialect: 'app',
  speechSensitivity: 'normal',
  routes: ['*'],
};
/** As a configuration that says nothing of callbacks has it, on a server for everybody. */
export const CALLBACKS: CallbackOptions = {
  allow: [
    { kind: 'scheme', protocol: 'https:' },
    { kind: 'scheme', protocol: 'http:' },
  ],
  allowHttp: false,
  loopback: false,
};

/** Has no roles. */
export const OTHER_BOT: typeof BOT = {
  ...BOT,
  id: 'b1ec4a2f-0d0e-4c5f-9c58-7c9f0f1d2e3a',
  secret: 'other-secret',
  roles: [],
};

export const call = (changes: Partial<CallSnapshot> = {}): CallSnapshot => ({
  id: CALL_ID,
  revision: 1,
  applicationId: BOT.id,
  tenantId: BOT.tenantId,
  direction: 'incoming',
  state: 'incoming',
  caller: { kind: 'phone', id: '+14255550123', displayName: 'Ann' },
  callee: { kind: 'user', id: 'sip:voicemail@example.com', displayName: undefined },
  dialled: '+14255550100',
  subject: undefined,
  preFetch: [],
  callbackUri: BOT.callbackUri,
  spelling: 'app',
  scenarioId: 'd0d0d0d0-0000-4000-8000-000000000001',
  clientRequestId: undefined,
  audioActive: false,
  muted: false,
  lastTone: undefined,
  transferFailure: undefined,
  createdAt: Date.parse('2026-01-01T00:00:00Z'),
  ending: undefined,
  ...changes,
});

/** What makes a call one that the bot has placed. */
export const OUTGOING = {
  direction: 'outgoing',
  state: 'establishing',
  caller: { kind: 'application', id: BOT.id, displayName: BOT.name },
  callee: { kind: 'phone', id: '+14255550177', displayName: 'Bob' },
  dialled: '+14255550177',
} as const satisfies Partial<CallSnapshot>;

export const operation = (changes: Partial<OperationSnapshot> = {}): OperationSnapshot => ({
  id: OPERATION_ID,
  callId: CALL_ID,
  revision: 1,
  kind: 'record',
  status: 'running',
  spelling: 'app',
  clientContext: undefined,
  clientRequestId: undefined,
  createdAt: Date.parse('2026-01-01T00:00:00Z'),
  lastActionAt: Date.parse('2026-01-01T00:00:05Z'),
  end: undefined,
  recording: undefined,
  ...changes,
});

export interface ApiStage {
  readonly app: FastifyInstance;
  readonly clock: VirtualClock;
  readonly tokens: ReturnType<typeof createTokens>;
  /** What the call layer was asked, oldest first. */
  readonly asked: { readonly callId: string; readonly command: Command }[];
  /** Calls that were to be placed, oldest first. */
  readonly placed: CallRequest[];
  /** What the call layer answers from now on. */
  answer: (command: Command) => Reply;
  /** What it answers to who wants a call placed. */
  place: (request: CallRequest) => Reply;
  /** A request with the token of BOT, unless `headers` say otherwise. A body is sent as JSON; a text as it is. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): ReturnType<typeof inject>;
}

const inject = (app: FastifyInstance, options: InjectOptions) => app.inject(options);

export async function setApiStage(
  options: {
    readonly callbacks?: Partial<CallbackOptions>;
    readonly requestsPerMinute?: number;
    /** Without `/openapi.json`, and whatever comes with it. */
    readonly undocumented?: boolean;
    /** Plugins that are registered before, and after, those of the API. */
    readonly before?: readonly FastifyPluginAsync[];
    readonly after?: readonly FastifyPluginAsync[];
  } = {},
): Promise<ApiStage> {
  const clock = new VirtualClock();
  const tokens = createTokens({
    keys: await openSigningKeys({ store: new MemoryStore(() => clock.now()), clock }),
    issuer: PUBLIC_URL,
    applications: directoryOf([BOT, OTHER_BOT]),
    lifetimeMs: 3_600_000,
    clock,
  });
  const asked: ApiStage['asked'] = [];
  const placed: CallRequest[] = [];
  const notifier = { undelivered: async () => ({ total: 0, page: [] }), resend: async () => false };
  const app = await buildHttp({
    log: silentLog,
    errors: errorAnswers,
    plugins: [
      ...(options.before ?? []),
      ...(options.undocumented ? [] : [openApiRoutes({ publicUrl: PUBLIC_URL })]),
      limitRequests(options.requestsPerMinute, [
        callRoutes({
          ask: async (callId, command) => {
            asked.push({ callId, command });
            return stage.answer(command);
          },
          create: async (request) => {
            placed.push(request);
            return stage.place(request);
          },
          tokens,
          publicUrl: PUBLIC_URL,
          callbacks: callbackRules({ ...CALLBACKS, ...options.callbacks }),
        }),
        undeliveredRoutes({ notifier, tokens, publicUrl: PUBLIC_URL }),
      ]),
      tokenRoutes({ tokens, publicUrl: PUBLIC_URL, clock }),
      ...(options.after ?? []),
    ],
  });
  const { token } = await tokens.issue(BOT);
  const stage: ApiStage = {
    app,
    clock,
    tokens,
    asked,
    placed,
    place: ({ target, spelling }) => ({
      ok: true,
      call: call({ ...OUTGOING, callee: target, dialled: target.id, spelling }),
    }),
    answer: ({ name }) =>
      name === 'listOperations'
        ? { ok: true, operations: [operation()] }
        : name === 'get' || name === 'answer'
          ? { ok: true, call: call() }
          : { ok: true, operation: operation() },
    send: (method, path, body, headers = {}) =>
      inject(app, {
        method: method as NonNullable<InjectOptions['method']>,
        url: path,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  };
  return stage;
}
