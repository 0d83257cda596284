#!/usr/bin/env node
import { keepHeapsSmall } from './cli/small-heaps.ts';

// Before anything else is loaded: that alone would grow the young generation to its fullest.
keepHeapsSmall();
const { run } = await import('./cli/run.ts');

process.exitCode = await run(process.argv);
