import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { createFailedLogins, type FailedLogins } from '../access/failed-logins.ts';
import type { Clock } from '../clock.ts';
import type { Tokens } from './tokens.ts';

/** The token endpoint (RFC 6749 §4.4, §5), the discovery document and the keys (CONTRACT §4, §6). */
export function tokenRoutes({
  tokens,
  publicUrl,
  clock,
}: {
  readonly tokens: Tokens;
  readonly publicUrl: string;
  readonly clock: Clock;
}): FastifyPluginAsync {
  const failures = createFailedLogins(clock);
  const metadata = (tenant: string) => ({
    issuer: tokens.issuer,
    jwks_uri: `${publicUrl}/discovery/keys`,
    token_endpoint: `${publicUrl}/${tenant}/oauth2/v2.0/token`,
    // Microsoft's libraries will not do without it, though they ask it nothing for a bot.
    authorization_endpoint: `${publicUrl}/${tenant}/oauth2/v2.0/authorize`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    grant_types_supported: ['client_credentials'],
    response_types_supported: ['token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  });
  return async (app) => {
    // A form and nothing else: its values are texts, whatever is sent.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      (_request, body, done) => {
        done(null, new URLSearchParams(String(body)));
      },
    );
    app.setErrorHandler((error: { readonly statusCode?: number }, _request, reply) => {
      const status = error.statusCode ?? 500;
      if (status >= 500) throw error;
      const what =
        status === 413
          ? 'The body is too large.'
          : 'The body must be a form, application/x-www-form-urlencoded.';
      return refuse(reply, status, 'invalid_request', what);
    });
    app.get('/.well-known/openid-configuration', async () => metadata('common'));
    for (const version of ['', '/v2.0']) {
      app.get<{ Params: { tenant: string } }>(
        `/:tenant${version}/.well-known/openid-configuration`,
        async ({ params }) => metadata(encodeURIComponent(params.tenant)),
      );
    }
    app.get('/:tenant/oauth2/v2.0/authorize', async (_request, reply) =>
      refuse(reply, 400, 'unsupported_response_type', 'Nobody signs in here: bots use client credentials.'),
    );
    app.get('/discovery/keys', async () => tokens.keys.jwks);
    // The second is Entra's older endpoint, with resource in the place of scope.
    for (const path of ['/:tenant/oauth2/v2.0/token', '/:tenant/oauth2/token']) {
      app.post<{ Params: { tenant: string } }>(path, (request, reply) =>
        grant(request, reply, tokens, failures),
      );
    }
  };
}

async function grant(
  request: FastifyRequest<{ Params: { tenant: string } }>,
  reply: FastifyReply,
  tokens: Tokens,
  failures: FailedLogins,
): Promise<FastifyReply> {
  reply.header('cache-control', 'no-store').header('pragma', 'no-cache');
  const wait = failures.waitFor(request.ip);
  if (wait > 0) return slowDown(reply, wait, 'Too many logins from this address have failed.');
  const fields = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
  const form: Readonly<Record<string, string | undefined>> = Object.fromEntries(fields);
  const basic = basicCredentials(request.headers.authorization);

  // RFC 6749 §3.2 and §2.3: no parameter twice, and one way of authentication.
  if (new Set(fields.keys()).size < fields.size) {
    return refuse(reply, 400, 'invalid_request', 'A parameter is given twice.');
  }
  if (basic !== undefined && form.client_secret !== undefined) {
    return refuse(
      reply,
      400,
      'invalid_request',
      'The client secret must be given either in the form or as Basic authorization.',
    );
  }
  if (form.grant_type !== 'client_credentials') {
    return refuse(
      reply,
      400,
      form.grant_type === undefined ? 'invalid_request' : 'unsupported_grant_type',
      'grant_type must be client_credentials.',
    );
  }
  const older = !request.url.includes('/v2.0/');
  if (older && !form.resource && !form.scope) {
    return refuse(
      reply,
      400,
      'invalid_request',
      'resource must be given, such as https://graph.microsoft.com.',
    );
  }
  if (!older && !form.scope?.endsWith('/.default')) {
    return refuse(reply, 400, 'invalid_scope', 'scope must end in /.default, such as tonearm/.default.');
  }
  const id = form.client_id ?? basic?.id;
  const secret = form.client_secret ?? basic?.secret;
  if (id === undefined || secret === undefined) {
    return refuse(
      reply,
      400,
      'invalid_request',
      'client_id and client_secret must be given, in the form or as Basic authorization.',
    );
  }
  const application = await tokens.login(id, secret, request.params.tenant);
  if (application === 'busy') return slowDown(reply, 2, 'Too many logins are being checked.');
  if (application === undefined) {
    failures.failed(request.ip);
    reply.header('www-authenticate', 'Basic realm="tonearm"');
    return refuse(
      reply,
      401,
      'invalid_client',
      'No application of this tenant has this client_id and client_secret.',
    );
  }
  const { token, expiresIn } = await tokens.issue(application);
  return reply.send({
    token_type: 'Bearer',
    expires_in: expiresIn,
    ext_expires_in: expiresIn,
    access_token: token,
  });
}

function slowDown(reply: FastifyReply, seconds: number, why: string): FastifyReply {
  return refuse(
    reply.header('retry-after', String(seconds)),
    429,
    'temporarily_unavailable',
    `${why} Try again in ${seconds} s.`,
  );
}

/** RFC 6749 §5.2. */
function refuse(reply: FastifyReply, status: number, error: string, description: string): FastifyReply {
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
    .send({ error, error_description: description });
}

/** RFC 6749 §2.3.1. */
function basicCredentials(
  authorization: string | undefined,
): { readonly id: string; readonly secret: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [id, ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  try {
    return { id: decodeURIComponent(id ?? ''), secret: decodeURIComponent(rest.join(':')) };
  } catch {
    return undefined; // a stray percent sign
  }
}
