/** Who asks: the token of a request, and what it grants (CONTRACT §5, §6). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Application, Role } from '../call/application.ts';
import { sendError } from './errors.ts';
import { normalId } from './spelling.ts';
import type { Tokens } from './tokens.ts';

interface Grant {
  readonly application: Application;
  readonly roles: readonly Role[];
}

/** 401 without a token that opens anything; 403 under another application's root. */
export async function authenticate(
  request: FastifyRequest,
  reply: FastifyReply,
  tokens: Tokens,
): Promise<FastifyReply | undefined> {
  const token = /^Bearer ([\w\-.~+/]+=*)$/i.exec(request.headers.authorization ?? '')?.[1];
  const grant = token === undefined ? undefined : await tokens.verify(token);
  if (grant === undefined) {
    const error = token === undefined ? '' : ', error="invalid_token"';
    reply.header(
      'www-authenticate',
      `Bearer realm="tonearm", authorization_uri="${tokens.issuer}/common/oauth2/v2.0/authorize"${error}`,
    );
    const what =
      token === undefined ? 'An access token is missing' : 'The access token is not valid, or has expired';
    return sendError(reply, 'unauthorized', `${what}: POST /{tenant}/oauth2/v2.0/token gives one.`);
  }
  request.setDecorator('grant', grant);
  const { appId } = request.params as { readonly appId?: string };
  if (appId !== undefined && normalId(appId) !== grant.application.id) {
    return sendError(reply, 'otherApplication', 'The token is of another application than the path.');
  }
  return undefined;
}

/** Of a request that was authenticated. */
export function grantOf(request: FastifyRequest): Grant {
  return request.getDecorator<Grant>('grant');
}
