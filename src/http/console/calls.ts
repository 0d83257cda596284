/** `/console/calls…`: what happened in calls, and doing to a live one what its bot could. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { nameFile } from '../recording-answers.ts';
import { callAsHttp, callAsJson } from './exported-call.ts';
import { refuse } from './guard.ts';
import type { Traces } from './traces.ts';
import { type TryOptions, tryOut } from './try.ts';

export interface CallRoutesOptions extends TryOptions {
  readonly traces: Traces;
}

type OfCall = FastifyRequest<{ Params: { id: string }; Querystring: { format?: string } }>;

const UNKNOWN = 'The call is not remembered, or not any more.';

export function callRoutes(app: FastifyInstance, options: CallRoutesOptions): void {
  const { traces, publicUrl } = options;
  const traceOf = ({ params }: OfCall) => traces.trace(params.id.toLowerCase());

  app.get('/console/calls', async () => traces.rows());
  app.get('/console/calls/:id', async (request: OfCall, reply) => {
    const trace = traceOf(request);
    return trace ?? refuse(reply, 404, 'callNotFound', UNKNOWN);
  });
  app.get('/console/calls/:id/export', async (request: OfCall, reply) => {
    const trace = traceOf(request);
    if (trace === undefined) return refuse(reply, 404, 'callNotFound', UNKNOWN);
    const isHttp = request.query.format === 'http';
    const contentType = isHttp ? 'text/plain; charset=utf-8' : 'application/json';
    nameFile(reply, { contentType, fileName: `call-${trace.call.id}.${isHttp ? 'http' : 'json'}` });
    return isHttp ? callAsHttp(trace, publicUrl) : callAsJson(trace);
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
