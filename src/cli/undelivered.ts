/** `tonearm undelivered …`: what bots would not take, in the data folder of a server that runs or not. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { TonearmError } from '../errors.ts';
import type { StoredNotification } from '../notify/outbox.ts';
import { OUTBOX_FILE, openSqliteOutbox, type SqliteOutbox } from '../notify/sqlite-outbox.ts';
import { maskedUrl } from '../outbound/masked-url.ts';
import { configOf, type Where, withWhere } from './where.ts';

interface Which extends Where {
  readonly application?: string;
}

const PAGE = 1000;

/** The command; every action throws TonearmError for what it can't do, and `print` gets what it has to say. */
export function undeliveredCommand(print: (text: string) => void): Command {
  const undelivered = new Command('undelivered').description(
    'the notifications that bots would not take; a running server sees changes',
  );
  const command = (name: string, about: string) =>
    withWhere(undelivered.command(name).description(about)).option(
      '--application <id>',
      'those of one application only',
    );

  command('list', 'show them, oldest first, without what they say')
    .option('--json', 'for programs')
    .action((options: Which & { json?: boolean }) =>
      print(withOutbox(options, (outbox) => list(outbox, options))),
    );
  command('resend [ids...]', 'send some of them again, or --all')
    .option('--all', 'every one that list shows')
    .action((ids: readonly string[], options: Which & { all?: boolean }) =>
      print(withOutbox(options, (outbox) => resend(outbox, ids, options))),
    );
  return undelivered;
}

function list(outbox: SqliteOutbox, options: Which & { readonly json?: boolean }): string {
  const rows = [...all(outbox, options)].map(
    ({ id, applicationId, lane, sequence, target, createdAt, attempts, lastError }) => ({
      ...{ id, applicationId, callId: lane, sequence, callbackUri: maskedUrl(target) },
      ...{ createdDateTime: new Date(createdAt).toISOString(), attempts, lastError },
    }),
  );
  if (options.json) return JSON.stringify(rows, undefined, 2);
  if (rows.length === 0) return 'Every notification was received, or is still tried.';
  return rows
    .map((row) =>
      [
        `${row.id}  ${row.createdDateTime}  number ${row.sequence} of call ${row.callId}`,
        `  ${row.callbackUri}: ${row.lastError} (${row.attempts} attempts)`,
      ].join('\n'),
    )
    .join('\n');
}

function resend(
  outbox: SqliteOutbox,
  ids: readonly string[],
  options: Which & { readonly all?: boolean },
): string {
  if ((ids.length === 0) === (options.all !== true))
    throw new TonearmError('badArguments', 'Give the ids of notifications, or --all.');
  const known = new Map(
    [...all(outbox, options)].map(({ id, applicationId }) => [id, applicationId] as const),
  );
  const wanted = options.all === true ? [...known.keys()] : ids.map((id) => id.toLowerCase());
  const unknown = wanted.filter((id) => !known.has(id));
  if (unknown.length > 0)
    throw new TonearmError('badArguments', `No such notification is undelivered: ${unknown.join(', ')}.`);
  const revived = wanted.filter((id) => outbox.revive(known.get(id) ?? '', id) !== undefined);
  return `To be sent again: ${revived.length}. A running server does so within two seconds, another when it starts.`;
}

/** Page by page, those that are there from the beginning on. */
function* all(outbox: SqliteOutbox, { application }: Which): Generator<StoredNotification> {
  const applications =
    application === undefined ? outbox.applicationsWithUndelivered() : [application.toLowerCase()];
  for (const one of applications) {
    let [skip, total] = [0, 1];
    for (; skip < total; skip += PAGE) {
      const found = outbox.undelivered(one, { skip, top: PAGE });
      total = found.total;
      yield* found.page;
    }
  }
}

function withOutbox<T>(where: Where, use: (outbox: SqliteOutbox) => T): T {
  const folder = configOf(where).data;
  const file = join(folder, OUTBOX_FILE);
  if (!existsSync(file))
    throw new TonearmError(
      'dataFolder',
      `No server has run with the data folder ${folder}. Name another with --data.`,
    );
  const outbox = openSqliteOutbox(file);
  try {
    return use(outbox);
  } finally {
    outbox.close();
  }
}
