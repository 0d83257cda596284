import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from './run.ts';

const WRONG = ['serve --konfig x', 'serve --config', 'no-such-command', 'app no-such-command', 'call', ''];

for (const words of WRONG)
  test(`tonearm ${words}: a command line that is wrong ends with 2`, async (t) => {
    // What is told then is commander's, and said to whoever typed it.
    t.mock.method(process.stderr, 'write', () => true);
    assert.equal(await run(['node', 'tonearm', ...words.split(' ').filter(Boolean)]), 2);
  });

for (const words of ['--help', 'serve --help', 'app --help'])
  test(`tonearm ${words} is no error`, async (t) => {
    t.mock.method(process.stdout, 'write', () => true);
    assert.equal(await run(['node', 'tonearm', ...words.split(' ')]), 0);
  });
