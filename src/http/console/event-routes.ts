/** `GET /console/events`: what happens, as it happens, to who looks. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../../clock.ts';
import { type EventReader, openReader } from './event-reader.ts';
import { refuse, sessionOf } from './guard.ts';
import type { Traces } from './traces.ts';
import type { Watchers } from './watchers.ts';

export interface EventRoutesOptions {
  readonly traces: Traces;
  readonly watchers: Watchers;
  readonly clock: Clock;
}

const MOST_READERS = 50;
const MOST_OF_A_SESSION = 10;

type Asking = FastifyRequest<{ Querystring: { call?: string } }>;

export function eventRoutes(app: FastifyInstance, { traces, watchers, clock }: EventRoutesOptions): void {
  const readers = new Map<EventReader, unknown>();
  // Before anything else: a server that closes waits for answers that are under way.
  app.addHook('preClose', async () => {
    for (const reader of readers.keys()) reader.end();
  });

  app.get('/console/events', async (request: Asking, reply) => {
    const session = sessionOf(request);
    const own = [...readers.values()].filter((one) => one === session).length;
    if (readers.size >= MOST_READERS || own >= MOST_OF_A_SESSION)
      return refuse(reply.header('retry-after', 10), 503, 'unavailable', 'Too many read events already.');
    const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };
    reply.hijack();
    reply.raw.writeHead(200, headers as Record<string, string>);
    const reader = openReader(reply.raw, clock, session.touch);
    const leave = watchers.enter(reader);
    readers.set(reader, session);
    reader.ended.addEventListener('abort', () => {
      readers.delete(reader);
      leave();
      session.ended.removeEventListener('abort', reader.end);
    });
    session.ended.addEventListener('abort', reader.end);
    if (request.headers['last-event-id'] !== undefined) reader.send('reset', {});
    const call = typeof request.query.call === 'string' ? request.query.call.toLowerCase() : undefined;
    for await (const { event, data } of traces.events(call, reader.ended)) {
      reader.send(event, data);
      // While he is behind, what is new waits in the traces, which have a bound of their own.
      await reader.ready();
    }
    return reply;
  });
}
