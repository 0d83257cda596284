import type { FastifyPluginAsync } from 'fastify';
import type { Notifier, StoredNotification } from '../notify/outbox.ts';
import { grantOf } from './authentication.ts';
import { sendError } from './errors.ts';
import { paged, readQuery } from './query.ts';
import { admitApplications } from './request-limit.ts';
import { answered, errors, parameter } from './route-description.ts';
import type { Tokens } from './tokens.ts';

/**
 * What the retries gave up on, for the application that it is for (CONTRACT §4): `GET /undelivered` lists it, oldest first and in pages,
 * `POST /undelivered/{notification id}/resend` tries one again. Ours: Graph has nothing of the kind.
 */
export function undeliveredRoutes({
  notifier,
  tokens,
  publicUrl,
}: {
  readonly notifier: Pick<Notifier, 'undelivered' | 'resend'>;
  readonly tokens: Tokens;
  readonly publicUrl: string;
}): FastifyPluginAsync {
  return async (app) => {
    admitApplications(app, tokens);
    const described = { tags: ['undelivered'], security: [{ oauth2: [] }, { bearer: [] }] };
    const list = {
      schema: { ...described, summary: 'List the notifications that the bot would not take, oldest first.' },
      config: {
        described: {
          answers: { 200: answered('What is left.', 'undeliveredList'), ...errors(400, 401, 429) },
          parameters: ['top', 'skip', 'count', 'select'].map(parameter),
        },
      },
    };
    app.get('/undelivered', list, async (request) => {
      const asked = readQuery(request.query, MEMBERS);
      const query = { ...asked, top: Number.isFinite(asked.top) ? asked.top : USUAL_PAGE };
      const { total, page } = await notifier.undelivered(grantOf(request).application.id, query);
      return paged(page.map(spell), total, query, `${publicUrl}/undelivered`);
    });
    const resend = {
      schema: { ...described, summary: 'Send one of them again.' },
      config: { described: { answers: { 202: answered('It is tried again.'), ...errors(401, 404, 429) } } },
    };
    app.post<{ Params: { id: string } }>('/undelivered/:id/resend', resend, async (request, reply) => {
      // Another application's is not there for this one.
      const found = await notifier.resend(grantOf(request).application.id, request.params.id.toLowerCase());
      return found
        ? reply.code(202).send()
        : sendError(reply, 'pathNotFound', 'No such notification is undelivered.');
    });
  };
}

const MEMBERS = ['callId', 'sequence', 'callbackUri', 'createdDateTime', 'attempts', 'lastError', 'body'];
/** Unless $top says otherwise; there may be as many as a bot can miss in a week. */
const USUAL_PAGE = 100;

function spell(notification: StoredNotification) {
  const { id, lane, sequence, target, createdAt, attempts, lastError, body } = notification;
  const notified: unknown = JSON.parse(body);
  return {
    id,
    callId: lane,
    sequence,
    callbackUri: target,
    createdDateTime: new Date(createdAt).toISOString(),
    attempts,
    lastError,
    body: notified,
  };
}
