/** A short run of every fuzz target, the same each time; `npm run fuzz` goes on for as long as one likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TARGETS } from './all-targets.ts';
import { fuzz, shown } from './run.ts';

const SEED = 20_261_101;
const SECONDS = 2.5;
const AT_LEAST = 20;

for (const target of TARGETS) {
  test(`${target.name}: ${target.about}`, async () => {
    try {
      const { finding } = await fuzz(target, { seed: SEED, seconds: SECONDS, atLeast: AT_LEAST });
      const what =
        finding && `--seed ${SEED} --case ${finding.number}: ${shown(finding.shrunk).slice(0, 2000)}`;
      assert.equal(finding, undefined, `${what}\n${finding?.error.stack}`);
    } finally {
      await target.close?.();
    }
  });
}
