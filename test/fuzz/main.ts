// npm run fuzz -- [target…] [--seconds 60] [--seed N] [--case N] [--input FILE]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { TARGETS } from './all-targets.ts';
import { defectOf, type Finding, fuzz, shown } from './run.ts';
import type { Target } from './target.ts';

const FINDINGS = 'fuzz-findings';

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly case?: number;
  readonly input?: string;
}

const list = TARGETS.map(({ name, about }) => `  ${name.padEnd(9)} ${about}`).join('\n');
await new Command('fuzz')
  .description(`Gives what takes bytes from strangers such bytes as nobody thought of.\n\n${list}`)
  .argument('[targets...]', 'which ones; default: all')
  .option('--seconds <n>', 'how long in all', whole, 60)
  .option(
    '--seed <n>',
    'the same seed makes the same inputs; default: another one each time',
    whole,
    Date.now() % 1e9,
  )
  .option('--case <n>', 'only this case of the seed', whole)
  .option('--input <file>', 'only this input')
  .action(run)
  .parseAsync();

async function run(names: readonly string[], { seconds, seed, case: only, input }: Options): Promise<void> {
  const targets = names.length === 0 ? TARGETS : names.map(byName);
  if (input !== undefined) return runInput(targets, readFileSync(input));
  console.log(`seed ${seed}`);
  for (const target of targets) {
    const limits = only === undefined ? { seconds: seconds / targets.length } : { from: only, cases: 1 };
    try {
      const { cases, slowestMs, finding } = await fuzz(target, { seed, ...limits });
      const slowest = `the slowest in ${slowestMs.toFixed(1)} ms`;
      console.log(`${target.name.padEnd(9)} ${String(cases).padStart(9)} cases, ${slowest}`);
      if (finding !== undefined) report(finding);
    } finally {
      await target.close?.();
    }
  }
}

async function runInput(targets: readonly Target[], input: Buffer): Promise<void> {
  for (const target of targets) {
    const error = await defectOf(target, input);
    console.log(`${target.name}: ${error === undefined ? 'nothing' : error.stack}`);
    if (error !== undefined) process.exitCode = 1;
    await target.close?.();
  }
}

function report({ target, seed, number, input, shrunk, error }: Finding): void {
  mkdirSync(FINDINGS, { recursive: true });
  const file = join(FINDINGS, `${target}-${seed}-${number}`);
  writeFileSync(file, input);
  console.log(`  FOUND in ${target}, --seed ${seed} --case ${number}, kept in ${file}`);
  console.log(`  ${error.stack?.slice(0, 1000)}`);
  console.log(`  shrunk from ${input.length} to ${shrunk.length} bytes: ${shown(shrunk).slice(0, 1000)}`);
  process.exitCode = 1;
}

function byName(name: string): Target {
  const found = TARGETS.find((target) => target.name === name);
  if (found === undefined) throw new InvalidArgumentError(`There is no target ${name}; there are:\n${list}`);
  return found;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError('It must be a whole number from 0.');
  return value;
}
