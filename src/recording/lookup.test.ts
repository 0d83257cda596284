import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  babble,
  bodyOf,
  collect,
  expectedFile,
  fileOf,
  filesIn,
  later,
  opened,
  recordingsFor,
  slowEncoder,
} from '../../test/support/recordings.ts';

test('any part of the file can be read', async (t) => {
  const stage = await recordingsFor(t);
  const samples = babble(50_000);
  const { recordingId } = await stage.finished(samples);
  const recording = await opened(stage, recordingId, 'finished');
  const expected = expectedFile(samples);
  for (const [from, to] of [
    [0, 0],
    [0, 1],
    [43, 45],
    [65_535, 65_537],
    [100_000, expected.length],
  ] as const)
    assert.ok((await collect(recording.read(from, to))).equals(expected.subarray(from, to)), `${from}–${to}`);
  await assert.rejects(collect(recording.read(0, expected.length + 1)), { code: 'readFailed' });
});

test('a recording that is prepared is live, one that nobody knows is unknown', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  assert.equal((await stage.recordings.open(recordingId)).state, 'recording');
  assert.equal((await stage.recordings.open(recordingId.toUpperCase())).state, 'recording');
  for (const id of ['', '..', '../../etc/passwd', 'x'.repeat(36), crypto.randomUUID(), `${recordingId}/..`])
    assert.equal((await stage.recordings.open(id)).state, 'unknown', id);
});

test('past its retention a recording is gone, even when nobody has come to remove it', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.finished(babble(4000));
  await stage.recordings.close();
  await stage.clock.advance(86_400_000 - 1);
  assert.equal((await stage.recordings.open(recordingId)).state, 'finished');
  await stage.clock.advance(1);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
  assert.equal(filesIn(stage).length, 1);
});

test('a file that somebody removed is gone', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.finished(babble(4000));
  rmSync(join(stage.folder, 'finished', `${recordingId}.wav`));
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
});

test('what is kept is told before its file is made: who opens it meanwhile gets the file, or is told when to come again', async (t) => {
  const slow = slowEncoder();
  const stage = await recordingsFor(t, { encoder: slow.encoder });
  const { recordingId } = await stage.prepare();
  const told = await stage.capture(recordingId, babble(9000));
  await stage.recordings.keep(recordingId, told);
  assert.deepEqual(readdirSync(join(stage.folder, 'finished')), []);

  const [patient, other] = [stage.recordings.open(recordingId), stage.recordings.open(recordingId)];
  await slow.asked;
  await stage.clock.advance(20_000);
  const again = { state: 'waiting', applicationId: 'application', retryInMs: 2000 };
  assert.deepEqual([await patient, await other], [again, again]);

  const waiting = stage.recordings.open(recordingId);
  slow.release();
  assert.equal((await waiting).state, 'finished');
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(9000))));
});

test('what an earlier process kept is to be waited for until it is recovered', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  await stage.capture(recordingId, babble(800));
  await stage.restart();
  assert.equal((await stage.recordings.open(recordingId)).state, 'waiting');
  await stage.recordings.recover();
  assert.equal((await stage.recordings.open(recordingId)).state, 'finished');
});

test('who is given a recording while it is being finished, at whatever moment, gets all of it, although it is read later', async (t) => {
  const stage = await recordingsFor(t);
  const samples = babble(8000);
  for (let moments = 0; moments < 12; moments++) {
    const { recordingId } = await stage.prepare();
    const told = await stage.capture(recordingId, samples);
    const put = stage.store.put.bind(stage.store);
    let given: ReturnType<typeof bodyOf> | undefined;
    stage.store.put = async (...record) => {
      const revision = await put(...record);
      given = later(moments).then(() => bodyOf(stage, recordingId));
      return revision;
    };
    await stage.recordings.finish(recordingId, told);
    stage.store.put = put;
    const { body } = await given!;
    const bytes = await collect(body);
    assert.ok(bytes.subarray(44).equals(expectedFile(samples).subarray(44)), `after ${moments}`);
  }
});
