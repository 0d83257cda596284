/** The calls API of the app dialect (CONTRACT §1, §2), under both of its roots. */
import type {
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  HTTPMethods,
  RouteHandlerMethod,
} from 'fastify';
import type { Role } from '../call/application.ts';
import type { Command, OperationCommand, PromptRequest, Reply } from '../call/model.ts';
import { authenticate, grantOf } from './authentication.ts';
import { sendError } from './errors.ts';
import { spellCall, spellOperation } from './resources.ts';
import { AnswerBody, CancelBody, PlayPromptBody, RecordBody, RejectBody } from './schemas.ts';
import { callPath, normalId, operationPath, type Spelling } from './spelling.ts';
import type { Tokens } from './tokens.ts';
import { withoutNulls } from './validation.ts';

export interface CallRoutesOptions {
  readonly ask: (callId: string, command: Command) => Promise<Reply>;
  readonly tokens: Tokens;
  /** How bots reach the API, without a slash at the end: `Location` headers start with it. */
  readonly publicUrl: string;
  /** Whether bots may be told over http:. */
  readonly allowHttp: boolean;
}

interface CallParams {
  readonly id: string;
  readonly operationId?: string;
  readonly appId?: string;
}

/** Distributes over the union of commands. */
type Question = Command extends infer C ? (C extends Command ? Omit<C, 'applicationId'> : never) : never;

interface Action {
  readonly name: string;
  readonly schema?: object;
  readonly role?: Role;
  readonly handle: (asking: Asking, body: never) => Promise<FastifyReply>;
}

const ROOTS: readonly { readonly path: string; readonly spelling: Spelling }[] = [
  { path: '/beta/app/calls', spelling: 'app' },
  { path: '/beta/applications/:appId/calls', spelling: 'applications' },
];

const EVERY_METHOD: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const LATER = ['redirect', 'transfer', 'subscribeToTone', 'mute', 'unmute'] as const;

const LONGEST_KEY = 256;

export function callRoutes(options: CallRoutesOptions): FastifyPluginAsync {
  return async (app) => {
    app.decorateRequest('grant', null);
    app.addHook('onRequest', (request, reply) => authenticate(request, reply, options.tokens));
    app.addHook('preValidation', async (request, reply) => {
      // Cut short, two keys could become one, and a request would be answered with the operation of another.
      if ((request.headers['idempotency-key']?.length ?? 0) > LONGEST_KEY) {
        return sendError(
          reply,
          'badRequest',
          `The header Idempotency-Key must have at most ${LONGEST_KEY} characters.`,
        );
      }
      request.body = request.body === undefined ? {} : withoutNulls(request.body);
    });
    for (const { path, spelling } of ROOTS) addRoot(app, path, spelling, options);
  };
}

function addRoot(app: FastifyInstance, root: string, spelling: Spelling, options: CallRoutesOptions): void {
  const asking = (request: FastifyRequest, reply: FastifyReply) =>
    new Asking(request, reply, spelling, options);
  const path = `${root}/:id`;
  route(app, path, {
    GET: async (request, reply) => asking(request, reply).show({ name: 'get' }),
    DELETE: async (request, reply) => asking(request, reply).done({ name: 'hangUp' }, 204),
  });
  route(app, `${path}/operations`, {
    GET: async (request, reply) => asking(request, reply).show({ name: 'listOperations' }),
  });
  route(app, `${path}/operations/:operationId`, {
    GET: async (request, reply) => {
      const { operationId = '' } = request.params as CallParams;
      return asking(request, reply).show({ name: 'getOperation', operationId: normalId(operationId) });
    },
  });
  for (const name of LATER) {
    for (const action of [name, `microsoft.graph.${name}`]) addLater(app, 'POST', `${path}/${action}`);
  }
  addLater(app, 'GET', `${path}/participants`);
  addLater(app, 'POST', root);
  for (const { name, schema, role, handle } of ACTIONS) {
    // The Graph SDKs send an action with its namespace.
    for (const action of [name, `microsoft.graph.${name}`]) {
      const handler = async (request: FastifyRequest, reply: FastifyReply) =>
        handle(asking(request, reply), request.body as never);
      route(app, `${path}/${action}`, { POST: handler }, { schema, role });
    }
  }
}

