import type { Command } from 'commander';
import { type Config, readConfig } from '../config.ts';

/** Which server a command is about, as its options have it. */
export interface Where {
  readonly config?: string;
  readonly data?: string;
}

/** Adds the options of Where. */
export function withWhere(command: Command): Command {
  return command
    .option('--config <file>', 'configuration, as for serve')
    .option('--data <folder>', 'data folder, as for serve');
}

/** Throws TonearmError `badConfig`. */
export function configOf({ config: file, data }: Where): Config {
  return readConfig({ file, env: process.env, data });
}
