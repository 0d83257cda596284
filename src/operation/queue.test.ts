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
import { quiet, samples, speech, steps, when } from '../../test/support/scripted-line.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import type { OperationEnd, PromptDelivery } from './operation.ts';

const never = new Promise<PromptDelivery>(() => {});

test('operations run one at a time, first come, first served', async () => {
  const stage = operationStage([...quiet(500), ...speech(500), ...quiet(3000)]);
  const order: string[] = [];
  const note = (name: string) => (end: OperationEnd) => order.push(`${name} ${end.by}`);
  const runs = [
    stage.run(promptSpec(), [ready(tune(500, 7))]).ended.then(note('first')),
    stage.run(recordSpec({ maxDurationMs: 1000 })).ended.then(note('second')),
    stage.run(promptSpec(), [ready(tune(500, 8))]).ended.then(note('third')),
  ];
  await Promise.all(runs);
  assert.deepEqual(order, ['first finished', 'second maxDuration', 'third finished']);
  assert.deepEqual(stage.phases(), [
    'running',
    'prompt',
    'running',
    'recording',
    'speech',
    'running',
    'prompt',
  ]);
});

test('nothing is told before run has returned, and the next begins only when the last is known to have ended', async () => {
  const stage = operationStage(quiet(1000));
  const order: string[] = [];
  const first = stage.queue.run(promptSpec(), [ready(tune(100, 7))], ({ phase }) => order.push(`1 ${phase}`));
  first.ended.then(() => order.push('1 ended'));
  const second = stage.queue.run(promptSpec(), [ready(tune(100, 7))], ({ phase }) =>
    order.push(`2 ${phase}`),
  );
  assert.deepEqual(order, []);
  await second.ended;
  assert.deepEqual(order, ['1 running', '1 prompt', '1 ended', '2 running', '2 prompt']);
});

test('a queue that ran empty runs what comes later', async () => {
  const stage = operationStage(quiet(1000));
  await stage.run(promptSpec(), [ready(tune(100, 7))]).ended;
  await settle();
  assert.equal((await stage.run(promptSpec(), [ready(tune(100, 8))]).ended).by, 'finished');
});

test('an operation that comes the moment another ends waits for its turn', async () => {
  const stage = operationStage(quiet(2000));
  const first = stage.run(promptSpec(), [ready(tune(100, 7))]);
  const later = first.ended.then(() => stage.run(promptSpec(), [ready(tune(100, 9))]).ended);
  const second = stage.run(promptSpec(), [ready(tune(100, 8))]);
  await Promise.all([later, second.ended]);
  assert.deepEqual(
    stage.heard().map(({ value }) => value),
    [7, 8, 9],
  );
});

test('cancelled while it waits, it ends at once and is never heard', async () => {
  const stage = operationStage([...quiet(500), ...when(() => waits.cancel())]);
  const runs = stage.run(promptSpec(), [ready(tune(5000, 7))]);
  const waits = stage.run(promptSpec(), [ready(tune(500, 8))]);
  const last = stage.run(promptSpec(), [ready(tune(500, 9))]);
  assert.deepEqual(await waits.ended, { by: 'cancelled' });
  runs.cancel();
  last.cancel();
  assert.deepEqual(await runs.ended, { by: 'cancelled' });
  assert.deepEqual(await last.ended, { by: 'cancelled' });
  await settle();
  assert.equal(stage.heard().length, 1);
  assert.deepEqual(stage.phases(), ['running', 'prompt']);
});

test('cancelled as it begins, it opens no take', async () => {
  const stage = operationStage(speech(500));
  const run = stage.queue.run(recordSpec(), [], () => run.cancel());
  assert.equal((await run.ended).by, 'cancelled');
  assert.equal(stage.takes.length, 0);
});

test('a cancel that comes as the prompt ends, or fails, was there first', async () => {
  for (const played of [
    () => Promise.resolve({ by: 'end' } as const),
    () => Promise.reject(new Error('late')),
  ]) {
    const stage = operationStage([]);
    stage.line.play = () => {
      run.cancel();
      return played();
    };
    const run = stage.run(promptSpec(), [ready(tune(100, 7))]);
    assert.deepEqual(await run.ended, { by: 'cancelled' });
  }
});

test('the one behind a cancelled one runs', async () => {
  const stage = operationStage([...quiet(700), ...when(() => first.cancel()), ...quiet(1000)]);
  const first = stage.run(promptSpec({ prompts: [{ audio: 0, times: Infinity }] }), [ready(tune(500, 7))]);
  const second = stage.run(promptSpec(), [ready(tune(500, 8))]);
  assert.equal((await first.ended).by, 'cancelled');
  assert.equal((await second.ended).by, 'finished');
  assert.deepEqual(
    stage.heard().map(({ value }) => value),
    [7, 7, 8],
  );
});