/** Whoever knows the API should not look for a mistake of his own. */
function addLater(app: FastifyInstance, method: HTTPMethods, url: string): void {
  app.route({
    method,
    url,
    handler: async (_request, reply) =>
      sendError(reply, 'pathNotFound', 'This part of the API is not available yet.'),
  });
}

/** Registers the methods that there are, and 405 with Allow for the others. */
function route(
  app: FastifyInstance,
  url: string,
  handlers: Partial<Record<HTTPMethods, RouteHandlerMethod>>,
  { schema, role }: { readonly schema?: object | undefined; readonly role?: Role | undefined } = {},
): void {
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    if (role !== undefined && !grantOf(request).roles.includes(role)) {
      return sendError(reply, 'roleMissing', `The token must have the role ${role} for this.`);
    }
  };
  for (const [method, handler] of Object.entries(handlers) as [HTTPMethods, RouteHandlerMethod][]) {
    app.route({
      method,
      url,
      handler,
      onRequest,
      exposeHeadRoute: method === 'GET',
      ...(schema !== undefined && { schema: { body: schema } }),
    });
  }
  const allowed = Object.keys(handlers).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  const others = EVERY_METHOD.filter((method) => !allowed.includes(method));
  app.route({
    method: [...others],
    url,
    handler: async (request, reply) =>
      sendError(
        reply.header('allow', allowed.join(', ')),
        'methodNotAllowed',
        `${request.method} is not allowed here; ${allowed.join(', ')} is.`,
      ),
  });
}

const ACTIONS: readonly Action[] = [
  { name: 'answer', schema: AnswerBody, handle: answer },
  { name: 'reject', schema: RejectBody, handle: reject },
  { name: 'playPrompt', schema: PlayPromptBody, handle: playPrompt },
  { name: 'record', schema: RecordBody, role: 'Calls.AccessMedia.All', handle: record },
  { name: 'recordResponse', schema: RecordBody, role: 'Calls.AccessMedia.All', handle: record },
  {
    name: 'cancelMediaProcessing',
    schema: CancelBody,
    handle: (asking, body: CancelBody) => asking.operate({ name: 'cancelMedia', ...asking.operation(body) }),
  },
  { name: 'keepAlive', handle: (asking) => asking.done({ name: 'get' }, 200) },
];

