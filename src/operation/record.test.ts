/** Each ending of CONTRACT §3.1, by a script of what the caller does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onePrompt, operationStage, ready, recordSpec, tune } from '../../test/support/operation-stage.ts';
import {
  press,
  quiet,
  sampleAt,
  samples,
  samplesFrom,
  speech,
  steps,
  when,
} from '../../test/support/scripted-line.ts';

test('a caller who trails off ends with maxSilence, the pause in the take', async () => {
  const stage = operationStage([...quiet(400), ...speech(1000), ...quiet(5000)]);
  const end = await stage.run(recordSpec()).ended;
  assert.deepEqual(end, {
    by: 'maxSilence',
    take: { recordingId: 'r1', samples: samples(3400), rate: 8000, spoken: true },
  });
  assert.deepEqual(stage.takes[0]!.samples, samplesFrom(0, samples(3400)));
  assert.deepEqual(stage.phases(), ['running', 'recording', 'speech']);
});

test('a pause shorter than maxSilence ends nothing', async () => {
  const stage = operationStage([...speech(200), ...quiet(1980), ...speech(200), ...quiet(3000)]);
  const end = await stage.run(recordSpec()).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(end.take?.samples, samples(200 + 1980 + 200 + 2000));
  assert.equal(stage.phases().filter((phase) => phase === 'speech').length, 1);
});

test('a caller who never speaks ends with initialSilence and leaves no take', async () => {
  const stage = operationStage(quiet(10_000));
  const end = await stage.run(recordSpec({ initialSilenceMs: 3000 })).ended;
  assert.deepEqual(end, { by: 'initialSilence' });
  assert.equal(stage.takes[0]!.length, samples(3000));
  assert.equal(stage.takes[0]!.sealed, 1);
});

test('initial silence is counted from the end of the prompt and the beep', async () => {
  const stage = operationStage([...quiet(2300), ...quiet(980), ...speech(100), ...quiet(3000)]);
  const end = await stage.run(recordSpec({ prompts: onePrompt, beep: true, initialSilenceMs: 1000 }), [
    ready(tune(2000, 7)),
  ]).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(stage.takes[0]!.samples[0], sampleAt(samples(2300)));
});

test('a key that ends nothing is no speech: initial silence goes on', async () => {
  const stage = operationStage([...quiet(900), ...press('5'), ...quiet(3000)]);
  const end = await stage.run(recordSpec({ initialSilenceMs: 1000, stopTones: ['#'] })).ended;
  assert.equal(end.by, 'initialSilence');
  assert.equal(stage.takes[0]!.length, samples(1000));
});

test('a key that ends nothing does not prolong the pause after speech either', async () => {
  const stage = operationStage([...speech(500), ...quiet(1500), ...press('5'), ...quiet(3000)]);
  const end = await stage.run(recordSpec()).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(end.take?.samples, samples(2500));
});

test('a recording that reaches its duration is exactly that long', async () => {
  const stage = operationStage(speech(10_000));
  const end = await stage.run(recordSpec({ maxDurationMs: 1530 })).ended;
  assert.equal(end.by, 'maxDuration');
  assert.equal(end.take?.samples, samples(1530));
  assert.deepEqual(stage.takes[0]!.samples, samplesFrom(0, samples(1530)));
});

test('a stop tone ends it at the onset of the key', async () => {
  const stage = operationStage([...speech(1000), ...press('#', 40), ...speech(1000)]);
  const end = await stage.run(recordSpec({ stopTones: ['#', '*'] })).ended;
  assert.deepEqual(end, {
    by: 'stopTone',
    keys: '#',
    take: { recordingId: 'r1', samples: samples(1000) + 40, rate: 8000, spoken: true },
  });
});

test('a stop tone before a word is said leaves a take of the silence', async () => {
  const stage = operationStage([...quiet(1000), ...press('*')]);
  const end = await stage.run(recordSpec({ stopTones: ['*'] })).ended;
  assert.equal(end.by, 'stopTone');
  assert.equal(end.take?.samples, samples(1000));
  assert.equal(end.take?.spoken, false);
});

test('a stop tone as the first thing of all leaves an empty take', async () => {
  const stage = operationStage(press('#'));
  const end = await stage.run(recordSpec({ stopTones: ['#'] })).ended;
  assert.equal(end.by, 'stopTone');
  assert.equal(end.take?.samples, 0);
});

test('a stop tone of two keys is cut off from its first key on', async () => {
  const stage = operationStage([
    ...speech(1000),
    ...quiet(400),
    ...press('1'),
    ...quiet(300),
    ...press('1'),
    ...quiet(100),
  ]);
  const end = await stage.run(recordSpec({ stopTones: ['#', '11', '*'] })).ended;
  assert.equal(end.by, 'stopTone');
  assert.equal(end.keys, '11');
  assert.equal(end.take?.samples, samples(1400));
});

test('what is said between the keys of a stop tone is kept', async () => {
  const stage = operationStage([
    ...speech(1000),
    ...quiet(400),
    ...press('1'),
    ...speech(500),
    ...press('1', 80),
    ...quiet(100),
  ]);
  const end = await stage.run(recordSpec({ stopTones: ['11'] })).ended;
  assert.equal(end.by, 'stopTone');
  assert.equal(end.take?.samples, samples(2000) + 80);
});

test('a stop tone that was begun and not finished stays in the take and holds nothing back', async () => {
  const stage = operationStage([...speech(500), ...press('1'), ...quiet(5000)]);
  const end = await stage.run(recordSpec({ stopTones: ['11'], maxSilenceMs: 3000 })).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(end.take?.samples, samples(3500));
  assert.equal(stage.takes[0]!.settled.at(-1), samples(3500));
});

test('what might be cut off again is not settled', async () => {
  const stage = operationStage(
    [...speech(500), ...press('1', 30), ...quiet(400), when(() => stage.queue.close('hangUp'))].flat(),
  );
  await stage.run(recordSpec({ stopTones: ['11'] })).ended;
  assert.equal(stage.takes[0]!.settled.at(-1), samples(500) + 30);
  assert.equal(stage.takes[0]!.length, samples(1000));
});

test('a key that is told late is cut off as far as nobody can have read it', async () => {
  const stage = operationStage([...speech(1000), ...steps(20, { key: '#', keyAt: -400 })]);
  const end = await stage.run(recordSpec({ stopTones: ['#'] })).ended;
  assert.equal(end.by, 'stopTone');
  assert.equal(end.take?.samples, samples(1000));
});

test('a stop tone in the same packet as the duration wins up to the limit itself', async () => {
  for (const [keyAt, by, length] of [
    [79, 'stopTone', samples(1000) + 79],
    [80, 'stopTone', samples(1000) + 80],
    [81, 'maxDuration', samples(1010)],
  ] as const) {
    const stage = operationStage([...speech(1000), ...press('#', keyAt)]);
    const end = await stage.run(recordSpec({ stopTones: ['#'], maxDurationMs: 1010 })).ended;
    assert.deepEqual([end.by, end.take?.samples], [by, length], `key at ${keyAt}`);
  }
});

test('the duration wins over a silence limit in the same frame', async () => {
  const stage = operationStage([...speech(1000), ...quiet(2000)]);
  const end = await stage.run(recordSpec({ maxSilenceMs: 2000, maxDurationMs: 3000 })).ended;
  assert.equal(end.by, 'maxDuration');
});

test('a stop tone wins over a silence limit in the same frame', async () => {
  const stage = operationStage([...speech(1000), ...quiet(1980), ...press('#')]);
  const end = await stage.run(recordSpec({ maxSilenceMs: 2000, stopTones: ['#'] })).ended;
  assert.equal(end.by, 'stopTone');
});

test('no media for the configured time ends with noMedia and keeps what there is', async () => {
  const stage = operationStage([...speech(1000), ...steps(9000, { noMedia: true })]);
  const end = await stage.run(recordSpec({ maxSilenceMs: 60_000, noMediaMs: 4000 })).ended;
  assert.equal(end.by, 'noMedia');
  assert.equal(end.take?.samples, samples(5000));
});

test('a caller who sent nothing while the prompt played is not cut off as it ends', async () => {
  const stage = operationStage([
    ...steps(6000, { noMedia: true }),
    ...steps(1000, { noMedia: true }),
    ...speech(500),
    ...quiet(3000),
  ]);
  const end = await stage.run(recordSpec({ prompts: onePrompt, noMediaMs: 5000 }), [ready(tune(6000, 7))])
    .ended;
  assert.equal(end.by, 'maxSilence');
});

test('a hang-up after speaking keeps the take', async () => {
  const stage = operationStage([...speech(1000), ...when(() => void stage.queue.close('hangUp'))]);
  const end = await stage.run(recordSpec()).ended;
  assert.deepEqual(end, {
    by: 'hangUp',
    take: { recordingId: 'r1', samples: samples(1000), rate: 8000, spoken: true },
  });
});

test('a hang-up without a word leaves its take to the call, which knows who hung up', async () => {
  const stage = operationStage([...quiet(1000), ...when(() => void stage.queue.close('hangUp'))]);
  const end = await stage.run(recordSpec()).ended;
  assert.deepEqual([end.by, end.take?.spoken], ['hangUp', false]);
  assert.equal(stage.takes[0]!.sealed, 1);
});

test('a line that ends by itself counts as a hang-up', async () => {
  const stage = operationStage([...speech(1000), ...when(() => stage.line.close())]);
  const end = await stage.run(recordSpec()).ended;
  assert.equal(end.by, 'hangUp');
  assert.equal(end.take?.samples, samples(1000));
});

test('cancelled, it keeps what there is, spoken or not', async () => {
  const stage = operationStage([...quiet(1000), ...when(() => run.cancel())]);
  const run = stage.run(recordSpec());
  assert.deepEqual(await run.ended, {
    by: 'cancelled',
    take: { recordingId: 'r1', samples: samples(1000), rate: 8000, spoken: false },
  });
});

test('a worker that is stopped under a recording ends it with error, the take kept', async () => {
  const stage = operationStage([...speech(1000), ...when(() => void stage.queue.close('workerClosing'))]);
  const end = await stage.run(recordSpec()).ended;
  assert.equal(end.by, 'error');
  assert.match(end.message ?? '', /worker/);
  assert.equal(end.take?.samples, samples(1000));
});

test('prompts are heard in order and as often as asked, then the beep; then recording starts', async () => {
  const stage = operationStage([...quiet(1000 * 5 + 500 + 300), ...speech(500), ...quiet(3000)]);
  const prompts = [
    { audio: 0, times: 5 },
    { audio: 1, times: 1 },
  ];
  const end = await stage.run(recordSpec({ prompts, beep: true }), [
    ready(tune(1000, 7)),
    ready(tune(500, 8)),
  ]).ended;
  assert.deepEqual(stage.heard(), [
    ...Array.from({ length: 5 }, () => ({ ms: 1000, value: 7 })),
    { ms: 500, value: 8 },
    { ms: 300, value: -1 },
  ]);
  assert.deepEqual(stage.told.slice(0, 5), [
    { phase: 'running' },
    { phase: 'prompt', index: 0 },
    { phase: 'prompt', index: 1 },
    { phase: 'beep' },
    { phase: 'recording' },
  ]);
  assert.equal(end.take?.samples, samples(2500));
});

test('without barge-in, speech and keys during prompt and beep are neither acted on nor recorded', async () => {
  const stage = operationStage([
    ...speech(500),
    ...press('#'),
    ...quiet(400),
    ...press('#'),
    ...quiet(200),
    ...speech(700),
    ...quiet(3000),
  ]);
  const end = await stage.run(recordSpec({ prompts: onePrompt, beep: true, stopTones: ['#', '##'] }), [
    ready(tune(1000, 7)),
  ]).ended;
  assert.equal(end.by, 'maxSilence');
  assert.deepEqual(stage.takes[0]!.samples, samplesFrom(samples(1300), samples(1300 + 700 + 2000)));
});

test('half a stop tone pressed during a prompt without barge-in does not count', async () => {
  const stage = operationStage([...quiet(900), ...press('1'), ...press('1'), ...speech(500), ...quiet(3000)]);
  const end = await stage.run(recordSpec({ prompts: onePrompt, stopTones: ['11'] }), [ready(tune(1000, 7))])
    .ended;
  assert.equal(end.by, 'maxSilence');
});

test('a key that is told late is cut out all the same, and what it might be is not settled before', async () => {
  const stage = operationStage([...speech(1000), ...press('#', -samples(40) - 7), ...quiet(3000)]);
  stage.line.keyDelay = samples(80);
  const end = await stage.run(recordSpec({ stopTones: ['#'] })).ended;
  assert.equal(end.by, 'stopTone');
  assert.equal(end.take?.samples, samples(960) - 7);
  assert.equal(stage.takes[0]!.overreached, 0);
});

test('where keys are told late, so much stays open, for a key that ends nothing is silenced as well', async () => {
  for (const keyDelay of [0, samples(80)]) {
    const stage = operationStage([...speech(1000), ...quiet(3000)]);
    stage.line.keyDelay = keyDelay;
    await stage.run(recordSpec({ stopTones: [] })).ended;
    const [take] = stage.takes;
    assert.equal(take!.settled.at(-1), take!.samples.length - keyDelay);
  }
});

test('a stop tone that a longer one goes on from ends the recording once the caller has not gone on', async () => {
  for (const [after, keys, maxDurationMs] of [
    [quiet(3000), '1', 60_000],
    [[...quiet(100), ...press('2')], '12', 60_000],
    // Whatever else ends it meanwhile.
    [quiet(600), '1', 1500],
  ] as const) {
    const stage = operationStage([...speech(1000), ...press('1'), ...after, ...quiet(3000)]);
    const spec = recordSpec({ stopTones: ['1', '12'], interKeyMs: 1000, maxDurationMs });
    const end = await stage.run(spec).ended;
    assert.deepEqual([end.by, end.keys, end.take?.samples], ['stopTone', keys, samples(1000)]);
    assert.equal(stage.takes[0]?.overreached, 0);
  }
});
