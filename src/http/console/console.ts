/** Everything of the console: its page, and the JSON of `/console/…` (wire.ts) for who is signed in. */
import type { FastifyPluginAsync } from 'fastify';
import { type ApplicationRoutesOptions, applicationRoutes } from './applications.ts';
import { type CallRoutesOptions, callRoutes } from './calls.ts';
import { type EventRoutesOptions, eventRoutes } from './event-routes.ts';
import { ofOurHost, ofOurPage, originOf, sessionOf, setCookie, signedIn } from './guard.ts';
import { pageRoutes } from './page.ts';
import { type RecordingRoutesOptions, recordingRoutes } from './recordings.ts';
import { type SignInOptions, signInRoute } from './sign-in.ts';
import { type UndeliveredRoutesOptions, undeliveredRoutes } from './undelivered.ts';
import type { Health, IceServer, Session } from './wire.ts';

export interface ConsoleOptions
  extends SignInOptions,
    ApplicationRoutesOptions,
    CallRoutesOptions,
    EventRoutesOptions,
    RecordingRoutesOptions,
    UndeliveredRoutesOptions {
  readonly health: () => Promise<Health>;
  /** Where the built page is. */
  readonly pageFolder: string;
  readonly version: string;
  readonly iceServers: readonly IceServer[];
}

export function consoleRoutes(options: ConsoleOptions): FastifyPluginAsync {
  const { publicUrl, version, iceServers, sessions } = options;
  return async (server) => {
    await server.register(pageRoutes({ publicUrl, folder: options.pageFolder }));
    await server.register(signInRoute(options));
    await server.register(async (app) => {
      app.decorateRequest('session', null);
      for (const check of [ofOurHost, ofOurPage, signedIn])
        app.addHook('onRequest', (request, reply) => check(request, reply, options));
      app.get('/console/session', async (request): Promise<Session> => {
        const { csrfToken } = sessionOf(request);
        const url = `${originOf(request, publicUrl, 'ws')}/sip`;
        return { version, publicUrl, csrfToken, webrtc: { url, iceServers } };
      });
      app.post('/console/sign-out', async (request, reply) => {
        sessionOf(request).end();
        return setCookie(request, reply, publicUrl, undefined).code(204).send();
      });
      applicationRoutes(app, options);
      callRoutes(app, options);
      recordingRoutes(app, options);
      undeliveredRoutes(app, options);
      app.get('/console/health', () => options.health());
      eventRoutes(app, options);
    });
    server.addHook('onClose', async () => sessions.close());
  };
}
