import assert from 'node:assert/strict';
import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  babble,
  collect,
  expectedFile,
  type RecordingStage,
  recordingsFor,
  stageRecordings,
  until,
} from '../../test/support/recordings.ts';

async function follow(stage: RecordingStage, recordingId: string, signal = new AbortController().signal) {
  const recording = await stage.recordings.open(recordingId);
  assert.ok(recording.state === 'recording');
  return recording.follow(signal)[Symbol.asyncIterator]();
}

/** The next piece; fails when the stream has ended. */
async function piece(stream: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const { done, value } = await stream.next();
  assert.equal(done ?? false, false, 'it goes on');
  return value;
}

const rest = (stream: AsyncIterator<Uint8Array>) => collect({ [Symbol.asyncIterator]: () => stream });

/** Spool files of this folder that this process has open. */
const openFiles = (stage: RecordingStage) =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(stage.recordings.spoolFolder);
    } catch {
      return false;
    }
  }).length;

test('a follower gets a header for an unknown length at once, then the audio as it is settled, then the end', async (t) => {
  const stage = await recordingsFor(t);
  const samples = babble(10_500);
  const { recordingId } = await stage.prepare();
  const stream = await follow(stage, recordingId);
  const header = Buffer.from(await piece(stream));
  assert.equal(header.length, 44);
  assert.equal(header.readUInt32LE(40), 0xffff_ffff);

  const take = stage.take(recordingId);
  const waiting = piece(stream);
  take.append(samples.subarray(0, 2000));
  take.settle();
  const first = await waiting;
  assert.ok(
    first.length >= 2 * 2 * (2000 - 16),
    'all of the first 2,000 samples but what the filter still needs',
  );
  take.append(samples.subarray(2000));
  const end = rest(stream);
  await stage.recordings.finish(recordingId, { samples: await take.seal() });
  const heard = Buffer.concat([header, first, await end]);
  assert.ok(heard.subarray(44).equals(expectedFile(samples).subarray(44)));
});

test('what may still be cut is not sent', async (t) => {
  const stage = await recordingsFor(t);
  const samples = babble(8000);
  const { recordingId } = await stage.prepare();
  const stream = await follow(stage, recordingId);
  await piece(stream);
  const take = stage.take(recordingId);
  take.append(samples.subarray(0, 4000));
  take.settle();
  take.append(samples.subarray(4000));
  const heard = [await piece(stream)];
  let more = false;
  const next = stream.next().then((result) => {
    more = true;
    if (!result.done) heard.push(result.value);
  });
  await turns();
  if (heard.length === 1) assert.equal(more, false);
  take.cut(5000);
  const finished = stage.recordings.finish(recordingId, { samples: await take.seal() });
  await next;
  heard.push(await rest(stream));
  await finished;
  assert.ok(Buffer.concat(heard).equals(expectedFile(samples.subarray(0, 5000)).subarray(44)));
});

test('a follower who is slow gets everything, although the spool is deleted meanwhile', async (t) => {
  const stage = await recordingsFor(t);
  const samples = babble(40_000);
  const { recordingId } = await stage.prepare();
  const begun = await follow(stage, recordingId);
  const notBegun = await follow(stage, recordingId);
  const take = stage.take(recordingId);
  take.append(samples);
  take.settle();
  const early = [await piece(begun), await piece(begun)];
  await stage.recordings.finish(recordingId, { samples: await take.seal() });
  assert.deepEqual(readdirSync(stage.recordings.spoolFolder), []);
  const expected = expectedFile(samples).subarray(44);
  assert.ok(
    Buffer.concat([...early, await rest(begun)])
      .subarray(44)
      .equals(expected),
  );
  assert.ok((await rest(notBegun)).subarray(44).equals(expected));
});

test('the handle of the spool is let go of with the last follower', {
  skip: process.platform !== 'linux',
  timeout: 230_000,
}, async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  const abort = new AbortController();
  const [first, second] = [await follow(stage, recordingId, abort.signal), await follow(stage, recordingId)];
  take.append(babble(4000));
  const sealed = await take.seal();
  assert.equal(openFiles(stage), 0);
  for (const stream of [first, second]) {
    await piece(stream);
    await piece(stream);
  }
  assert.equal(openFiles(stage), 1, 'shared');
  abort.abort();
  await turns();
  assert.equal(openFiles(stage), 1);
  await second.return?.();
  await until(() => openFiles(stage) === 0);

  const late = await follow(stage, recordingId);
  await stage.recordings.finish(recordingId, { samples: sealed });
  assert.equal(openFiles(stage), 1, 'kept for who has not begun to read');
  await rest(late);
  await until(() => openFiles(stage) === 0);
});

