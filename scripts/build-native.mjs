#!/usr/bin/env node
// Builds native/rtp-sockets.c, which is optional: faster RTP on Linux. Needs a C compiler and nothing else; the headers come with Node.js.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const home = join(dirname(process.execPath), '..');
// The second is where the npm package `node` has them.
const headers = [home, join(home, 'node_modules', `node-linux-${process.arch}`)]
  .map((folder) => join(folder, 'include', 'node'))
  .find((folder) => existsSync(join(folder, 'node_api.h')));
const compiler = process.env.CC ?? 'cc';

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (process.platform !== 'linux') fail('The native sockets are for Linux. Tonearm runs without them.');
if (headers === undefined)
  fail(`${process.execPath} has no node_api.h beside it: run this with the Node.js that npm ci installed.`);
const folder = join(root, 'native', 'build');
mkdirSync(folder, { recursive: true });
const built = join(folder, `rtp-sockets-${process.arch}.node`);
const temporary = `${built}.${process.pid}`;
const options = [
  '-shared',
  '-fPIC',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-fvisibility=hidden',
  `-I${headers}`,
];
const run = spawnSync(compiler, [...options, '-o', temporary, join(root, 'native', 'rtp-sockets.c')], {
  stdio: 'inherit',
});
if (run.error)
  fail(`There is no C compiler "${compiler}": install one (Debian: apt-get install gcc), or set CC.`);
if (run.status !== 0) fail('The native sockets were not built. Tonearm runs without them.');
renameSync(temporary, built);
console.log('The native sockets are built; Tonearm uses them from its next start on.');
