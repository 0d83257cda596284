// Lists every package that is installed with Tonearm, as CycloneDX JSON. It asks npm about a lock file that has no others:
// `npm sbom --omit dev` leaves out, too, what a development package may use as its optional peer.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-sbom-'));
try {
  const manifest = { ...read('package.json'), devDependencies: undefined };
  const { packages, ...lock } = read('package-lock.json');
  const shipped = Object.entries(packages).filter(([, { dev }]) => dev !== true);
  const root = { ...packages[''], devDependencies: undefined };
  write('package.json', manifest);
  write('package-lock.json', { ...lock, packages: { ...Object.fromEntries(shipped), '': root } });
  const { status } = spawnSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], {
    cwd: folder,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function read(file) {
  return JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));
}

function write(file, value) {
  writeFileSync(join(folder, file), JSON.stringify(value));
}
