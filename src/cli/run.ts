import { Command, CommanderError } from 'commander';
import { describeSettings } from '../config-settings.ts';
import { reasonOf, TonearmError } from '../errors.ts';
import { appCommand } from './app.ts';
import { callCommand } from './call.ts';
import { consoleCommand } from './console.ts';
import { demo } from './demo.ts';
import { serve } from './serve.ts';
import { undeliveredCommand } from './undelivered.ts';

const OLDEST_NODE = 24;
/** Errors that are the operator's to put right in the configuration or the command line. */
const WRONG_ASKED = new Set(['badConfig', 'badCall', 'badTarget', 'noSound']);

/** The command line. Resolves with the exit code: 0 after a clean stop, 2 for a bad configuration or command line, 1 for the rest. */
export async function run(argv: readonly string[]): Promise<number> {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    console.error(
      `Tonearm needs Node.js ${OLDEST_NODE} or newer and runs on ${process.versions.node}. "npm ci" installs the right one beside it ` +
        '(package "node"); when npm runs without install scripts, that package is empty: npm rebuild node --ignore-scripts=false',
    );
    return 1;
  }
  let code = 0;
  const program = new Command('tonearm').description('A self-hosted voice server for calling bots.');
  program
    .command('serve')
    .description('start the server; stops cleanly on SIGTERM and SIGINT')
    .option(
      '--config <file>',
      'configuration, YAML (default: everything on loopback, one application made for you)',
    )
    .option('--data <folder>', 'where records, recordings and keys are kept (default: ./tonearm-data)')
    .addHelpText('after', () => `\n${settingsHelp()}`)
    .action(async (options: { config?: string; data?: string }) => {
      code = await serve(options);
    });
  program
    .command('demo')
    .description('a server, the example voicemail bot and a scripted call; leaves demo.wav')
    .action(async () => {
      code = await demo();
    });
  program.addCommand(appCommand((text) => console.log(text)));
  program.addCommand(consoleCommand((text) => console.log(text)));
  program.addCommand(undeliveredCommand((text) => console.log(text)));
  program.addCommand(
    callCommand(
      (text) => console.log(text),
      (result) => {
        code = result;
      },
    ),
  );
  throwInsteadOfExit(program);
  try {
    await program.parseAsync(argv as string[]);
  } catch (thrown) {
    // What is wrong with the command line is told already, or was no error but --help.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    // A line for each mistake of a configuration.
    for (const line of reasonOf(thrown).split('\n')) console.error(`tonearm: ${line}`);
    return thrown instanceof TonearmError && WRONG_ASKED.has(thrown.code) ? 2 : 1;
  }
  return code;
}

/** What is wrong with a command line is ours to give a code. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const one of command.commands) throwInsteadOfExit(one);
}

/** Every setting: its key in the file, its environment variable, what it means, and what it is when nobody says. */
function settingsHelp(): string {
  const rows = describeSettings().map(
    ({ key, variable, about, fallback }) =>
      `  ${key}  (${variable})\n      ${about}${fallback === '' ? '' : `; default ${fallback}`}`,
  );
  return `Settings, in the file or the environment:\n${rows.join('\n')}\n  applications  (TONEARM_APPLICATIONS)\n      the bots: see the README\n  trunks  (TONEARM_TRUNKS)\n      the way to phone numbers: see the README`;
}
