import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expected, rehearse } from './rehearsal.ts';

test('a worker’s call with itself goes as it is written, each time', async () => {
  assert.deepEqual(await rehearse(), expected);
  assert.deepEqual(await rehearse(), expected);
});
