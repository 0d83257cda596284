/** `GET /console/applications`: who takes calls, and how each is dialled. */
import type { FastifyInstance } from 'fastify';
import type { Application, ApplicationDirectory } from '../../call/application.ts';
import { createRouter } from '../../call/routing.ts';
import { maskedUrl } from '../../outbound/masked-url.ts';
import { parseSipUri } from '../../wire/sip-uri.ts';
import type { ApplicationRow } from './wire.ts';

export interface ApplicationRoutesOptions {
  readonly applications: ApplicationDirectory;
  /** Whether an application is the built-in test bot, which nobody is told about over HTTP. */
  readonly isBuiltIn: (applicationId: string) => boolean;
  readonly publicUrl: string;
}

export function applicationRoutes(app: FastifyInstance, options: ApplicationRoutesOptions): void {
  const { applications, isBuiltIn, publicUrl } = options;
  const route = createRouter(applications);
  const host = new URL(publicUrl).hostname;
  app.get(
    '/console/applications',
    async (): Promise<readonly ApplicationRow[]> =>
      applications.all().map((application) => {
        const { id, name, callbackUri, routes } = application;
        const reaches = (uri: string) => {
          const parsed = parseSipUri(uri);
          return parsed !== undefined && route(parsed)?.id === id;
        };
        const address = addressesOf(application, host).find(reaches);
        return {
          id,
          name,
          ...(!isBuiltIn(id) && { callbackUri: maskedUrl(callbackUri) }),
          routes,
          ...(address !== undefined && { address }),
        };
      }),
  );
}

/** What each route would take, as far as one can guess: a star becomes what stands for nothing in particular. */
function addressesOf({ name, routes }: Application, host: string): readonly string[] {
  const plainName =
    name
      .toLowerCase()
      .replace(/[^a-z\d]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'bot';
  return routes.map((route) => {
    const [user = '', domain = host] = route.replace(/^sips?:/i, '').split('@');
    // A number goes on with digits, seven of which make it as long as numbers are.
    const filling = user === '*' ? plainName : /^\+?[\d\-.() ]+\*$/.test(user) ? '5550100' : '';
    return `sip:${user.replace(/[ ()]/g, '').replaceAll('*', filling)}@${domain.replaceAll('*', host)}`;
  });
}
