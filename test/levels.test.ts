import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { test } from 'node:test';

/** The table of docs/architecture.md: imports go to a lower level, or stay in their folder. */
const LEVELS: Readonly<Record<string, number>> = {
  'main.ts': 5,
  'compose.ts': 5,
  'config.ts': 5,
  'config-applications.ts': 5,
  'config-callbacks.ts': 5,
  'config-console.ts': 5,
  'config-did-you-mean.ts': 5,
  'config-ice-servers.ts': 5,
  'config-lists.ts': 5,
  'config-mistakes.ts': 5,
  'config-settings.ts': 5,
  'config-trunks.ts': 5,
  'config-values.ts': 5,
  'config-weak-secrets.ts': 5,
  'kept-applications.ts': 5,
  'metrics.ts': 5,
  'open-console.ts': 5,
  'recording-keys.ts': 5,
  'tell-bots.ts': 5,
  'tls-files.ts': 5,
  'trace-calls.ts': 5,
  cli: 5,
  echo: 4,
  graph: 4,
  http: 4,
  call: 3,
  operation: 2,
  sip: 1,
  media: 1,
  recording: 1,
  access: 1,
  cluster: 1,
  store: 1,
  notify: 1,
  outbound: 0,
  wire: 0,
  'at-most.ts': 0,
  'clock.ts': 0,
  'errors.ts': 0,
  'log.ts': 0,
  'network-of.ts': 0,
};

const src = join(import.meta.dirname, '..', 'src');

test('every import goes to a lower level or stays in its folder', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.ts$/.test(file) && !/\.test\.ts$/.test(file),
  );
  assert.ok(files.length > 50, 'the sources were found');
  const wrong: string[] = [];
  for (const file of files) {
    const from = partOf(file);
    for (const [, target = ''] of readFileSync(join(src, file), 'utf8').matchAll(
      /(?:from|import)\s*\(?\s*'(\.[^']+)'/g,
    )) {
      const to = partOf(relative(src, join(src, dirname(file), target)));
      if (to === from || (level(from) === 5 && level(to) === 5)) continue;
      if (level(to) >= level(from))
        wrong.push(`${file} (level ${level(from)}) imports ${target} (level ${level(to)})`);
    }
  }
  assert.deepEqual(wrong, []);
});

function partOf(file: string): string {
  return file.split(sep)[0] ?? file;
}

function level(part: string): number {
  const found = LEVELS[part];
  assert.ok(found !== undefined, `src/${part} has no level: add it to the table`);
  return found;
}
