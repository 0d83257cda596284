import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

const root = join(import.meta.dirname, '..');

/** A checkout with what the page is built from; `build` says what the script said. */
function checkout(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-build-console-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'scripts'));
  for (const path of [
    'console',
    'src/http/console/wire.ts',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
  ])
    cpSync(join(root, path), join(folder, path), { recursive: true });
  cpSync(join(root, 'scripts/build-console.mjs'), join(folder, 'scripts/build-console.mjs'));
  return {
    folder,
    page: join(folder, 'dist/console/index.html'),
    build(...words: string[]) {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['scripts/build-console.mjs', ...words],
        { cwd: folder, encoding: 'utf8', timeout: 120_000 },
      );
      return { status, said: stdout + stderr };
    },
  };
}

/** With the packages that build it. */
function installed(t: TestContext) {
  const made = checkout(t);
  symlinkSync(join(root, 'node_modules'), join(made.folder, 'node_modules'));
  return made;
}

test('the page is built when it is missing, again when a source is newer, and not otherwise', (t) => {
  const { folder, page, build } = installed(t);
  assert.deepEqual(build(), { status: 0, said: '' });
  const html = readFileSync(page);
  assert.deepEqual(brotliDecompressSync(readFileSync(`${page}.br`)), html);
  assert.deepEqual(gunzipSync(readFileSync(`${page}.gz`)), html);
  assert.doesNotMatch(
    html.toString(),
    /<style|style=|<script(?![^>]* src=)|https?:/,
    'nothing inline, nothing of others',
  );

  const { mtimeMs } = statSync(page);
  assert.deepEqual(build(), { status: 0, said: '' });
  assert.equal(statSync(page).mtimeMs, mtimeMs);

  const later = new Date(mtimeMs + 5000);
  utimesSync(join(folder, 'console/src/console.css'), later, later);
  assert.deepEqual(build(), { status: 0, said: '' });
  assert.notEqual(statSync(page).mtimeMs, mtimeMs);
});

test('without what builds it a server starts without a page, and is told why', (t) => {
  const { page, build } = checkout(t);
  const { status, said } = build();
  assert.equal(status, 0);
  assert.match(said, /npm install/);
  assert.ok(!existsSync(page));
  assert.equal(build('--anyway').status, 1);
});
