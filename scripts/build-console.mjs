// Builds the console's page, console/ → dist/console/, when it is missing or older than its sources; each file also
// compressed beside it. Plain JavaScript, as test.mjs is, whatever state the checkout is in.
//
//   node scripts/build-console.mjs            when it has to be; says nothing else
//   node scripts/build-console.mjs --anyway
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'dist', 'console');
const sources = ['console', 'package-lock.json', 'scripts/build-console.mjs'].map((path) => join(root, path));
const anyway = process.argv.includes('--anyway');

if (existsSync(sources[0]) && (anyway || isOld())) await build();

function isOld() {
  const page = join(target, 'index.html');
  return !existsSync(page) || newest(sources) > statSync(page).mtimeMs;
}

function newest(paths) {
  const times = paths.flatMap((path) => {
    const found = statSync(path);
    return [
      found.mtimeMs,
      found.isDirectory() ? newest(readdirSync(path).map((name) => join(path, name))) : 0,
    ];
  });
  return Math.max(0, ...times);
}

async function build() {
  const vite = await import('vite').catch(() => undefined);
  if (vite === undefined) {
    console.error('The console has no page: what builds it is not installed (npm install).');
    process.exit(anyway ? 1 : 0);
  }
  // Beside its place, and moved there whole: a server may be serving the one that is there, or another build be under way.
  const outDir = join(root, 'dist', `console-${process.pid}`);
  try {
    await vite.build({
      configFile: join(root, 'console', 'vite.config.ts'),
      logLevel: 'warn',
      build: { outDir },
    });
    for (const name of readdirSync(outDir, { recursive: true })) compress(join(outDir, name));
    rmSync(target, { recursive: true, force: true });
    renameSync(outDir, target);
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
}

function compress(file) {
  if (!/\.(html|js|css|svg)$/.test(file)) return;
  const content = readFileSync(file);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params }));
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
}
