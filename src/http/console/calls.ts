/** `/console/calls…`: what happened in calls, and doing to a live one what its bot could. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { refuse } from './guard.ts';
import type { Traces } from './traces.ts';
import { type TryOptions, tryOut } from './try.ts';

export interface CallRoutesOptions extends TryOptions {
  readonly traces: Traces;
}

type OfCall = FastifyRequest<{ Params: { id: string } }>;

const UNKNOWN = 'The call is not remembered, or not any more.';

export function callRoutes(app: FastifyInstance, options: CallRoutesOptions): void {
  const { traces } = options;
  const traceOf = ({ params }: OfCall) => traces.trace(params.id.toLowerCase());

  app.get('/console/calls', async () => traces.rows());
  app.get('/console/calls/:id', async (request: OfCall, reply) => {
    const trace = traceOf(request);
    return trace ?? refuse(reply, 404, 'callNotFound', UNKNOWN);
  });
  app.post('/console/calls/:id/try', async (request: OfCall, reply) => {
    const trace = traceOf(request);
    if (trace === undefined) return refuse(reply, 404, 'callNotFound', UNKNOWN);
    return (
      (await tryOut(app, trace.call, request.body, options)) ??
      refuse(
        reply,
        400,
        'badRequest',
        'The body must be { "method", "action", "body" } as the console sends it.',
      )
    );
  });
}
