// npm run bench -- capacity [--seconds 5] [--max 3200]
import { Command, InvalidArgumentError } from 'commander';
import { capacity } from './capacity.ts';

const program = new Command('bench').description('One question each; prints a table and one JSON line.');

program
  .command('capacity')
  .description('How many recorded calls does one media worker carry, and what does a packet cost it?')
  .option('--seconds <n>', 'how long each step is measured', positive, 5)
  .option('--max <calls>', 'the most calls to try', positive, 3200)
  .action(capacity);

await program.parseAsync();

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}
