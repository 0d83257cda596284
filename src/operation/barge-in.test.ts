/** The caller breaks into the prompt. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operationStage, promptSpec, ready, recordSpec, tune } from '../../test/support/operation-stage.ts';
import {
  press,
  quiet,
  sampleAt,
  samples,
  samplesFrom,
  speech,
  undecidedSpeech,
  when,
} from '../../test/support/scripted-line.ts';

const twoPrompts = [
  { audio: 0, times: Infinity },
  { audio: 1, times: 1 },
];
const deliveries = () => [ready(tune(1000, 7)), ready(tune(1000, 8))];
const barging = { prompts: twoPrompts, bargeIn: true, beep: true };

test('speech that breaks in stops all prompts, is recorded from its onset, and no beep is played', async () => {
  const stage = operationStage([...quiet(1600), ...undecidedSpeech(200, 1000), ...quiet(3000)]);
  const end = await stage.run(recordSpec(barging), deliveries()).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(end.take?.spoken, true);
  assert.deepEqual(stage.heard(), [
    { ms: 1000, value: 7 },
    { ms: 1000, value: 7 },
  ]);
  assert.deepEqual(stage.takes[0]!.samples, samplesFrom(samples(1600), samples(1600 + 1000 + 2000)));
  assert.deepEqual(stage.told, [
    { phase: 'running' },
    { phase: 'prompt', index: 0 },
    { phase: 'bargeIn', by: 'speech' },
    { phase: 'recording' },
    { phase: 'speech' },
  ]);
});

test('an onset within a frame is kept to the sample, and the duration with it', async () => {
  const stage = operationStage([
    ...quiet(1000),
    ...speech(3000).map((step) => ({ ...step, onsetBefore: 250 })),
  ]);
  const end = await stage.run(recordSpec({ ...barging, maxDurationMs: 1000 }), deliveries()).ended;
  assert.equal(end.by, 'maxDuration');
  assert.deepEqual(stage.takes[0]!.samples, samplesFrom(samples(1000) - 250, samples(2000) - 250));
});

test('an onset further back than the line remembers is kept as far as it is remembered', async () => {
  const caller = [
    ...speech(500).map((step) => ({ ...step, onsetBefore: 20_000 })),
    ...press('1'),
    ...press('1'),
  ];
  const stage = operationStage([...quiet(3000), ...caller]);
  const end = await stage.run(recordSpec({ ...barging, stopTones: ['11'] }), deliveries()).ended;
  assert.equal(end.by, 'stopTone');
  assert.deepEqual(stage.takes[0]!.samples, samplesFrom(samples(2020), samples(3500)));
});

test('who broke in by speech has spoken, whatever the frames say afterwards', async () => {
  const stage = operationStage(quiet(5000));
  stage.line.play = () => Promise.resolve({ by: 'speech', onset: 0 });
  const end = await stage.run(recordSpec({ ...barging, maxSilenceMs: 1000 }), deliveries()).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(end.take?.spoken, true);
});

test('a hang-up in the moment of breaking in leaves nothing, as nothing was captured', async () => {
  const stage = operationStage([]);
  stage.line.play = () => {
    stage.line.close();
    return Promise.resolve({ by: 'speech', onset: 0 });
  };
  assert.deepEqual(await stage.run(recordSpec(barging), deliveries()).ended, { by: 'hangUp' });
});

test('a single key that is a stop tone ends it in the prompt, with an empty take', async () => {
  const stage = operationStage([...quiet(500), ...press('#')]);
  const end = await stage.run(recordSpec({ ...barging, stopTones: ['11', '#'] }), deliveries()).ended;
  assert.deepEqual([end.by, end.keys, end.take?.samples], ['stopTone', '#', 0]);
  assert.equal(stage.takes[0]?.sealed, 1);
  assert.equal(stage.heard().length, 1);
});

test('any other key ends the prompts; recording begins after it, without a beep', async () => {
  const stage = operationStage([...quiet(500), ...press('5', 60), ...speech(500), ...quiet(3000)]);
  const end = await stage.run(recordSpec({ ...barging, stopTones: ['#'] }), deliveries()).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(stage.heard().length, 1);
  assert.deepEqual(stage.takes[0]!.samples, samplesFrom(samples(520), samples(600 + 500 + 2000)));
  assert.deepEqual(stage.told[2], { phase: 'bargeIn', by: 'key' });
});

test('after a key that broke in, initial silence is counted from that key', async () => {
  const stage = operationStage([...quiet(500), ...press('5'), ...quiet(9000)]);
  const end = await stage.run(recordSpec({ ...barging, initialSilenceMs: 1000 }), deliveries()).ended;
  assert.deepEqual(end, { by: 'initialSilence' });
  assert.equal(stage.takes[0]!.length, samples(1000));
});

test('a stop tone that begins with the key that broke in is completed in the recording', async () => {
  const stage = operationStage([...quiet(500), ...press('1'), ...quiet(300), ...press('1')]);
  const end = await stage.run(recordSpec({ ...barging, stopTones: ['11'] }), deliveries()).ended;
  assert.equal(end.by, 'stopTone');
  assert.equal(end.keys, '11');
  assert.equal(end.take?.samples, 0);
});

test('a stop tone that begins with the key that broke in is given up after the inter-key limit', async () => {
  const stage = operationStage([...quiet(500), ...press('1'), ...quiet(1000), ...press('1'), ...quiet(9000)]);
  const end = await stage.run(recordSpec({ ...barging, stopTones: ['11'] }), deliveries()).ended;
  assert.deepEqual(end, { by: 'initialSilence' });
});

test('the key that broke in is not heard a second time when the recording begins in its frame', async () => {
  const stage = operationStage([...quiet(500), ...press('1', 60), ...speech(200), ...quiet(5000)]);
  const play = stage.line.play.bind(stage.line);
  stage.line.play = async (audio, options) => {
    const played = await play(audio, options);
    return played.by === 'key' ? { ...played, after: played.onset + 40 } : played;
  };
  const end = await stage.run(recordSpec({ ...barging, stopTones: ['11'] }), deliveries()).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(stage.takes[0]!.samples[0], sampleAt(samples(500) + 100));
});

test('speech that the end-pointer makes up its mind about during the beep is kept from its onset', async () => {
  const stage = operationStage([...quiet(900), ...undecidedSpeech(200, 500), ...quiet(3000)]);
  const prompts = [{ audio: 0, times: 1 }];
  const end = await stage.run(recordSpec({ ...barging, prompts }), deliveries()).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(stage.takes[0]!.samples[0], sampleAt(samples(900)));
});

test('a prompt alone is finished when the caller breaks in', async () => {
  for (const caller of [speech(500), press('5')]) {
    const stage = operationStage([...quiet(500), ...caller]);
    const end = await stage.run(promptSpec({ prompts: twoPrompts, bargeIn: true }), deliveries()).ended;
    assert.deepEqual(end, { by: 'finished' });
    assert.equal(stage.heard().length, 1);
  }
});

test('speech that breaks in while the prompt is still fetched is recorded from its onset', async () => {
  const stage = operationStage([...quiet(600), ...undecidedSpeech(200, 1000), ...quiet(3000)]);
  const never = new Promise<never>(() => {});
  const end = await stage.run(recordSpec(barging), [never, never]).ended;
  assert.equal(end.by, 'maxSilence');
  assert.equal(stage.takes[0]!.samples[0], sampleAt(samples(600)));
});

test('a stop tone ends the operation while its prompt is still fetched; without barge-in no key does', async () => {
  const never = new Promise<never>(() => {});
  const script = [...quiet(600), ...press('#'), ...quiet(1000)];
  const tone = operationStage(script);
  assert.equal(
    (await tone.run(recordSpec({ ...barging, stopTones: ['#'] }), [never, never]).ended).by,
    'stopTone',
  );
  const deaf = operationStage([...script, ...when(() => void deaf.queue.close('hangUp'))]);
  const end = await deaf.run(recordSpec({ ...barging, bargeIn: false, stopTones: ['#'] }), [never, never])
    .ended;
  assert.equal(end.by, 'hangUp');
});

test('a prompt alone plays to its end when the caller may not break in', async () => {
  const stage = operationStage([...speech(500), ...press('5'), ...speech(3000)]);
  const prompts = [
    { audio: 0, times: 2 },
    { audio: 1, times: 1 },
  ];
  assert.deepEqual(await stage.run(promptSpec({ prompts }), deliveries()).ended, { by: 'finished' });
  assert.equal(stage.heard().length, 3);
});

test('prompts that loop are played in turn over and over, as long as the call lasts', async () => {
  const stage = operationStage([...quiet(100), ...when(() => stage.line.close())]);
  const prompts = [
    { audio: 0, times: 1 },
    { audio: 1, times: 1 },
  ];
  const { ended } = stage.run(promptSpec({ prompts, loop: true }), [ready(tune(20, 1)), ready(tune(20, 2))]);
  assert.equal((await ended).by, 'hangUp');
  assert.deepEqual(
    stage
      .heard()
      .map(({ value }) => value)
      .slice(0, 5),
    [1, 2, 1, 2, 1],
  );
});

test('prompts of no length that loop are finished at once', async () => {
  const stage = operationStage(quiet(100));
  const ended = stage.run(promptSpec({ loop: true }), [ready(new Int16Array(0))]).ended;
  assert.deepEqual(await ended, { by: 'finished' });
});