test('an abort ends a follower that waits, one that has not begun and one that comes with it', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const abort = new AbortController();
  const waits = await follow(stage, recordingId, abort.signal);
  await piece(waits);
  const waiting = waits.next();
  const notBegun = await follow(stage, recordingId, abort.signal);
  abort.abort();
  const late = await follow(stage, recordingId, abort.signal);
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.equal((await notBegun.next()).done, true);
  await turns();
  assert.equal((await late.next()).done, true);
});

test('leaving the loop ends a follower that waits', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const stream = await follow(stage, recordingId);
  await piece(stream);
  const waiting = stream.next();
  await stream.return?.();
  assert.equal((await waiting).done, true);
});

test('followers of a recording that comes to nothing just end', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const [early, audible] = [await follow(stage, recordingId), await follow(stage, recordingId)];
  const take = stage.take(recordingId);
  take.append(babble(4000));
  take.settle();
  await piece(audible);
  await piece(audible);
  await take.seal();
  await stage.recordings.discard(recordingId);
  assert.equal((await rest(audible)).length % 2, 0);
  assert.ok((await rest(early)).subarray(44).equals(expectedFile(babble(4000)).subarray(44)));

  const nothing = await stage.prepare();
  const stream = await follow(stage, nothing.recordingId);
  const all = rest(stream);
  await stage.recordings.discard(nothing.recordingId);
  assert.equal((await all).length, 44);
});

test('followers of a recording that could not be finished get what was spooled', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const stream = await follow(stage, recordingId);
  const take = stage.take(recordingId);
  take.append(babble(4000));
  const sealed = await take.seal();
  rmSync(join(stage.folder, 'finished'), { recursive: true });
  await assert.rejects(stage.recordings.finish(recordingId, { samples: sealed }), {
    code: 'finishFailed',
  });
  assert.ok((await rest(stream)).subarray(44).equals(expectedFile(babble(4000)).subarray(44)));
});

test('a spool that cannot be read fails the follower', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const stream = await follow(stage, recordingId);
  stage.recordings.grown(recordingId, 4000);
  await piece(stream);
  await assert.rejects(stream.next(), { code: 'readFailed', message: /ENOENT/ });
  assert.equal((await stream.next()).done, true);
});

test('followers end with an error when the server stops under them', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const stream = await follow(stage, recordingId);
  await piece(stream);
  const waiting = stream.next();
  await stage.recordings.close();
  await assert.rejects(waiting, { code: 'recordingsClosed' });
});

test('many followers who come and go at any time all get the same bytes', () => {
  const chunk = fc.record({
    samples: fc.nat(3000),
    settle: fc.boolean(),
    follower: fc.boolean(),
    reads: fc.nat(3),
  });
  return fc.assert(
    fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 12 }), async (chunks) => {
      const stage = await stageRecordings();
      try {
        const { recordingId } = await stage.prepare();
        const take = stage.take(recordingId);
        const followers: { stream: AsyncIterator<Uint8Array>; heard: Uint8Array[] }[] = [];
        const samples: number[] = [];
        for (const step of chunks) {
          if (step.follower) followers.push({ stream: await follow(stage, recordingId), heard: [] });
          const more = babble(step.samples, samples.length + 1);
          take.append(more);
          samples.push(...more);
          if (step.settle) take.settle();
          // The header is always there to be read; what comes after it may need the recording to go on.
          for (const { stream, heard } of followers)
            if (heard.length === 0 && step.reads > 0) heard.push(await piece(stream));
        }
        take.append(Int16Array.of(1));
        samples.push(1);
        await stage.recordings.finish(recordingId, { samples: await take.seal() });
        const expected = expectedFile(Int16Array.from(samples)).subarray(44);
        for (const { stream, heard } of followers)
          assert.ok(
            Buffer.concat([...heard, await rest(stream)])
              .subarray(44)
              .equals(expected),
          );
      } finally {
        await stage.close();
      }
    }),
    { numRuns: 25 },
  );
});

/** Lets what can happen without the disk happen. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}
