import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { startTonearm, type Tonearm } from '../compose.ts';
import { type Config, readConfig } from '../config.ts';
import { DEFAULT_CALLBACK, DEFAULT_FILE, defaultApplication } from '../config-applications.ts';
import { readKeptApplications } from '../kept-applications.ts';
import { keepHeapsSmall } from './small-heaps.ts';

/**
 * Runs the server until SIGTERM or SIGINT, then drains and stops. Resolves with the exit code. Throws TonearmError for what keeps it from
 * starting (`badConfig` for the configuration). Logs are JSON lines on stderr.
 */
export async function serve(options: { readonly config?: string; readonly data?: string }): Promise<number> {
  // Keys, tokens and recordings are kept in the data folder: nobody else on this machine is to read them.
  process.umask(0o077);
  keepHeapsSmall();
  const read = readConfig({ file: options.config, env: process.env, data: options.data });
  // One that the command line made is enough; but whoever began with the default one keeps it.
  const isAlone = readKeptApplications(read.data).length === 0 || existsSync(join(read.data, DEFAULT_FILE));
  const { config, isNew } =
    read.applications.length === 0 && isAlone ? withDefaultApplication(read) : { config: read, isNew: false };
  const output = pino.destination({ dest: 2, sync: true });
  // A log that cannot be written, on a full disk or because nobody reads it any more, must not end the calls.
  output.on('error', () => {});
  const log = pino({ level: config.log.level, base: null }, output);
  const stop = stopSignal();
  const server = await startTonearm(config, log);
  // What scripts wait for.
  log.info({ http: server.publicUrl, sip: server.sip }, 'ready');
  if (options.config === undefined) console.log(greeting(server, isNew, config));
  if (server.console !== undefined) console.log(consoleGreeting(server.console));
  await stop;
  log.info({}, 'stopping: no new calls, running ones may finish');
  await server.close();
  log.info({}, 'stopped');
  return 0;
}

/** Without a configuration: one application that takes every call, and whose bot runs on this machine. */
export function withDefaultApplication(config: Config): { readonly config: Config; readonly isNew: boolean } {
  const { application, isNew } = defaultApplication(config.data);
  return {
    isNew,
    config: {
      ...config,
      applications: [application],
      callbacks: { ...config.callbacks, allowHttp: true },
      prompts: { ...config.prompts, allow: [...config.prompts.allow, new URL('/', DEFAULT_CALLBACK).href] },
    },
  };
}

function greeting(server: Tonearm, isNew: boolean, config: Config): string {
  const [application] = server.applications;
  const where = server.sip.map(
    ({ transport, address, port }) =>
      `sip:voicemail@${address}:${port}${transport === 'tcp' ? ';transport=tcp' : ''}`,
  );
  const secret = isNew ? application?.secret : `(in ${config.data}/default-application.json)`;
  return `
Tonearm takes calls.

  call         ${where.join('\n               ')}
               any softphone on this machine: no registration; Opus, G.722, PCMU or PCMA; keys as RFC 4733 or in the audio
               or a web page: ${server.publicUrl.replace(/^http/, 'ws')}/sip with JsSIP or SIP.js
  API          ${server.publicUrl}/beta/app/calls
  application  APP_ID=${application?.id}
               APP_SECRET=${secret}
  its bot      ${application?.callbackUri}   start the example one in another terminal:

    APP_ID=${application?.id} APP_SECRET=${isNew ? application?.secret : '…'} node examples/voicemail-bot/bot.mjs

Stop with Ctrl+C.
`;
}

/** The one time that the secret is shown. What is behind # stays in the browser. */
function consoleGreeting({ url, freshSecret }: NonNullable<Tonearm['console']>): string {
  return freshSecret === undefined
    ? `  console      ${url}   (its secret was shown at the first start; "tonearm console secret" makes a new one)\n`
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
