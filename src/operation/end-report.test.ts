import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  onePrompt,
  operationStage,
  promptSpec,
  ready,
  recordSpec,
  tune,
} from '../../test/support/operation-stage.ts';
import { press, quiet, type Step, speech, steps, when } from '../../test/support/scripted-line.ts';
import { reportSince } from './end-report.ts';
import type { PromptDelivery } from './operation.ts';

test('a report counts from the one before it', () => {
  const before = { noiseFloor: -50, expected: 1000, received: 990, late: 2, concealed: 1600 };
  const now = { noiseFloor: -61.4, expected: 1500, received: 1480, late: 3, concealed: 3200 };
  assert.deepEqual(reportSince(before, now), {
    noiseFloorDbov: -61,
    packetsExpected: 500,
    packetsReceived: 490,
    packetsLate: 1,
    concealedMs: 200,
  });
});

interface Ending {
  readonly by: string;
  readonly script: readonly Step[];
  readonly spec?: Parameters<typeof recordSpec>[0];
  readonly prompt?: Promise<PromptDelivery>;
  /** Which packets it had: from where recording began, or else from its turn on. */
  readonly packets: number;
  readonly fails?: boolean;
}

const prompted = { prompts: onePrompt };
const unavailable = Promise.resolve({ ok: false, why: 'unavailable', message: '404' } as const);
const undecodable = Promise.resolve({ ok: false, why: 'undecodable', message: 'no audio' } as const);
const ENDINGS: readonly Ending[] = [
  { by: 'stopTone', script: [...speech(1000), ...press('#')], spec: { stopTones: ['#'] }, packets: 51 },
  {
    by: 'stopTone',
    script: [...quiet(100), ...press('#')],
    spec: { ...prompted, bargeIn: true, stopTones: ['#'] },
    packets: 6,
  },
  { by: 'maxDuration', script: speech(3000), spec: { maxDurationMs: 1000 }, packets: 50 },
  { by: 'maxSilence', script: [...speech(1000), ...quiet(3000)], packets: 150 },
  { by: 'initialSilence', script: quiet(3000), spec: { initialSilenceMs: 2000 }, packets: 100 },
  {
    by: 'noMedia',
    script: steps(3000, { noMedia: true }),
    spec: { noMediaMs: 1000 },
    packets: 50,
  },
  { by: 'cancelled', script: speech(1000), packets: 50 },
  { by: 'hangUp', script: speech(1000), packets: 50 },
  { by: 'cancelled', script: speech(500), spec: prompted, packets: 25 },
  { by: 'hangUp', script: speech(500), spec: prompted, packets: 25 },
  { by: 'promptUnavailable', script: [], spec: prompted, prompt: unavailable, packets: 0 },
  { by: 'promptUndecodable', script: [], spec: prompted, prompt: undecodable, packets: 0 },
  { by: 'promptFailed', script: [], spec: prompted, fails: true, packets: 0 },
  { by: 'beepFailed', script: [], spec: { beep: true }, fails: true, packets: 0 },
];

for (const { by, script, spec, prompt = ready(tune(1000, 7)), packets, fails } of ENDINGS) {
  test(`${by}${spec?.prompts ? ', in the prompt' : ''}: there is a report of what was heard`, async () => {
    const stopped = when(() => {
      if (by === 'cancelled') run.cancel();
      else if (by === 'hangUp') void stage.queue.close('hangUp');
    });
    const stage = operationStage([...script, ...stopped]);
    if (fails) stage.line.failure = new Error('the network is down');
    const run = stage.run(recordSpec(spec), [prompt]);
    assert.equal((await run.ended).by, by);
    const [report] = stage.reports;
    assert.equal(stage.reports.length, 1);
    assert.ok(report !== undefined);
    assert.ok(Math.abs(report.packetsExpected - packets) <= 1, `${report.packetsExpected} packets`);
    assert.deepEqual(
      [report.noiseFloorDbov, report.packetsReceived, report.packetsLate],
      [-62, report.packetsExpected, 0],
    );
    assert.equal(report.speechEndMs === undefined, report.speechStartMs === undefined);
  });
}

test('a prompt: there is a report of what was heard while it was played, or until it was broken into', async () => {
  for (const [script, bargeIn, ms] of [
    [quiet(1000), false, 1000],
    [[...quiet(500), ...press('5'), ...quiet(1000)], true, 500],
  ] as const) {
    const stage = operationStage(script);
    const run = stage.run(promptSpec({ bargeIn }), [ready(tune(1000, 7))]);
    assert.equal((await run.ended).by, 'finished');
    const [report] = stage.reports;
    assert.ok(report !== undefined && Math.abs(report.packetsExpected - ms / 20) <= 1, `${ms} ms`);
    assert.equal(report.packetsReceived, report.packetsExpected);
    assert.equal('speechStartMs' in report, false);
  }
});

test('a disk that refuses the take, and an engine that fails, leave the report', async () => {
  const stage = operationStage([...speech(1000), ...quiet(3000)], (take) => {
    take.failure = new Error('the disk is full');
  });
  assert.equal((await stage.run(recordSpec()).ended).by, 'error');
  assert.equal(stage.reports[0]?.speechEndMs, 1000);
});

test('one that never had its turn has none', async () => {
  const stage = operationStage(speech(1000));
  stage.run(recordSpec());
  const waiting = stage.run(recordSpec());
  waiting.cancel();
  assert.deepEqual(await waiting.ended, { by: 'cancelled' });
  assert.equal(stage.reports.length, 0);
  await stage.queue.close('hangUp');
});
