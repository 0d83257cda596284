/** The one table of errors (CONTRACT §5): what went wrong → `error.code` → HTTP status. */
import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CommandError } from '../call/model.ts';
import { TonearmError } from '../errors.ts';

/** By our own names; several share a code, as Graph's do. */
export const ERRORS = {
  badRequest: { status: 400, code: '8523' },
  badTarget: { status: 400, code: '8523' },
  appHostedMedia: { status: 400, code: '8500' },
  notEstablished: { status: 400, code: '8501' },
  unauthorized: { status: 401, code: 'InvalidAuthenticationToken' },
  roleMissing: { status: 403, code: '7504' },
  otherApplication: { status: 403, code: '7504' },
  callNotFound: { status: 404, code: '8522' },
  operationNotFound: { status: 404, code: '8522' },
  participantNotFound: { status: 404, code: '8522' },
  callEnded: { status: 404, code: '8528' },
  pathNotFound: { status: 404, code: 'ResourceNotFound' },
  methodNotAllowed: { status: 405, code: 'MethodNotAllowed' },
  conflict: { status: 409, code: '8519' },
  bodyTooLarge: { status: 413, code: 'RequestBodyTooLarge' },
  mediaType: { status: 415, code: 'UnsupportedMediaType' },
  tooManyRequests: { status: 429, code: '8589' },
  internal: { status: 500, code: '9999' },
  unavailable: { status: 503, code: 'ServiceUnavailable' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly code: string }>>;

/** A row of the table. */
export type ErrorName = keyof typeof ERRORS;

// Every error that the call layer can give has its row.
ERRORS satisfies Readonly<Record<CommandError, unknown>>;

/** Thrown on the way from a request to its command, and answered as the table says. Its message is for the bot. */
export class Refused extends TonearmError<ErrorName> {}

/** Answers with an error of the table. */
export function sendError(reply: FastifyReply, name: ErrorName, message: string): FastifyReply {
  const { status, code } = ERRORS[name];
  if (status === 503) reply.header('retry-after', '10');
  return sendODataError(reply, status, code, message);
}

/** The body of CONTRACT §5, for whatever status and code: also for the parts of the server that are not Graph's. */
export function sendODataError(
  reply: FastifyReply,
  status: number,
  code: string,
  message: string,
): FastifyReply {
  const { request } = reply;
  const innerError = {
    date: new Date().toISOString(),
    'request-id': request.id,
    'client-request-id': clientRequestId(request) ?? request.id,
  };
  return reply.code(status).type('application/json').send({ error: { code, message, innerError } });
}

/** The caller's own id for the request; `undefined` when it gave none that can be echoed in a header. */
export function clientRequestId(request: FastifyRequest): string | undefined {
  const given = request.headers['client-request-id'];
  return typeof given === 'string' && /^[!-~]{1,128}$/.test(given) ? given : undefined;
}

/** What Fastify itself, or a handler, threw. `log` is told of our own faults; the caller never sees their text. */
export function sendThrown(
  thrown: unknown,
  reply: FastifyReply,
  log: (error: unknown) => void,
): FastifyReply {
  const error = thrown as {
    readonly statusCode?: number;
    readonly code?: string;
    readonly message?: string;
    readonly validation?: unknown;
  };
  if (thrown instanceof Refused) return sendError(reply, thrown.code, thrown.message);
  if (error.validation !== undefined)
    return sendError(reply, 'badRequest', error.message ?? 'The body is wrong.');
  if (error.statusCode === 413)
    return sendError(reply, 'bodyTooLarge', 'The body is too large: at most 256 kB.');
  if (error.statusCode === 415) return sendError(reply, 'mediaType', 'The body must be application/json.');
  if (error.statusCode === 400 || thrown instanceof SyntaxError)
    return sendError(reply, 'badRequest', 'The body is not JSON, not one JSON object, or nested too deeply.');
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return sendODataError(reply, error.statusCode, 'BadRequest', error.message ?? 'The request is wrong.');
  }
  log(thrown);
  return sendError(reply, 'internal', 'The server failed; its log says why, under this request-id.');
}

/** One id a request, a GUID: sent back as `request-id`. */
export const newRequestId = (): string => randomUUID();
