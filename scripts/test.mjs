// Runs every test, from whatever state the checkout is in: installs the npm packages when they are missing or old,
// and the Debian packages that the interop tests drive, where that is possible. Plain JavaScript for any Node ≥ 18,
// because it also runs before the pinned Node.js is there.
//
//   npm test                      everything
//   npm test -- src/wire          only test files whose path contains one of the words
//   npm test -- --only-unit       without the tests in test/interop (no Debian packages needed)
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

/** Debian packages, what of them the tests use, and what is skipped without them. */
const DEBIAN = [
  ['sip-tester', '/usr/bin/sipp', 'calls placed by sipp'],
  ['baresip-core', '/usr/bin/baresip', 'calls placed by baresip'],
  ['linphone-cli', '/usr/bin/linphonec', 'calls placed by linphone'],
  ['sox', '/usr/bin/sox', 'WAV files made and read by sox'],
  ['openssl', '/usr/bin/openssl', 'DTLS handshakes with OpenSSL'],
  ['chromium', '/usr/bin/chromium', 'calls placed from web pages'],
  ['gcc', '/usr/bin/cc', 'the native RTP sockets'],
  ['libc6-dev', '/usr/include/stdlib.h', 'the native RTP sockets'],
  ['ffmpeg', '/usr/bin/ffmpeg', 'codecs checked against those of ffmpeg'],
  ['asterisk-core-sounds-en-wav', '/usr/share/asterisk/sounds/en_US_f_Allison', 'tests with real speech'],
  [
    'asterisk-core-sounds-en-g722',
    '/usr/share/asterisk/sounds/en_US_f_Allison/vm-intro.g722',
    'G.722 tests with real speech',
  ],
];

installNpmPackages();
if (!process.argv.includes('--only-unit')) installDebianPackages();
buildNative();
must(pinnedNode(), ['scripts/build-console.mjs']);
runTests();

function installNpmPackages() {
  const installed = join('node_modules', '.package-lock.json');
  const fresh = existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs;
  if (fresh && existsSync(pinnedNode())) return;
  console.log('Installing the npm packages (npm ci) …');
  must('npm', ['ci', '--no-audit', '--no-fund']);
  if (!existsSync(pinnedNode())) {
    fail(
      'The pinned Node.js is missing although npm ci went through: install scripts are switched off.\n' +
        'Switch them on for the package "node" (npm config set ignore-scripts false), then run npm ci again.',
    );
  }
}

function installDebianPackages() {
  const missing = DEBIAN.filter(([, path]) => !existsSync(path));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name);
  const canInstall =
    process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
  if (canInstall) {
    console.log(`Installing Debian packages: ${names.join(' ')} …`);
    const quiet = {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    };
    spawnSync('apt-get', ['update', '-qq'], quiet);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], quiet);
  }
  for (const [name, path, what] of DEBIAN) {
    if (!existsSync(path))
      console.log(`SKIPPED: ${what} (Debian package ${name} is not installed: apt-get install ${name})`);
  }
}

/** Optional, and tested where it can be built. */
function buildNative() {
  const [built, source] = [`native/build/rtp-sockets-${process.arch}.node`, 'native/rtp-sockets.c'];
  if (process.platform !== 'linux' || !existsSync('/usr/bin/cc') || !existsSync('/usr/include/stdlib.h'))
    return;
  if (existsSync(built) && statSync(built).mtimeMs >= statSync(source).mtimeMs) return;
  must(pinnedNode(), ['scripts/build-native.mjs']);
}

function runTests() {
  const words = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const files = testFiles().filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
  if (files.length === 0) fail(`No test file matches ${words.join(' ')}.`);
  const result = spawnSync(
    pinnedNode(),
    ['--test', '--test-concurrency=3', '--test-timeout=240000', ...files],
    { stdio: 'inherit' },
  );
  process.exit(result.status ?? 1);
}

/** Every test file, or all but those in test/interop. */
function testFiles() {
  const onlyUnit = process.argv.includes('--only-unit');
  return ['src', 'console', 'test', 'bench', 'examples', 'scripts']
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.test.ts') && !(onlyUnit && file.startsWith(join('test', 'interop'))))
    .sort();
}

function pinnedNode() {
  const version = JSON.parse(readFileSync('package.json', 'utf8')).dependencies.node;
  const path = join('node_modules', '.bin', 'node');
  if (!existsSync(path)) return path;
  const found = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.trim();
  return found === `v${version}` ? path : join('node_modules', `.no-node-${version}`);
}

function must(command, args) {
  const result = spawnSync(command, args, { stdio: 'inherit' });
  if (result.status !== 0) fail(`${command} ${args.join(' ')} failed.`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
