import { join } from 'node:path';
import { type Config, readConfig } from '../config.ts';
import { withDefaultApplication } from './serve.ts';

/** The embedded default, in a folder of its own and on free ports, so that a demo disturbs no server that runs already. */
export function demoConfig(folder: string, botPort: number): Config {
  const { config } = withDefaultApplication(readConfig({ env: {}, data: join(folder, 'data') }));
  const bot = `http://127.0.0.1:${botPort}/`;
  return {
    ...config,
    http: { ...config.http, listen: { ...config.http.listen, port: 0 } },
    sip: { ...config.sip, listen: config.sip.listen.map((listen) => ({ ...listen, port: 0 })) },
    prompts: { ...config.prompts, allow: [bot] },
    console: { enabled: false },
    applications: config.applications.map((one) => ({ ...one, callbackUri: `${bot}api/calls` })),
  };
}