async function answer(asking: Asking, body: AnswerBody): Promise<FastifyReply> {
  const type =
    body.mediaConfig?.['@odata.type']?.replace(/^#/, '') ?? 'microsoft.graph.serviceHostedMediaConfig';
  if (type !== 'microsoft.graph.serviceHostedMediaConfig') {
    return asking.refuse(
      'appHostedMedia',
      `$.mediaConfig.@odata.type is ${type}; only #microsoft.graph.serviceHostedMediaConfig is served: media stays with the server.`,
    );
  }
  const { callbackUri } = body;
  return asking.withCallback(callbackUri, () => {
    const preFetch = (body.mediaConfig?.preFetchMedia ?? []).map(({ uri, resourceId }) => ({
      uri,
      resourceId,
    }));
    return asking.done({ name: 'answer', callbackUri, preFetch }, 202);
  });
}

async function reject(asking: Asking, { reason, callbackUri }: RejectBody): Promise<FastifyReply> {
  return asking.withCallback(callbackUri, () => asking.done({ name: 'reject', reason, callbackUri }, 202));
}

async function playPrompt(asking: Asking, body: PlayPromptBody): Promise<FastifyReply> {
  const prompts = promptRequests(body.prompts);
  return asking.operate({
    name: 'playPrompt',
    prompts,
    bargeIn: body.bargeInAllowed,
    ...asking.operation(body),
  });
}

async function record(asking: Asking, body: RecordBody): Promise<FastifyReply> {
  const request = {
    prompts: promptRequests(body.prompts ?? []),
    bargeIn: body.bargeInAllowed,
    initialSilenceSeconds: body.initialSilenceTimeoutInSeconds,
    maxSilenceSeconds: body.maxSilenceTimeoutInSeconds,
    maxDurationSeconds: body.maxRecordDurationInSeconds,
    beep: body.playBeep,
    streaming: body.streamWhileRecording,
    stopTones: body.stopTones,
  };
  return asking.operate({ name: 'record', request, ...asking.operation(body) });
}

function promptRequests(prompts: PlayPromptBody['prompts']): readonly PromptRequest[] {
  return prompts.map(({ mediaInfo: { uri, resourceId }, loop = 1 }) => ({
    uri,
    resourceId,
    times: loop === 0 ? Number.POSITIVE_INFINITY : loop,
  }));
}

/** One request on its way to the call and its answer back. */
class Asking {
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  readonly #spelling: Spelling;
  readonly #options: CallRoutesOptions;

  constructor(request: FastifyRequest, reply: FastifyReply, spelling: Spelling, options: CallRoutesOptions) {
    this.#request = request;
    this.#reply = reply;
    this.#spelling = spelling;
    this.#options = options;
  }

  refuse(name: Parameters<typeof sendError>[1], message: string): FastifyReply {
    return sendError(this.#reply, name, message);
  }

  /** What every media action carries. */
  operation(body: { readonly clientContext?: string }): OperationCommand {
    const key = this.#request.headers['idempotency-key'];
    return {
      clientContext: body.clientContext,
      spelling: this.#spelling,
      idempotencyKey: typeof key === 'string' ? key : undefined,
    };
  }

  /** Goes on unless notifications to that address are not allowed. */
  async withCallback(
    callbackUri: string | undefined,
    next: () => Promise<FastifyReply>,
  ): Promise<FastifyReply> {
    if (callbackUri === undefined) return next();
    const protocol = URL.canParse(callbackUri) ? new URL(callbackUri).protocol : '';
    if (protocol === 'https:' || (protocol === 'http:' && this.#options.allowHttp)) return next();
    return this.refuse(
      'badRequest',
      `$.callbackUri is "${callbackUri}"; it must be an https: URL (http: only with callbacks.allowHttp).`,
    );
  }

  /** Answers without a body. */
  async done(question: Question, status: number): Promise<FastifyReply> {
    const reply = await this.#ask(question);
    return reply.ok ? this.#reply.code(status).send() : this.refuse(reply.error, reply.message);
  }

  /** Answers 202 with the operation's address. */
  async operate(question: Question): Promise<FastifyReply> {
    const reply = await this.#ask(question);
    if (!reply.ok) return this.refuse(reply.error, reply.message);
    if (reply.operation === undefined) throw new Error('the call layer made no operation');
    const path = operationPath(this.#spelling, this.#call, reply.operation.id);
    return this.#reply.code(202).header('location', `${this.#options.publicUrl}/beta${path}`).send();
  }

  /** Answers with what was asked for. */
  async show(question: Question): Promise<FastifyReply> {
    const reply = await this.#ask(question);
    if (!reply.ok) return this.refuse(reply.error, reply.message);
    const call = this.#call;
    const context = `${this.#options.publicUrl}/beta/$metadata#`;
    if (reply.operations !== undefined) {
      const value = reply.operations.map((one) => spellOperation(call, { ...one, spelling: this.#spelling }));
      return this.#reply.send({
        '@odata.context': `${context}${callPath(this.#spelling, call)}/operations`,
        value,
      });
    }
    if (reply.operation !== undefined)
      return this.#reply.send(spellOperation(call, { ...reply.operation, spelling: this.#spelling }));
    if (reply.call === undefined) throw new Error('the call layer gave nothing');
    return this.#reply.send(spellCall(reply.call, this.#spelling));
  }

  get #call(): { readonly id: string; readonly applicationId: string } {
    return {
      id: normalId((this.#request.params as CallParams).id),
      applicationId: grantOf(this.#request).application.id,
    };
  }

  #ask(question: Question): Promise<Reply> {
    const { id, applicationId } = this.#call;
    return this.#options.ask(id, { ...question, applicationId } as Command);
  }
}
