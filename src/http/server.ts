import Fastify, {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyServerOptions,
} from 'fastify';
import { type Clock, systemClock } from '../clock.ts';
import { TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import { isDeeperThan } from './json-depth.ts';
import { createTimedServer, type HttpTimes, limitConnections } from './limits.ts';

/** How the server answers what no route does; the spelling of errors is the composer's to give. */
export interface ErrorAnswers {
  notFound(reply: FastifyReply): FastifyReply;
  thrown(error: unknown, reply: FastifyReply, log: (error: unknown) => void): FastifyReply;
  /** Of validation errors, as Ajv tells them with `verbose`. */
  describe: NonNullable<FastifyServerOptions['schemaErrorFormatter']>;
  newRequestId(): string;
  clientRequestId(request: FastifyReply['request']): string | undefined;
}

/** PEM texts. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

export interface HttpOptions {
  /** Whether the last address in X-Forwarded-For says who asks: what is before it, whoever asks may have written. Default: false. */
  readonly trustProxy?: boolean;
  /** Given, the server speaks HTTPS only. */
  readonly tls?: TlsMaterial | undefined;
  readonly plugins: readonly FastifyPluginAsync[];
  readonly errors: ErrorAnswers;
  readonly log: Log;
  /** Connections at one time; default 4096. */
  readonly maxConnections?: number;
  /** Default: those of limits.ts. */
  readonly times?: HttpTimes;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const BODY_LIMIT = 256 * 1024;
/** Of bodies that anybody sends in earnest it is six. */
const DEEPEST_BODY = 32;
const CLOSE_WITHIN_MS = 2000;
const MOST_CONNECTIONS = 4096;

/** A server with everything registered that does not listen yet: tests inject into it. */
export async function buildHttp({
  plugins,
  errors,
  log,
  tls,
  trustProxy = false,
  maxConnections = MOST_CONNECTIONS,
  times,
  clock = systemClock,
}: HttpOptions): Promise<FastifyInstance> {
  const app = Fastify({
    // One hop: `true` would take the first address, which anybody chooses.
    trustProxy: trustProxy && ((_address: string, hop: number) => hop === 0),
    serverFactory: (handler) => createTimedServer(handler, tls, times),
    logger: false,
    bodyLimit: BODY_LIMIT,
    genReqId: () => errors.newRequestId(),
    // Bots' mistakes get told: nothing is coerced, nothing dropped; unknown members are ignored by the schemas.
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: true,
        allErrors: false,
        verbose: true,
      },
    },
    schemaErrorFormatter: errors.describe,
    forceCloseConnections: 'idle',
    // Paths that can't be decoded, or are too long to be one of ours: no hook has run for them.
    frameworkErrors: (_error, request, reply) => {
      errors.notFound(reply.header('request-id', request.id));
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
  });
  // Fastify takes text too, which no route here wants: without this it is no 415.
  app.removeContentTypeParser('text/plain');
  acceptEmptyJson(app);
  // A proxy brings everybody from one address.
  const perAddress = trustProxy ? maxConnections : Math.ceil(maxConnections / 2);
  limitConnections(app.server, { most: maxConnections, perAddress, clock, log });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id);
    const theirs = errors.clientRequestId(request);
    if (theirs !== undefined) reply.header('client-request-id', theirs);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, url, id, headers, params } = request;
    log.debug(
      {
        method,
        path: url.split('?')[0],
        status: reply.statusCode,
        requestId: id,
        clientRequestId: errors.clientRequestId(request),
        scenarioId: /^[!-~]{1,128}$/.exec(String(headers['scenario-id'] ?? ''))?.[0],
        callId: (params as { readonly callId?: string } | undefined)?.callId,
        ms: Math.round(reply.elapsedTime),
      },
      'http',
    );
  });
  app.setNotFoundHandler((_request, reply) => errors.notFound(reply));
  app.setErrorHandler((error, request, reply) =>
    errors.thrown(error, reply, (fault) =>
      log.error(
        { requestId: request.id, error: fault instanceof Error ? fault.stack : String(fault) },
        'a request failed',
      ),
    ),
  );
  boundClose(app);
  for (const plugin of plugins) await app.register(plugin);
  await app.ready();
  return app;
}

/** Starts listening; gives the port that it got. Throws TonearmError `httpPortBusy`. */
export async function listenHttp(
  app: FastifyInstance,
  listen: { readonly address: string; readonly port: number },
): Promise<number> {
  try {
    await app.listen({ host: listen.address, port: listen.port });
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException;
    const why = {
      EADDRINUSE: 'another program uses it',
      EADDRNOTAVAIL: 'this machine has no such address',
      EACCES: 'ports below 1024 need privileges',
    };
    const known = why[error.code as keyof typeof why] ?? error.message;
    throw new TonearmError(
      'httpPortBusy',
      `HTTP can't listen on ${listen.address}:${listen.port}: ${known}. Change it in http.listen.`,
      { cause: thrown },
    );
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : listen.port;
}

/** Answers under way come to their end when the server closes, but a reader who does not read cannot hold it up. */
function boundClose(app: FastifyInstance): void {
  let patience: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    patience = setTimeout(() => app.server.closeAllConnections(), CLOSE_WITHIN_MS).unref();
  });
  app.addHook('onClose', async () => clearTimeout(patience));
}

/** An action without parameters may say it is JSON and send nothing. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else if (isDeeperThan(DEEPEST_BODY, String(body))) done(new SyntaxError('nested too deeply'));
    else parse(request, body as string, done);
  });
}
