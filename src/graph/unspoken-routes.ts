/**
 * Routes whose own files know nothing of the API's documentation: tokens, recordings, health. By method and path, as they are
 * registered.
 */
import { FORMATS } from '../recording/formats.ts';
import { answered, errors, type Response, type RouteDescription } from './route-description.ts';

interface Unspoken {
  readonly schema: {
    readonly summary: string;
    readonly tags: readonly string[];
    readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  };
  readonly described: RouteDescription;
}

const tokens = (summary: string, described: RouteDescription): Unspoken => ({
  schema: { summary, tags: ['tokens'] },
  described,
});
const health = (summary: string, answers: RouteDescription['answers']): Unspoken => ({
  schema: { summary, tags: ['operation'] },
  described: { answers },
});
const recordings = (summary: string, answers: RouteDescription['answers']): Unspoken => ({
  schema: { summary, tags: ['recordings'], security: [{ recording: [] }] },
  described: { answers: { ...answers, ...errors(401, 403, 404, 410, 412) } },
});

/** `audience`: the parameter that says what the token is for. */
function tokenEndpoint(summary: string, audience: string, meaning: string): Unspoken {
  const text = (description: string) => ({ type: 'string', description });
  return tokens(summary, {
    requestBody: {
      required: true,
      content: {
        'application/x-www-form-urlencoded': {
          schema: {
            type: 'object',
            required: ['grant_type', audience],
            properties: {
              grant_type: { type: 'string', enum: ['client_credentials'] },
              client_id: text("The application's id; or as Basic authorization."),
              client_secret: text('Likewise.'),
              [audience]: text(meaning),
            },
          },
        },
      },
    },
    answers: {
      200: answered('The token.', 'tokenAnswer'),
      400: answered('The request is wrong.', 'tokenError'),
      401: answered('No application has this id and secret.', 'tokenError'),
      429: answered('Too many logins, or too many that failed.', 'tokenError'),
    },
  });
}

const METADATA = tokens("Where the keys of the server's tokens are.", {
  answers: { 200: answered('The metadata.', 'anything') },
});

const audio = (description: string): Response => ({
  description,
  content: Object.fromEntries(
    Object.values(FORMATS).map(({ contentType }) => [
      contentType,
      { schema: { type: 'string', format: 'binary' } },
    ]),
  ),
});

/** `METHOD /path`, or `METHOD|METHOD /path`, to what it is. */
export const UNSPOKEN: Readonly<Record<string, Unspoken>> = {
  'POST /:tenant/oauth2/v2.0/token': tokenEndpoint(
    'Get an access token (RFC 6749 §4.4).',
    'scope',
    'Ends in /.default.',
  ),
  'POST /:tenant/oauth2/token': tokenEndpoint(
    "Get an access token as from Entra's older endpoint.",
    'resource',
    'Any, such as https://graph.microsoft.com.',
  ),
  'GET /.well-known/openid-configuration': METADATA,
  'GET /:tenant/v2.0/.well-known/openid-configuration': METADATA,
  'GET /:tenant/.well-known/openid-configuration': METADATA,
  'GET /:tenant/oauth2/v2.0/authorize': tokens('Always refused: nobody signs in here.', {
    answers: { 400: answered('Bots use client credentials.', 'tokenError') },
  }),
  'GET /discovery/keys': tokens("The keys of the server's tokens (RFC 7517).", {
    answers: { 200: answered('A JWK set.', 'anything') },
  }),
  'GET|HEAD /recordings/:id': recordings('Get a recording, or follow it while it is made.', {
    200: audio('The recording.'),
    206: audio('The part that Range asked for.'),
    304: answered('It is what the asker has.'),
    ...errors(416),
  }),
  'DELETE /recordings/:id': recordings('Delete a recording.', {
    204: answered('It is gone.'),
    ...errors(409),
  }),
  'GET /healthz': health('Whether the server lives.', { 200: answered('It does.', 'anything') }),
  'GET /readyz': health('Whether the server takes calls.', {
    200: answered('It does.', 'anything'),
    503: answered('It does not.', 'anything'),
  }),
  'GET /metrics': health('Numbers, for Prometheus.', {
    200: {
      description: 'The numbers.',
      content: { 'text/plain': { schema: { type: 'string' } } },
    },
  }),
};
