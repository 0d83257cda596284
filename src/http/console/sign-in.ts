/** Signing in with the admin secret, and out. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { createFailedLogins } from '../../access/failed-logins.ts';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { AdminSecret } from './admin-secret.ts';
import { type GuardOptions, ofOurHost, ofOurPage, refuse, setCookie } from './guard.ts';
import type { SignIn } from './wire.ts';

export interface SignInOptions extends GuardOptions {
  readonly secret: Pick<AdminSecret, 'check'>;
  readonly clock: Clock;
  readonly log: Log;
}

const NOTE_EVERY_MS = 10_000;

/** `POST /console/sign-in`: the one route of the console that is open to who is not signed in. */
export function signInRoute(options: SignInOptions): FastifyPluginAsync {
  const { secret, sessions, publicUrl, clock, log } = options;
  const failures = createFailedLogins(clock);
  let refused = 0;
  let notedAt = -Infinity;
  /** Now and then: whoever guesses is not to fill the disk. */
  const noteRefused = (request: FastifyRequest) => {
    refused++;
    if (notedAt + NOTE_EVERY_MS > clock.monotonic()) return;
    notedAt = clock.monotonic();
    log.info({ ...eventOf(request), outcome: 'refused', attempts: refused }, 'audit');
    refused = 0;
  };
  return async (app) => {
    app.addHook('onRequest', (request, reply) => ofOurHost(request, reply, options));
    app.addHook('onRequest', (request, reply) => ofOurPage(request, reply, options));
    app.post('/console/sign-in', async (request, reply) => {
      const wait = failures.waitFor(request.ip);
      if (wait > 0) {
        const message = `Too many sign-ins from this address have failed. Try again in ${wait} s.`;
        return refuse(reply.header('retry-after', wait), 429, 'tooManyRequests', message);
      }
      const given = (Object(request.body) as Partial<SignIn>).secret;
      if (typeof given !== 'string' || given.length > 1000)
        return refuse(reply, 400, 'badRequest', 'The body must be { "secret": "…" }.');
      const right = await secret.check(given);
      if (right === 'busy')
        return refuse(reply.header('retry-after', 2), 429, 'tooManyRequests', 'Too many sign in. Try again.');
      if (!right) {
        failures.failed(request.ip);
        noteRefused(request);
        return refuse(reply, 401, 'wrongSecret', 'That is not the console’s secret.');
      }
      log.info({ ...eventOf(request), outcome: 'done' }, 'audit');
      return setCookie(request, reply, publicUrl, sessions.begin().token).code(204).send();
    });
  };
}

function eventOf({ ip, id }: FastifyRequest) {
  return { event: 'consoleSignIn', remote: ip, requestId: id };
}
