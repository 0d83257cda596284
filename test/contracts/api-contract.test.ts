/** Walks every row of every table of docs/contract.md: each is a case that runs, and no case is without a row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contractRows } from '../support/contract-tables.ts';
import { actionCases } from './api/actions.ts';
import { dialectCases } from './api/dialects.ts';
import { endingCases } from './api/endings.ts';
import { errorCases } from './api/errors.ts';
import { recordCases } from './api/record.ts';
import { resourceCases } from './api/resources.ts';

const cases = {
  ...dialectCases,
  ...actionCases,
  ...resourceCases,
  ...recordCases,
  ...endingCases,
  ...errorCases,
};
const rows = contractRows().map(({ name }) => name);

test('every row of the contract has a case, and every case a row', () => {
  assert.ok(rows.length > 60, 'the tables were found');
  assert.deepEqual(Object.keys(cases).sort(), [...rows].sort());
});

for (const name of rows) {
  const run = cases[name];
  if (run !== undefined) test(name, run);
}