test('cancelled in the prompt, it leaves nothing', async () => {
  const stage = operationStage([...quiet(500), ...when(() => run.cancel())]);
  const run = stage.run(recordSpec({ prompts: onePrompt, beep: true }), [ready(tune(1000, 7))]);
  assert.deepEqual(await run.ended, { by: 'cancelled' });
  assert.equal(stage.takes.length, 0);
  assert.equal(stage.heard().length, 1);
});

test('a second cancel, and one that comes too late, do nothing', async () => {
  const stage = operationStage([...quiet(200), ...when(() => run.cancel())]);
  const run = stage.run(recordSpec());
  const next = stage.run(recordSpec({ initialSilenceMs: 100 }));
  run.cancel();
  run.cancel();
  assert.deepEqual(await run.ended, { by: 'cancelled' });
  run.cancel();
  stage.line.close();
  assert.equal((await next.ended).by, 'hangUp');
});

test('a hang-up in the prompt, in the beep and while a prompt is fetched ends it without a take', async () => {
  for (const atMs of [500, 1100]) {
    const stage = operationStage([...quiet(atMs), ...when(() => void stage.queue.close('hangUp'))]);
    const run = stage.run(recordSpec({ prompts: onePrompt, beep: true }), [ready(tune(1000, 7))]);
    assert.deepEqual(await run.ended, { by: 'hangUp' });
    assert.equal(stage.takes.length, 0);
  }
  const stage = operationStage([]);
  const run = stage.run(recordSpec({ prompts: onePrompt }), [never]);
  await settle();
  await stage.queue.close('hangUp');
  assert.deepEqual(await run.ended, { by: 'hangUp' });
});

test('a cancel ends an operation that still waits for its prompt', async () => {
  const stage = operationStage([]);
  const run = stage.run(promptSpec(), [never]);
  await settle();
  run.cancel();
  assert.deepEqual(await run.ended, { by: 'cancelled' });
});

test('a hang-up ends what runs and what waits, and what comes later at once', async () => {
  const stage = operationStage([...speech(500)]);
  const runs = [stage.run(recordSpec()), stage.run(recordSpec()), stage.run(promptSpec(), [never])];
  await settle();
  await stage.queue.close('hangUp');
  const ends = await Promise.all(runs.map(({ ended }) => ended));
  assert.deepEqual(
    ends.map(({ by, take }) => [by, take?.samples]),
    [
      ['hangUp', samples(500)],
      ['hangUp', undefined],
      ['hangUp', undefined],
    ],
  );
  const late = stage.run(recordSpec());
  late.cancel();
  assert.deepEqual(await late.ended, { by: 'hangUp' });
  await stage.queue.close('workerClosing');
});

test('closing waits until the take is sealed', async () => {
  const disk = Promise.withResolvers<void>();
  const stage = operationStage(speech(500), (take) => {
    take.disk = disk.promise;
  });
  const run = stage.run(recordSpec());
  await settle();
  let closed = false;
  const closing = stage.queue.close('hangUp').then(() => {
    closed = true;
  });
  await settle();
  assert.equal(closed, false);
  disk.resolve();
  await closing;
  assert.equal((await run.ended).by, 'hangUp');
});

test('a cancel while the take is sealed changes nothing', async () => {
  const disk = Promise.withResolvers<void>();
  const stage = operationStage(speech(1000), (take) => {
    take.disk = disk.promise;
  });
  const run = stage.run(recordSpec({ maxDurationMs: 500 }));
  await settle();
  assert.equal(stage.takes[0]!.sealed, 1);
  run.cancel();
  disk.resolve();
  assert.equal((await run.ended).by, 'maxDuration');
});

test('a prompt is waited for in its turn only: the first is heard while the second is fetched', async () => {
  const second = Promise.withResolvers<PromptDelivery>();
  let heardBefore = 0;
  const arrives = () => {
    heardBefore = stage.heard().filter(({ value }) => value === 7).length;
    second.resolve({ ok: true, samples: tune(400, 8) });
  };
  const stage = operationStage([...quiet(800), ...when(arrives), ...quiet(5000)]);
  const prompts = [
    { audio: 0, times: 1 },
    { audio: 1, times: 1 },
  ];
  const run = stage.run(promptSpec({ prompts }), [ready(tune(500, 7)), second.promise]);
  assert.equal((await run.ended).by, 'finished');
  assert.equal(heardBefore, 1);
  const heard = stage.heard().filter(({ value }) => value !== 0);
  assert.deepEqual(
    heard.map(({ value }) => value),
    [7, 8],
  );
});

