import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operationStage, recordSpec } from '../../test/support/operation-stage.ts';
import { press, quiet, speech, steps } from '../../test/support/scripted-line.ts';

test('a recording tells when the caller spoke, and what came of the packets', async () => {
  const stage = operationStage([
    ...quiet(400),
    ...speech(1000),
    ...quiet(500),
    ...speech(300),
    ...quiet(3000),
  ]);
  await stage.run(recordSpec({ maxSilenceMs: 2000 })).ended;
  assert.deepEqual(stage.reports, [
    {
      speechStartMs: 400,
      speechEndMs: 2200,
      noiseFloorDbov: -62,
      packetsExpected: 210,
      packetsReceived: 210,
      packetsLate: 0,
      concealedMs: 2900,
    },
  ]);
});

test('the end of speech is the last word, not where the end-pointer was sure of it', async () => {
  const stage = operationStage([...speech(1000), ...quiet(3000)]);
  stage.line.speechTail = 2400;
  await stage.run(recordSpec({ maxSilenceMs: 2000 })).ended;
  assert.equal(stage.reports[0]?.speechEndMs, 700);
});

test('a caller who is still speaking at the end has spoken to the end; one who said nothing, never', async () => {
  const talking = operationStage(speech(5000));
  await talking.run(recordSpec({ maxDurationMs: 2000 })).ended;
  assert.deepEqual([talking.reports[0]?.speechStartMs, talking.reports[0]?.speechEndMs], [0, 2000]);
  const silent = operationStage([...quiet(500), ...press('#'), ...steps(100, {})]);
  await silent.run(recordSpec({ stopTones: ['#'] })).ended;
  assert.ok(!('speechStartMs' in (silent.reports[0] ?? {})));
});
