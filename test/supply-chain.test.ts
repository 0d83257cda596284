/** What comes with Tonearm: pinned, whole, and allowed to run nothing while it is installed but what package.json says. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly resolved?: string;
  readonly link?: boolean;
}

const root = join(import.meta.dirname, '..');
const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const manifest = read('package.json') as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
};
const { '': own, ...locked } = read('package-lock.json').packages as Readonly<Record<string, Locked>>;
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');

test('every dependency is pinned to one version, and the lock file says the same', () => {
  const { dependencies, devDependencies } = manifest;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
    assert.equal(locked[`node_modules/${name}`]?.version, version, name);
  }
  assert.deepEqual({ ...own, dependencies, devDependencies }, own);
});

test('every package is known by its hash, and comes from the registry, whichever that is', () => {
  assert.ok(Object.keys(locked).length > 50);
  for (const [path, { integrity, resolved, link }] of Object.entries(locked)) {
    assert.match(integrity ?? '', /^sha512-/, path);
    assert.deepEqual([resolved, link], [undefined, undefined], path);
  }
});

test('only what package.json allows runs a script while it is installed', () => {
  const scripted = Object.entries(locked)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => nameOf(path));
  const allowed = Object.entries(manifest.allowScripts)
    .filter(([, isAllowed]) => isAllowed)
    .map(([name]) => name);
  assert.deepEqual([...new Set(scripted)].sort(), allowed.sort());
});

test('npm run sbom lists every package that is installed with Tonearm, and no other', () => {
  const bom = JSON.parse(
    execFileSync('npm', ['run', '--silent', 'sbom'], { cwd: root, encoding: 'utf8', timeout: 60_000 }),
  ) as {
    readonly bomFormat: string;
    readonly components: readonly { readonly name: string; readonly group?: string }[];
  };
  assert.equal(bom.bomFormat, 'CycloneDX');
  const listed = new Set(bom.components.map(({ group, name }) => (group ? `${group}/${name}` : name)));
  for (const name of Object.keys(manifest.dependencies)) assert.ok(listed.has(name), name);
  const production = Object.entries(locked).filter(([, { dev }]) => dev !== true);
  for (const name of listed)
    assert.ok(
      production.some(([path]) => nameOf(path) === name),
      name,
    );
});
