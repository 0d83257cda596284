/** How many requests an application may make: one budget for every plugin that is registered behind it. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { authenticate, grantOf } from './authentication.ts';
import { Refused } from './errors.ts';
import type { Tokens } from './tokens.ts';

const MINUTE_MS = 60_000;

/**
 * `plugins` as they are, but for a budget a minute that each application has for all of their routes together. Over it the answer is
 * 429 with Retry-After. `undefined`: no limit.
 */
export function limitRequests(
  perMinute: number | undefined,
  plugins: readonly FastifyPluginAsync[],
): FastifyPluginAsync {
  return async (app) => {
    if (perMinute !== undefined) {
      await app.register(rateLimit, {
        global: false,
        max: perMinute,
        timeWindow: MINUTE_MS,
        keyGenerator: (request) => grantOf(request).application.id,
        // Of its headers Retry-After is the one that the API promises.
        addHeaders: {
          'x-ratelimit-limit': false,
          'x-ratelimit-remaining': false,
          'x-ratelimit-reset': false,
        },
        addHeadersOnExceeding: {
          'x-ratelimit-limit': false,
          'x-ratelimit-remaining': false,
          'x-ratelimit-reset': false,
        },
        errorResponseBuilder: (_request, { max, after }) =>
          new Refused(
            'tooManyRequests',
            `At most ${max} requests a minute are taken: try again in ${after}.`,
          ),
      });
    }
    for (const plugin of plugins) await app.register(plugin);
  };
}

/** Lets nobody in without a token (CONTRACT §6), and counts against the limit where there is one. */
export function admitApplications(app: FastifyInstance, tokens: Tokens): void {
  app.decorateRequest('grant', null);
  app.addHook('onRequest', (request, reply) => authenticate(request, reply, tokens));
  if (app.hasDecorator('rateLimit')) app.addHook('onRequest', app.rateLimit());
}
