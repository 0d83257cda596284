/** `tonearm app …`: the applications that the data folder keeps, beside those of the configuration. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { hashSecret, type SecretHash } from '../access/secrets.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { DEFAULT_FILE, defaultApplication, readApplication } from '../config-applications.ts';
import { readNamed } from '../config-mistakes.ts';
import { duration } from '../config-values.ts';
import { TonearmError } from '../errors.ts';
import { changeKeptApplications, type KeptApplication, readKeptApplications } from '../kept-applications.ts';
import { configOf, type Where, withWhere } from './where.ts';

interface Added extends Where {
  readonly name: string;
  readonly id?: string;
  readonly tenant?: string;
  readonly callbackUri: string;
  readonly role: readonly string[];
  readonly route: readonly string[];
  readonly dialect: string;
}

/** The command; every action rejects with TonearmError for what it can't do, and `print` gets what it has to say. */
export function appCommand(print: (text: string) => void): Command {
  const app = new Command('app').description(
    'the applications (bots) of a server; a running one sees changes',
  );
  const command = (name: string, about: string) => withWhere(app.command(name).description(about));
  const repeatable = (value: string, before: readonly string[]) => [...before, value];

  command('add', 'make an application; its secret is printed once')
    .requiredOption('--name <name>', 'what callers see when it calls')
    .requiredOption('--callback-uri <url>', 'where its bot is told of incoming calls')
    .option('--id <guid>', 'default: a new one')
    .option('--tenant <guid>', 'default: a new one')
    .option('--role <role>', 'Calls.AccessMedia.All or Calls.Initiate.All; may be repeated', repeatable, [])
    .option(
      '--route <pattern>',
      'called numbers and URIs that are its, such as "+1425*"; may be repeated',
      repeatable,
      [],
    )
    .option('--dialect <dialect>', 'of the notification of an incoming call: app or communications', 'app')
    .action(async (options: Added) => print(await add(options)));
  command('list', 'show them, without secrets')
    .option('--json', 'for programs')
    .action((options: Where & { json?: boolean }) => print(list(options)));
  command('rotate-secret <id>', 'give it a new secret, printed once')
    .option('--keep-old <duration>', 'how long the old one still works, such as 24h', '0s')
    .action(async (id: string, options: Where & { keepOld: string }) => print(await rotate(id, options)));
  command('remove <id>', 'its tokens open nothing from then on; its calls go on').action(
    (id: string, options: Where) => print(remove(id, options)),
  );
  return app;
}

async function add(options: Added): Promise<string> {
  const config = configOf(options);
  const secret = newSecret();
  const hashes: readonly SecretHash[] = [{ hash: await hashSecret(secret) }];
  const given = {
    id: options.id ?? randomUUID(),
    tenantId: options.tenant ?? randomUUID(),
    name: options.name,
    roles: options.role,
    callbackUri: options.callbackUri,
    dialect: options.dialect,
    routes: options.route,
    secretHash: hashes[0]?.hash,
  };
  const application: KeptApplication = {
    ...readApplication(given, 'application', {}, allowsHttp(config)),
    hashes,
  };
  const { id, tenantId } = application;
  changeKeptApplications(config.data, (kept) => {
    if ([...config.applications, ...kept].some((one) => one.id === id))
      throw new TonearmError(
        'badConfig',
        `There is an application ${id} already: give another --id, or none.`,
      );
    return [...kept, application];
  });
  return `APP_ID=${id}\nTENANT_ID=${tenantId}\nAPP_SECRET=${secret}`;
}

function list(options: Where & { readonly json?: boolean }): string {
  const config = configOf(options);
  // Of a server without a configuration.
  const hasDefault = config.applications.length === 0 && existsSync(join(config.data, DEFAULT_FILE));
  const made = hasDefault ? [defaultApplication(config.data).application] : [];
  const rows = [
    ...made.map((one) => ({ ...one, from: 'made at the first start' })),
    ...config.applications.map((one) => ({ ...one, from: 'configuration' })),
    ...readKeptApplications(config.data).map((one) => ({ ...one, from: 'data folder' })),
  ].map(({ secret: _, hashes: __, ...rest }) => rest);
  if (options.json) return JSON.stringify(rows, undefined, 2);
  const lines = rows.map(({ id, name, dialect, roles, routes, callbackUri, from }) =>
    [
      `${id}  ${name}  (${from})`,
      `  ${dialect}, ${callbackUri}`,
      `  roles: ${roles.join(', ')}`,
      `  routes: ${routes.join(', ')}`,
    ].join('\n'),
  );
  return lines.length === 0
    ? 'There is no application: make one with "tonearm app add".'
    : lines.join('\n\n');
}

async function rotate(id: string, options: Where & { readonly keepOld: string }): Promise<string> {
  const keepOldMs = keepFor(options.keepOld);
  const config = configOf(options);
  const secret = newSecret();
  const hash = await hashSecret(secret);
  const now = systemClock.now();
  change(config, id, (application) => {
    const old = application.hashes
      .map(({ hash, until = Infinity }) => ({ hash, until: Math.min(until, now + keepOldMs) }))
      .filter(({ until }) => until > now);
    return [{ ...application, hashes: [{ hash }, ...old] }];
  });
  return `APP_SECRET=${secret}`;
}

function remove(id: string, options: Where): string {
  change(configOf(options), id, () => []);
  return `${id} is removed.`;
}

/** Throws TonearmError `badConfig` when the data folder keeps no such application. */
function change(
  config: Config,
  id: string,
  to: (application: KeptApplication) => readonly KeptApplication[],
): void {
  const wanted = id.toLowerCase();
  changeKeptApplications(config.data, (kept) => {
    if (!kept.some((one) => one.id === wanted)) {
      const configured = config.applications.some((one) => one.id === wanted);
      throw new TonearmError(
        'badConfig',
        configured
          ? `${id} is in the configuration: change it there.`
          : `There is no application ${id} in ${config.data}; "tonearm app list" shows those that there are.`,
      );
    }
    return kept.flatMap((one) => (one.id === wanted ? to(one) : [one]));
  });
}

/** As the server will: one that made an application for itself allows it. */
function allowsHttp(config: Config): boolean {
  return config.callbacks.allowHttp || existsSync(join(config.data, DEFAULT_FILE));
}

function keepFor(text: string): number {
  return readNamed(duration(0, 31_536_000), text, '--keep-old');
}

function newSecret(): string {
  return randomBytes(24).toString('base64url');
}
