/** The application that the echo bot is: nobody has a secret of it, and it is told nothing over HTTP. */
import { type Application, type ApplicationDirectory, NOT_TOLD } from '../call/application.ts';

/** Of every server: calls and recordings that an earlier process left are known by it. */
export const ECHO_ID = 'ec400000-0000-4000-8000-000000000000';

/** The route by which it takes what no application does. */
const ANY = '*';

/** The applications and the echo bot: before them, or after them when `*` is among its routes. Without routes it is not there. */
export function withEcho<A extends Application>(
  applications: ApplicationDirectory<A>,
  routes: readonly string[],
): ApplicationDirectory {
  if (routes.length === 0) return applications;
  const echo = echoApplication(routes);
  let before: readonly Application[] | undefined;
  let all: readonly Application[] = [];
  return {
    all() {
      const others = applications.all();
      if (others !== before) all = routes.includes(ANY) ? [...others, echo] : [echo, ...others];
      before = others;
      return all;
    },
    get: (id) => (id === ECHO_ID ? echo : applications.get(id)),
  };
}

function echoApplication(routes: readonly string[]): Application {
  return {
    id: ECHO_ID,
    tenantId: ECHO_ID,
    name: 'Echo',
    roles: ['Calls.AccessMedia.All'],
    callbackUri: NOT_TOLD,
    dialect: 'app',
    speechSensitivity: 'normal',
    routes,
  };
}
