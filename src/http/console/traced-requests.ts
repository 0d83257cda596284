/** What bots ask of calls over HTTP, and what they are answered, for the traces of those calls. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../clock.ts';
import { maskedHeaders, maskedPath } from './masks.ts';
import { shownJson } from './shown-json.ts';
import type { Happened, TraceFeed } from './traces.ts';

/** Longer bodies are no calls' answers: they are not kept until it is known whose they are. */
const MOST_ANSWER = 262_144;

/** What is known of a request until it is answered: its body before it is validated, and the answer. */
interface Exchange {
  readonly began: number;
  body: string;
  answer: string;
}

/** `plugins` as they are; `undefined`: nobody traces. A call is known by its id in the path, or by the answer that it was made with. */
export function traceRequests(
  traces: TraceFeed | undefined,
  clock: Clock,
  plugins: readonly FastifyPluginAsync[],
): FastifyPluginAsync {
  return async (app) => {
    if (traces !== undefined) {
      const exchanges = new WeakMap<FastifyRequest, Exchange>();
      app.addHook('onRequest', async (request) => {
        exchanges.set(request, { began: clock.now(), body: '', answer: '' });
      });
      app.addHook('preValidation', async (request) => {
        const exchange = exchanges.get(request);
        const callId = callIdOf(request);
        if (exchange === undefined || request.body === undefined) return;
        // Afterwards defaults are filled in.
        if (callId === undefined || traces.wants(callId)) exchange.body = JSON.stringify(request.body);
      });
      app.addHook('onSend', async (request, _reply, payload) => {
        const exchange = exchanges.get(request);
        if (exchange !== undefined && typeof payload === 'string' && payload.length <= MOST_ANSWER)
          exchange.answer = payload;
      });
      app.addHook('onResponse', async (request, reply) => {
        const exchange = exchanges.get(request);
        if (exchange !== undefined) record(traces, request, reply, exchange);
      });
    }
    for (const plugin of plugins) await app.register(plugin);
  };
}

function record(traces: TraceFeed, request: FastifyRequest, reply: FastifyReply, exchange: Exchange): void {
  const callId = callIdOf(request);
  const happened = () => requestHappened(request, reply, exchange);
  if (callId !== undefined) return traces.add(callId, happened);
  const id = reply.statusCode === 201 ? idIn(exchange.answer) : undefined;
  if (id !== undefined) traces.addEarly(id, happened);
}

/** As the routes have it: with dashes, in lower case, once their own hooks have run. */
function callIdOf(request: FastifyRequest): string | undefined {
  return (request.params as { readonly callId?: string } | undefined)?.callId;
}

/** The id of what was made. */
function idIn(answer: string): string | undefined {
  try {
    const { id } = JSON.parse(answer) as { readonly id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

function requestHappened(
  { method, url, headers }: FastifyRequest,
  { statusCode: status, elapsedTime }: FastifyReply,
  { began, body, answer }: Exchange,
): Happened {
  const sent = shownJson(body);
  const answered = shownJson(answer);
  return {
    detail: {
      kind: 'request',
      method,
      path: maskedPath(url),
      headers: maskedHeaders(headers),
      ...(sent !== undefined && { body: sent }),
      status,
      ...(answered !== undefined && { answer: answered }),
      ms: Math.round(elapsedTime),
    },
    error: status < 400 ? undefined : `${status}${messageOf(answered)}`,
    at: began,
  };
}

/** As Graph tells of errors. */
function messageOf(answer: unknown): string {
  const { error } = (answer ?? {}) as {
    readonly error?: { readonly code?: unknown; readonly message?: unknown };
  };
  return error === undefined ? '' : ` ${error.code}: ${error.message}`;
}
