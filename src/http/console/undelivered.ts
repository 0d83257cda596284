/** `/console/undelivered…`: what the bots of all applications would not take, and sending it again. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApplicationDirectory } from '../../call/application.ts';
import type { Notifier, StoredNotification } from '../../notify/outbox.ts';
import { refuse } from './guard.ts';
import { maskedJson } from './masks.ts';
import { type PageQuery, pageOf } from './paging.ts';
import type { Paged, UndeliveredRow } from './wire.ts';

export interface UndeliveredRoutesOptions {
  readonly notifier: Pick<Notifier, 'undelivered' | 'resend'>;
  readonly applications: ApplicationDirectory;
}

export function undeliveredRoutes(app: FastifyInstance, options: UndeliveredRoutesOptions): void {
  const { notifier, applications } = options;
  const rowOf = (notification: StoredNotification): UndeliveredRow => {
    const { id, applicationId, lane, sequence, createdAt, attempts, target, lastError, body } = notification;
    return {
      ...{ id, applicationId, callId: lane, number: sequence, createdAt, attempts },
      applicationName: applications.get(applicationId)?.name ?? applicationId,
      target: target.replace(/[?#].*$/s, ''),
      ...(lastError !== undefined && { lastError }),
      body: maskedJson(JSON.parse(body)),
    };
  };

  app.get(
    '/console/undelivered',
    async ({ query }: FastifyRequest<{ Querystring: PageQuery }>): Promise<Paged<UndeliveredRow>> => {
      const { total, page } = await notifier.undelivered(undefined, pageOf(query));
      return { total, rows: page.map(rowOf) };
    },
  );
  app.post(
    '/console/undelivered/:id/resend',
    async ({ params }: FastifyRequest<{ Params: { id: string } }>, reply) =>
      (await notifier.resend(undefined, params.id.toLowerCase()))
        ? reply.code(204).send()
        : refuse(reply, 404, 'notFound', 'No such notification is undelivered.'),
  );
}
