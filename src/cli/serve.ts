import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { startTonearm, type Tonearm } from '../compose.ts';
import { type Config, readConfig } from '../config.ts';
import { DEFAULT_CALLBACK, DEFAULT_FILE, defaultApplication } from '../config-applications.ts';
import { warnOfWeakSecrets } from '../config-weak-secrets.ts';
import { readKeptApplications } from '../kept-applications.ts';

/**
 * Runs the server until SIGTERM or SIGINT, then drains and stops. Resolves with the exit code. Throws TonearmError for what keeps it from
 * starting (`badConfig` for the configuration). Logs are JSON lines on stderr.
 */
export async function serve(options: { readonly config?: string; readonly data?: string }): Promise<number> {
  // Keys, tokens and recordings are kept in the data folder: nobody else on this machine is to read them.
  process.umask(0o077);
  const read = readConfig({ file: options.config, env: process.env, data: options.data });
  // One that the command line made is enough; but whoever began with the default one keeps it.
  const isAlone = readKeptApplications(read.data).length === 0 || existsSync(join(read.data, DEFAULT_FILE));
  const isDefault = read.applications.length === 0 && isAlone;
  const { config, isNew } = isDefault ? withDefaultApplication(read) : { config: read, isNew: false };
  const output = pino.destination({ dest: 2, sync: true });
  // A log that cannot be written, on a full disk or because nobody reads it any more, must not end the calls.
  output.on('error', () => {});
  const log = pino({ level: config.log.level, base: null }, output);
  warnOfWeakSecrets(config, log);
  const stop = stopSignal();
  const server = await startTonearm(config, log);
  // What scripts wait for.
  log.info({ http: server.publicUrl, sip: server.sip }, 'ready');
  const { console: page } = server;
  if (isDefault)
    console.log(greeting(server, isNew, config, page === undefined ? '' : consoleGreeting(page)));
  else if (page !== undefined) console.log(consoleGreeting(page));
  await stop;
  log.info({}, 'stopping: no new calls, running ones may finish');
  await server.close();
  log.info({}, 'stopped');
  return 0;
}

/** Without a configuration: an application for a bot on this machine, and the built-in echo bot for every other call. */
export function withDefaultApplication(config: Config): { readonly config: Config; readonly isNew: boolean } {
  const { application, isNew } = defaultApplication(config.data);
  const echo = { enabled: config.echo.enabled ?? true, routes: [...config.echo.routes, '*'] };
  return {
    isNew,
    config: {
      ...config,
      applications: [echo.enabled ? application : { ...application, routes: ['*'] }],
      echo,
      callbacks: { ...config.callbacks, allowHttp: true },
      prompts: { ...config.prompts, allow: [...config.prompts.allow, new URL('/', DEFAULT_CALLBACK).href] },
    },
  };
}

function greeting(server: Tonearm, isNew: boolean, config: Config, page: string): string {
  const [application] = server.applications;
  const addresses = (user: string) =>
    server.sip.map(
      ({ transport, address, port }) =>
        `sip:${user}@${address}:${port}${transport === 'tcp' ? ';transport=tcp' : ''}`,
    );
  const list = (lines: readonly string[]) => lines.join('\n               ');
  const secret = isNew ? application?.secret : `(in ${config.data}/default-application.json)`;
  const echo = config.echo.enabled
    ? `
  try it       ${list(addresses('echo'))}
               the server itself answers: leave a message, hear it again`
    : '';
  return `
Tonearm takes calls.

${page}${echo}
  your bot     ${list(addresses('voicemail'))}
               any softphone on this machine: no registration; Opus, G.722, PCMU or PCMA; keys as RFC 4733, by INFO or in the audio
               or a web page: ${server.publicUrl.replace(/^http/, 'ws')}/sip with JsSIP or SIP.js
  API          ${server.publicUrl}/beta/app/calls
  application  APP_ID=${application?.id}
               APP_SECRET=${secret}
  is told at   ${application?.callbackUri}   start the example bot there, in another terminal:

    APP_ID=${application?.id} APP_SECRET=${isNew ? application?.secret : '…'} node examples/voicemail-bot/bot.mjs

Stop with Ctrl+C.
`;
}

/** The one time that the secret is shown. What is behind # stays in the browser. */
function consoleGreeting({ url, freshSecret }: NonNullable<Tonearm['console']>): string {
  return freshSecret === undefined
    ? `  console      ${url}   (its secret was shown once; "npm run console -- secret", or "tonearm console secret", makes a new one)\n`
    : `  console      ${url}#secret=${freshSecret}
               that link signs in; the secret, which is not shown again: ${freshSecret}
`;
}

/** Resolves at the first SIGTERM or SIGINT; a second one, whichever, ends the process at once: the next start does the rest. */
function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(1);
      asked = true;
      resolve();
    });
  }
  return promise;
}
