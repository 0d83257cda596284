import type { FastifyPluginAsync } from 'fastify';
import type { Notifier, StoredNotification } from '../notify/outbox.ts';
import { authenticate, grantOf } from './authentication.ts';
import { sendError } from './errors.ts';
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
    app.decorateRequest('grant', null);
    app.addHook('onRequest', (request, reply) => authenticate(request, reply, tokens));
    app.get('/undelivered', async (request) => {
      const left = await notifier.undelivered(grantOf(request).application.id);
      return { value: left.map(spell) };
    });
    app.post<{ Params: { id: string } }>('/undelivered/:id/resend', async (request, reply) => {
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
