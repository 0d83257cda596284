/** `tonearm console …`: the web console's secret, beside a running server or without one. */
import { mkdirSync } from 'node:fs';
import { Command } from 'commander';
import { reasonOf, TonearmError } from '../errors.ts';
import { renewAdminSecret } from '../http/console/admin-secret.ts';
import { configOf, type Where, withWhere } from './where.ts';

/** The command; every action rejects with TonearmError for what it can't do, and `print` gets what it has to say. */
export function consoleCommand(print: (text: string) => void): Command {
  const console = new Command('console').description('the web console of a server');
  withWhere(
    console
      .command('secret')
      .description(
        'make a new secret for signing in, when the other one was lost; whoever is signed in is signed out',
      ),
  ).action(async (where: Where) => {
    const { data } = configOf(where);
    try {
      mkdirSync(data, { recursive: true, mode: 0o700 });
    } catch (thrown) {
      throw new TonearmError('dataFolder', `The data folder ${data} can't be made: ${reasonOf(thrown)}.`);
    }
    const secret = await renewAdminSecret(data);
    print(
      `The console's secret is now:\n\n  ${secret}\n\nIt is not shown again. A running server takes it at once; sessions end within two seconds.`,
    );
  });
  return console;
}
