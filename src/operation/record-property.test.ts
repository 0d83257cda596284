/** Whatever the caller does, and whenever it is stopped: what always holds of a recording. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { operationStage, ready, recordSpec, tune } from '../../test/support/operation-stage.ts';
import {
  press,
  quiet,
  type Step,
  sampleAt,
  samples,
  speech,
  steps,
  undecidedSpeech,
} from '../../test/support/scripted-line.ts';
import { FRAME_SAMPLES, type Key } from '../media/line.ts';

const ms = fc.integer({ min: 1, max: 60 }).map((frames) => frames * 20);
const part = fc.oneof(
  ms.map(quiet),
  ms.map(speech),
  ms.map((length) => undecidedSpeech(100, length + 100)),
  ms.map((length) => steps(length, { noMedia: true })),
  fc
    .tuple(fc.constantFrom<Key>('1', '2', '#'), fc.nat(FRAME_SAMPLES - 1))
    .map(([key, keyAt]) => press(key, keyAt)),
);
const script: fc.Arbitrary<readonly Step[]> = fc
  .array(part, { maxLength: 12 })
  // Silence at the end, so that some limit is reached.
  .map((parts) => [...parts.flat(), ...steps(8000, { noMedia: true })]);

const request = fc.record({
  bargeIn: fc.boolean(),
  beep: fc.boolean(),
  prompts: fc.array(fc.record({ audio: fc.constant(0), times: fc.nat(3) }), { maxLength: 2 }),
  stopTones: fc.uniqueArray(fc.constantFrom<string>('1', '11', '#', '12', '1#', '212'), { maxLength: 3 }),
  initialSilenceMs: ms,
  maxSilenceMs: ms,
  // No multiple of a frame.
  maxDurationMs: fc.integer({ min: 1, max: 3000 }),
  interKeyMs: fc.integer({ min: 100, max: 1500 }),
});
const stop = fc.option(
  fc.record({
    atFrame: fc.nat(200),
    by: fc.constantFrom('cancel' as const, 'hangUp' as const, 'workerClosing' as const),
  }),
);

test('one ending; the take is a stretch of what the caller sent, no longer than asked; nothing final is cut', async () => {
  await fc.assert(
    fc.asyncProperty(script, request, stop, async (caller, asked, stopped) => {
      const script = caller.map((step, frame): Step => {
        if (frame !== stopped?.atFrame) return step;
        const at = () => (stopped.by === 'cancel' ? run.cancel() : void stage.queue.close(stopped.by));
        return { ...step, at };
      });
      const stage = operationStage(script);
      const run = stage.run(recordSpec(asked), [ready(tune(240, 7))]);
      const end = await run.ended;

      if (end.by === 'error') assert.equal(end.message, 'the media worker was stopped');
      const recorded = stage.phases().filter((phase) => phase === 'recording').length;
      // A stop tone in the prompt leaves an empty take.
      assert.equal(recorded + (end.by === 'stopTone' && recorded === 0 ? 1 : 0), stage.takes.length);
      const take = stage.takes[0];
      assert.equal(take?.sealed ?? 1, 1);
      assert.equal(take?.overreached ?? 0, 0);
      const captured = take?.samples ?? [];
      assert.ok(captured.length <= samples(asked.maxDurationMs));
      if (end.by === 'maxDuration') assert.equal(captured.length, samples(asked.maxDurationMs));
      for (const [index, sample] of captured.entries()) {
        if (index > 0)
          assert.equal(sample, sampleAt(captured[index - 1]!), `sample ${index} follows the one before`);
      }
      if (end.take) assert.equal(end.take.samples, captured.length);
      if (end.by === 'initialSilence') assert.ok(!stage.phases().includes('speech'));
      if (end.by === 'hangUp') assert.equal(end.take !== undefined, captured.length > 0);
      if (end.by === 'stopTone') assert.ok(asked.stopTones.includes(end.keys ?? ''));
      if (stopped === null) assert.ok(!['cancelled', 'hangUp', 'error'].includes(end.by), end.by);
    }),
    { numRuns: 300 },
  );
});
