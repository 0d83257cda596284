// Lists every package that is installed with Tonearm, as CycloneDX, on stdout. `npm sbom --omit dev` leaves out what a package for
// development could use as well (vite names yaml as an optional peer), so what is for development alone is left out here.
import { execFileSync } from 'node:child_process';

const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
const bom = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', maxBuffer: 1 << 26 }));
const isForDevelopment = ({ properties = [] }) =>
  properties.some(({ name }) => name === 'cdx:npm:package:development');
const components = bom.components.filter((component) => !isForDevelopment(component));
const refs = new Set([bom.metadata.component, ...components].map((component) => component['bom-ref']));
const dependencies = bom.dependencies
  .filter(({ ref }) => refs.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) }));
console.log(JSON.stringify({ ...bom, components, dependencies }, null, 2));
