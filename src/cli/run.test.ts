import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('a configuration that is wrong ends with 2, and each of its mistakes is a line', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-run-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'tonearm.yaml');
  writeFileSync(config, 'http: { lisen: 127.0.0.1:0, maxConnections: 1 }');
  const told = t.mock.method(console, 'error', () => {});
  assert.equal(await run(['node', 'tonearm', 'app', 'list', '--config', config, '--data', '']), 2);
  assert.deepEqual(
    told.mock.calls.map(({ arguments: [line] }) => line),
    [
      'tonearm: http.lisen is not a setting. Did you mean http.listen?',
      'tonearm: http.maxConnections is "1"; it must be a whole number from 16 to 1000000.',
      'tonearm: --data is ""; it must be the path of a folder.',
    ],
  );
});
