/** A path with the methods that there are: each with its role and its description, and 405 with Allow for all others. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods, RouteHandlerMethod } from 'fastify';
import type { TSchema } from 'typebox';
import type { Role } from '../call/application.ts';
import { grantOf } from './authentication.ts';
import { sendError } from './errors.ts';
import type { RouteDescription } from './route-description.ts';

/** What a path does for one method. */
export interface Method {
  readonly handler: RouteHandlerMethod;
  readonly body?: TSchema | undefined;
  readonly role?: Role | undefined;
  readonly summary: string;
  readonly described: RouteDescription;
}

/** What the paths of one resource have in common. */
export interface PathOptions {
  readonly tag: string;
  /** Whether the API's documentation leaves the path out. */
  readonly hide?: boolean;
}

const EVERY_METHOD: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Registers the path. HEAD comes with GET. */
export function servePath(
  app: FastifyInstance,
  url: string,
  methods: Partial<Record<'GET' | 'POST' | 'DELETE', Method>>,
  { tag, hide = false }: PathOptions,
): void {
  for (const [method, { handler, body, role, summary, described }] of Object.entries(methods)) {
    app.route({
      method,
      url,
      handler,
      onRequest: requireRole(role),
      exposeHeadRoute: method === 'GET',
      schema: {
        summary,
        hide,
        tags: [tag],
        security: [{ oauth2: role === undefined ? [] : [role] }, { bearer: [] }],
        ...(body !== undefined && { body }),
      },
      config: { described },
    });
  }
  const allowed = Object.keys(methods).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  app.route({
    method: EVERY_METHOD.filter((method) => !allowed.includes(method)),
    url,
    schema: { hide: true },
    handler: async (request, reply) =>
      sendError(
        reply.header('allow', allowed.join(', ')),
        'methodNotAllowed',
        `${request.method} is not allowed here; ${allowed.join(', ')} is.`,
      ),
  });
}

function requireRole(role: Role | undefined) {
  return async (request: FastifyRequest, reply: FastifyReply) =>
    role === undefined || grantOf(request).roles.includes(role)
      ? undefined
      : sendError(reply, 'roleMissing', `The token must have the role ${role} for this.`);
}
