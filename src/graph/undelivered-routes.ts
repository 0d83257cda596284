import type { FastifyPluginAsync } from 'fastify';
import type { Notifier, StoredNotification } from '../notify/outbox.ts';
import { grantOf } from './authentication.ts';
import { sendError } from './errors.ts';
import { admitApplications } from './request-limit.ts';
import { answered, errors } from './route-description.ts';
import type { Tokens } from './tokens.ts';

/**
 * What the retries gave up on, for the application that it is for (CONTRACT §4): `GET /undelivered` lists it, oldest first,
 * `POST /undelivered/{notification id}/resend` tries one again. Ours: Graph has nothing of the kind.
 */
export function undeliveredRoutes({
  notifier,
  tokens,
}: {
  readonly notifier: Pick<Notifier, 'undelivered' | 'resend'>;
  readonly tokens: Tokens;
}): FastifyPluginAsync {
  return async (app) => {
    admitApplications(app, tokens);
    const described = { tags: ['undelivered'], security: [{ oauth2: [] }, { bearer: [] }] };
    const list = {
      schema: { ...described, summary: 'List the notifications that the bot would not take, oldest first.' },
      config: {
        described: { answers: { 200: answered('What is left.', 'undeliveredList'), ...errors(401, 429) } },
      },
    };
    app.get('/undelivered', list, async (request) => {
      const left = await notifier.undelivered(grantOf(request).application.id);
      return { value: left.map(spell) };
    });
    const resend = {
      schema: { ...described, summary: 'Send one of them again.' },
      config: { described: { answers: { 202: answered('It is tried again.'), ...errors(401, 404, 429) } } },
    };
    app.post<{ Params: { id: string } }>('/undelivered/:id/resend', resend, async (request, reply) => {
      const left = await notifier.undelivered(grantOf(request).application.id);
      const id = request.params.id.toLowerCase();
      // Another application's is not there for this one.
      if (!left.some((one) => one.id === id) || !(await notifier.resend(id))) {
        return sendError(reply, 'pathNotFound', 'No such notification is undelivered.');
      }
      return reply.code(202).send();
    });
  };
}

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
