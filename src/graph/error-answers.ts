/** How the server answers what none of its routes does (CONTRACT §5). */

import type { FastifyReply } from 'fastify';
import { clientRequestId, newRequestId, sendError, sendThrown } from './errors.ts';
import { describeError, type SchemaError } from './validation.ts';

export const errorAnswers = {
  notFound: (reply: FastifyReply): FastifyReply =>
    sendError(reply, 'pathNotFound', `There is nothing at ${reply.request.url.split('?')[0]}.`),
  thrown: sendThrown,
  describe: (errors: readonly object[]): Error => describeError(errors as readonly SchemaError[]),
  newRequestId,
  clientRequestId,
};
