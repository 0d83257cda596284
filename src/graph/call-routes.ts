/** The calls API under each of its roots (CONTRACT §1, §2). */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify';
import { ACTIONS, type Action, createCall, INITIATE } from './actions.ts';
import {
  type Asking,
  type CallsApi,
  done,
  getCall,
  showCall,
  showList,
  showOperation,
  showOperations,
} from './asking.ts';
import { ROOTS, type Root } from './dialects.ts';
import { Refused } from './errors.ts';
import { type Method, servePath } from './methods.ts';
import { PARTICIPANT_MEMBERS, spellParticipants } from './participants.ts';
import { readQuery, selected } from './query.ts';
import { admitApplications } from './request-limit.ts';
import { answered, errors, LOCATION, parameter, type RouteDescription } from './route-description.ts';
import { CreateBody } from './schemas.ts';
import { normalId } from './spelling.ts';
import type { Tokens } from './tokens.ts';
import { withoutNulls } from './validation.ts';

/** What the routes need: the calls, and whose tokens open them. */
export interface CallRoutesOptions extends CallsApi {
  readonly tokens: Tokens;
}

interface CallParams {
  callId?: string;
  operationId?: string;
  participantId?: string;
}

const LONGEST_KEY = 256;

/** Every route of the calls API; nothing of it is open to a request without a token. */
export function callRoutes(options: CallRoutesOptions): FastifyPluginAsync {
  return async (app) => {
    admitApplications(app, options.tokens);
    // From here on, and in the log, ids are as we write them.
    app.addHook('onRequest', async ({ params }) => {
      const ids = params as Record<string, string>;
      for (const [name, id] of Object.entries(ids)) ids[name] = normalId(id);
    });
    app.addHook('preValidation', async (request) => {
      checkIdempotencyKey(request.headers['idempotency-key']);
      request.body = request.body === undefined ? {} : withoutNulls(request.body);
    });
    for (const root of ROOTS) addRoot(app, root, options);
  };
}

/** Cut short, two keys could become one, and a request would be answered with the operation of another. */
function checkIdempotencyKey(key: string | string[] | undefined): void {
  if (key === undefined || (typeof key === 'string' && /^[ -~]+$/.test(key) && key.length <= LONGEST_KEY))
    return;
  throw new Refused(
    'badRequest',
    `The header Idempotency-Key must have at most ${LONGEST_KEY} characters, all of them printable ASCII.`,
  );
}

function addRoot(app: FastifyInstance, root: Root, api: CallsApi): void {
  const tag = { tag: root.dialect.title };
  const call = `${root.path}/:callId`;
  const methodOf = ({ handle, ...method }: Served): Method => ({
    ...method,
    handler: async (request, reply) =>
      handle({ request, reply, root, api }, request.params as CallParams, request.body as never),
  });
  servePath(app, root.path, { POST: methodOf(CREATE) }, tag);
  servePath(app, call, { GET: methodOf(SHOW), DELETE: methodOf(HANG_UP) }, tag);
  for (const [path, served] of Object.entries(partsOf(root)))
    servePath(app, call + path, { GET: methodOf(served) }, tag);
  for (const action of ACTIONS) {
    const { name, summary, role } = action;
    const POST = methodOf({
      summary,
      role,
      body: action.body?.(root.dialect),
      handle: (asking, _params, body) => action.handle(asking, body),
      described: actionDescription(action, root),
    });
    servePath(app, `${call}/${name}`, { POST }, tag);
    // The Graph SDKs send an action with its namespace.
    servePath(app, `${call}/microsoft.graph.${name}`, { POST }, { ...tag, hide: true });
  }
}

/** What a method does, whichever root it is under. */
interface Served extends Omit<Method, 'handler'> {
  readonly handle: (asking: Asking, params: Readonly<CallParams>, body: never) => Promise<FastifyReply>;
}

const HEADERS = [parameter('clientRequestId')];

const CREATE: Served = {
  summary: 'Place a call.',
  role: INITIATE,
  body: CreateBody,
  handle: (asking, _params, body) => createCall(asking, body),
  described: {
    answers: {
      201: answered('The call is being placed.', 'call', LOCATION),
      ...errors(400, 401, 403, 429, 503),
    },
    parameters: [...HEADERS, parameter('scenarioId')],
  },
};

const SHOW: Served = {
  summary: 'Get a call.',
  handle: showCall,
  described: shown('The call.', 'call', 'one'),
};

const HANG_UP: Served = {
  summary: 'Hang up.',
  handle: (asking) => done(asking, { name: 'hangUp' }, 204),
  described: {
    answers: { 204: answered('The call ends.'), ...errors(401, 403, 404, 429) },
    parameters: HEADERS,
  },
};

/** What stands under a call, by path. */
function partsOf({ dialect }: Root): Readonly<Record<string, Served>> {
  const operation = `${dialect.title}Operation`;
  return {
    '/operations': {
      summary: 'List the operations of a call.',
      handle: showOperations,
      described: shown('Oldest first.', `${operation}List`, 'list'),
    },
    '/operations/:operationId': {
      summary: 'Get an operation.',
      handle: (asking, { operationId = '' }) => showOperation(asking, operationId),
      described: shown('The operation.', operation, 'one'),
    },
    '/participants': {
      summary: 'List who is in a call.',
      handle: showParticipants,
      described: shown('The far end, then the bot.', 'participantList', 'list'),
    },
    '/participants/:participantId': {
      summary: 'Get one of who is in a call.',
      handle: (asking, { participantId = '' }) => showParticipant(asking, participantId),
      described: shown('The participant.', 'participant', 'one'),
    },
  };
}

function showParticipants(asking: Asking): Promise<FastifyReply> {
  return showList(asking, 'participants', PARTICIPANT_MEMBERS, async () =>
    spellParticipants(await getCall(asking), asking.root.spelling),
  );
}

async function showParticipant(asking: Asking, participantId: string): Promise<FastifyReply> {
  const query = readQuery(asking.request.query, PARTICIPANT_MEMBERS);
  const all = spellParticipants(await getCall(asking), asking.root.spelling);
  const participant = all.find(({ id }) => id === participantId);
  if (participant === undefined)
    throw new Refused('participantNotFound', 'The call has no such participant.');
  return asking.reply.send(selected(participant, query));
}

function shown(description: string, schema: string, what: 'one' | 'list'): RouteDescription {
  const list = what === 'list' ? ['top', 'skip', 'count'] : [];
  return {
    answers: { 200: answered(description, schema), ...errors(400, 401, 403, 404, 429) },
    parameters: [...HEADERS, ...['select', ...list].map(parameter)],
  };
}

function actionDescription({ answers }: Action, { dialect }: Root): RouteDescription {
  const refused = errors(400, 401, 403, 404, 409, 429, 503);
  if (answers !== 'operation') {
    return { answers: { [answers]: answered('It is done, or will be.'), ...refused }, parameters: HEADERS };
  }
  const { accepted, title } = dialect;
  const description = 'The operation was taken; how it ends is notified.';
  return {
    answers: {
      [accepted]: answered(description, accepted === 200 ? `${title}Operation` : undefined, LOCATION),
      ...refused,
    },
    parameters: [...HEADERS, parameter('idempotencyKey')],
  };
}