test('a prompt that cannot be had fails the operation in its turn, saying why', async () => {
  for (const [why, by] of [
    ['unavailable', 'promptUnavailable'],
    ['undecodable', 'promptUndecodable'],
  ] as const) {
    for (const spec of [promptSpec(), recordSpec({ prompts: onePrompt })]) {
      const stage = operationStage(quiet(1000));
      const end = await stage.run(spec, [Promise.resolve({ ok: false, why, message: '404' })]).ended;
      assert.deepEqual(end, { by, message: '404' });
      assert.equal(stage.takes.length, 0);
    }
  }
});

test('a delivery that rejects, or is missing, is a prompt that cannot be had', async () => {
  const stage = operationStage(quiet(1000));
  const rejected = await stage.run(promptSpec(), [Promise.reject(new Error('lost'))]).ended;
  assert.deepEqual(rejected, { by: 'promptUnavailable', message: 'lost' });
  assert.equal((await stage.run(promptSpec(), []).ended).by, 'promptUnavailable');
});

test('a prompt that cannot be sent is promptFailed, a beep beepFailed', async () => {
  const stage = operationStage(quiet(1000));
  stage.line.failure = new Error('no route');
  const prompt = await stage.run(recordSpec({ prompts: onePrompt }), [ready(tune(100, 7))]).ended;
  assert.deepEqual(prompt, { by: 'promptFailed', message: 'no route' });
  assert.deepEqual(await stage.run(recordSpec({ beep: true })).ended, {
    by: 'beepFailed',
    message: 'no route',
  });
});

test('an empty prompt, however often it is to be played, is over at once', async () => {
  const stage = operationStage([...speech(200), ...quiet(3000)]);
  const prompts = [{ audio: 0, times: Infinity }];
  const end = await stage.run(recordSpec({ prompts }), [ready(new Int16Array(0))]).ended;
  assert.equal(end.by, 'maxSilence');
});

test('a prompt for ever goes on until it is cancelled', async () => {
  const stage = operationStage([...quiet(60_000), ...when(() => run.cancel())]);
  const run = stage.run(promptSpec({ prompts: [{ audio: 0, times: Infinity }] }), [ready(tune(1000, 7))]);
  assert.deepEqual(await run.ended, { by: 'cancelled' });
  assert.equal(stage.heard().length, 61);
});

test('what is on disk is told as it grows', async () => {
  const stage = operationStage([...speech(500), ...when(() => stage.takes[0]!.onGrown(4000))], undefined);
  const end = await stage.run(recordSpec({ maxDurationMs: 520 })).ended;
  assert.equal(end.by, 'maxDuration');
  assert.deepEqual(stage.told.at(-1), { phase: 'grown', samples: 4000 });
});

test('a disk that refuses ends it with error, and what was written is kept', async () => {
  const stage = operationStage(speech(1000), (take) => {
    take.failure = new Error('no space left');
    take.onDisk = 4000;
  });
  const end = await stage.run(recordSpec({ maxDurationMs: 1000 })).ended;
  assert.deepEqual(end, {
    by: 'error',
    message: 'no space left',
    take: { recordingId: 'r1', samples: 4000, rate: 8000, spoken: true },
  });
});

test('a disk that takes no more ends the recording there, not when it would have ended', async () => {
  const stage = operationStage(
    [
      ...speech(1000),
      ...when(() => {
        stage.takes[0]!.refused = true;
      }),
      ...speech(60_000),
    ],
    (take) => {
      take.failure = new Error('no space left');
      take.onDisk = 8000;
    },
  );
  const end = await stage.run(recordSpec()).ended;
  assert.deepEqual([end.by, end.message, end.take?.samples], ['error', 'no space left', 8000]);
  assert.ok(stage.takes[0]!.length < 9000);
});

test('a disk that refuses what nobody wants changes no ending', async () => {
  const stage = operationStage(quiet(2000), (take) => {
    take.failure = new Error('no space left');
  });
  assert.deepEqual(await stage.run(recordSpec({ initialSilenceMs: 1000 })).ended, { by: 'initialSilence' });
});

test('a defect ends the operation with error, seals its take and leaves the queue running', async () => {
  const stage = operationStage([
    ...speech(500),
    ...when(() => {
      if (stage.takes.length === 1) throw new Error('a defect');
    }),
    ...quiet(5000),
  ]);
  const broken = stage.run(recordSpec());
  const next = stage.run(recordSpec({ maxDurationMs: 200 }));
  assert.deepEqual(await broken.ended, {
    by: 'error',
    message: 'a defect',
    take: { recordingId: 'r1', samples: samples(500), rate: 8000, spoken: true },
  });
  assert.equal(stage.takes[0]!.sealed, 1);
  assert.equal((await next.ended).by, 'maxDuration');
});

test('a spool that cannot be opened ends the operation with error', async () => {
  const stage = operationStage(steps(100), () => {
    throw new Error('no such folder');
  });
  assert.deepEqual(await stage.run(recordSpec()).ended, { by: 'error', message: 'no such folder' });
});
