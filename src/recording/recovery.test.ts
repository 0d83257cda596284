import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { captureAndDie } from '../../test/support/capture-and-die.ts';
import {
  babble,
  expectedFile,
  fileOf,
  type RecordingStage,
  recordingsFor,
} from '../../test/support/recordings.ts';

const spooled = (stage: RecordingStage) => readdirSync(stage.recordings.spoolFolder);
const inSpool = (stage: RecordingStage, name: string) => join(stage.recordings.spoolFolder, name);
const inFinished = (stage: RecordingStage, name: string) => join(stage.folder, 'finished', name);

/** A sealed take of which the process that captured it never made a file. */
async function leaveSealed(stage: RecordingStage, samples: Int16Array): Promise<string> {
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  take.append(samples);
  await take.seal();
  return recordingId;
}

test('what a killed process was recording is finished; at most the last second is lost', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId, accessToken } = await stage.prepare();
  await captureAndDie(stage, recordingId, 349);
  await stage.restart();
  const [recovered, ...others] = await stage.recordings.recover();
  assert.deepEqual(others, []);
  assert.ok(recovered);
  assert.equal(recovered.recordingId, recordingId);
  assert.deepEqual([recovered.callId, recovered.operationId], ['call', 'operation']);
  const samples = recovered.durationMs * 8;
  assert.ok(samples > 349 * 160 - 8000, `${samples} of ${349 * 160} samples`);
  const whole = babble(349 * 160);
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(whole.subarray(0, samples))));
  assert.equal(await stage.recordings.authorize(recordingId, accessToken), 'ok', 'its token is still good');
  assert.deepEqual(spooled(stage), []);
  assert.deepEqual(await stage.recordings.recover(), [], 'once');
});

test('a sealed take that was not finished is finished', async (t) => {
  const stage = await recordingsFor(t);
  const recordingId = await leaveSealed(stage, babble(12_345));
  await stage.restart();
  const recovered = await stage.recordings.recover();
  assert.deepEqual(
    recovered.map((one) => [one.recordingId, one.durationMs]),
    [[recordingId, 12_345 / 8]],
  );
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(12_345))));
});

test('half a sample at the end of the spool is dropped', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  writeFileSync(inSpool(stage, `${recordingId}.pcm`), Buffer.alloc(16_001));
  const journal = { recordingId, callId: 'call', operationId: 'operation' };
  writeFileSync(inSpool(stage, `${recordingId}.json`), JSON.stringify(journal));
  await stage.restart();
  assert.equal((await stage.recordings.recover())[0]?.durationMs, 1000);
});

test('what lies behind the sealed length is not part of the recording', async (t) => {
  const stage = await recordingsFor(t);
  const recordingId = await leaveSealed(stage, babble(8000));
  appendFileSync(inSpool(stage, `${recordingId}.pcm`), Buffer.alloc(500));
  await stage.restart();
  assert.equal((await stage.recordings.recover())[0]?.durationMs, 1000);
});

test('a file that was finished but not yet recorded as such is finished again', async (t) => {
  const stage = await recordingsFor(t);
  const recordingId = await leaveSealed(stage, babble(8000));
  writeFileSync(inFinished(stage, `${recordingId}.wav`), 'whatever was there');
  await stage.restart();
  assert.equal((await stage.recordings.recover()).length, 1);
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(8000))));
});

test('a spool whose recording was finished, or deleted, is just removed', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId: finished } = await stage.finished(babble(800));
  const { recordingId: deleted } = await stage.finished(babble(800));
  await stage.recordings.delete(deleted);
  for (const id of [finished, deleted]) {
    writeFileSync(inSpool(stage, `${id}.pcm`), Buffer.alloc(100));
    writeFileSync(inSpool(stage, `${id}.json`), '{}');
  }
  await stage.restart();
  assert.deepEqual(await stage.recordings.recover(), []);
  assert.deepEqual(spooled(stage), []);
  assert.ok((await fileOf(stage, finished)).equals(expectedFile(babble(800))));
  assert.equal((await stage.recordings.open(deleted)).state, 'gone');
});

test('recordings that captured nothing are gone', async (t) => {
  const stage = await recordingsFor(t);
  const onlyPrepared = await stage.prepare();
  const empty = await leaveSealed(stage, new Int16Array(0));
  const onlyJournal = await stage.prepare();
  const journal = { recordingId: onlyJournal.recordingId, callId: 'call', operationId: 'operation' };
  writeFileSync(inSpool(stage, `${onlyJournal.recordingId}.json`), JSON.stringify(journal));
  const halfJournal = await stage.prepare();
  writeFileSync(inSpool(stage, `${halfJournal.recordingId}.json.new`), '{"record');
  await stage.restart();
  assert.deepEqual(await stage.recordings.recover(), []);
  assert.deepEqual(spooled(stage), []);
  for (const id of [onlyPrepared.recordingId, empty, onlyJournal.recordingId, halfJournal.recordingId])
    assert.equal((await stage.recordings.open(id)).state, 'gone');
});

test('a broken journal costs nothing while the store knows the recording', async (t) => {
  const stage = await recordingsFor(t);
  const recordingId = await leaveSealed(stage, babble(800));
  writeFileSync(inSpool(stage, `${recordingId}.json`), '{"recordingId": 7');
  await stage.restart();
  assert.equal((await stage.recordings.recover())[0]?.operationId, 'operation');
});

test('audio whose record is lost is kept for its retention', async (t) => {
  const stage = await recordingsFor(t);
  const recordingId = await leaveSealed(stage, babble(800));
  await stage.store.delete(`recording/${recordingId}`);
  await stage.restart();
  const [recovered] = await stage.recordings.recover();
  assert.deepEqual([recovered?.callId, recovered?.operationId], ['call', 'operation']);
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(800))));
});

test('half-written files and interrupted deletions are tidied; what is not ours is left alone and logged', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId: kept } = await stage.finished(babble(800));
  const { recordingId: deleted } = await stage.finished(babble(800));
  await stage.recordings.delete(deleted);
  writeFileSync(inFinished(stage, `${deleted}.wav`), 'the deletion was interrupted');
  writeFileSync(inFinished(stage, `${crypto.randomUUID()}.wav.part`), 'half');
  const foreign = [
    'notes.txt',
    '.hidden',
    `${crypto.randomUUID()}.mp3`,
    `${crypto.randomUUID().toUpperCase()}.pcm`,
  ];
  for (const name of foreign) {
    writeFileSync(inSpool(stage, name), 'mine');
    writeFileSync(inFinished(stage, name), 'mine');
  }
  const orphan = crypto.randomUUID();
  writeFileSync(inSpool(stage, `${orphan}.pcm`), 'audio of nobody');
  writeFileSync(inFinished(stage, `${orphan}.wav`), 'a file of nobody');
  mkdirSync(inSpool(stage, 'folder'));
  await stage.restart();
  assert.deepEqual(await stage.recordings.recover(), []);
  assert.deepEqual(spooled(stage).sort(), [...foreign, `${orphan}.pcm`, 'folder'].sort());
  assert.deepEqual(
    readdirSync(join(stage.folder, 'finished')).sort(),
    [...foreign, `${kept}.wav`, `${orphan}.wav`].sort(),
  );
  const leftAlone = stage.logged.filter(({ message }) => message.includes('left alone'));
  assert.equal(leftAlone.length, 4);
  assert.deepEqual(leftAlone[0]?.fields.count, foreign.length + 1);
});

test('recordings of this process are not touched', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  take.append(babble(4000));
  take.settle();
  const { recordingId: finishing } = await stage.prepare();
  const other = stage.take(finishing);
  other.append(babble(4000));
  const told = { samples: await other.seal() };
  const [finished, recovered] = await Promise.all([
    stage.recordings.finish(finishing, told),
    stage.recordings.recover(),
  ]);
  assert.deepEqual(recovered, []);
  assert.equal(finished.durationMs, 500);
  assert.equal((await stage.recordings.open(recordingId)).state, 'recording');
  await stage.recordings.finish(recordingId, { samples: await take.seal() });
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(4000))));
});

test('one recording that cannot be finished holds up no other, and is tried again', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const stage = await recordingsFor(t);
  const bad = await leaveSealed(stage, babble(8000));
  const good = await leaveSealed(stage, babble(8000));
  symlinkSync('/dev/full', inFinished(stage, `${bad}.wav.part`));
  await stage.restart();
  assert.deepEqual(
    (await stage.recordings.recover()).map(({ recordingId }) => recordingId),
    [good],
  );
  assert.match(String(stage.logged.at(-1)?.fields.error), /ENOSPC/);
  assert.ok(existsSync(inSpool(stage, `${bad}.pcm`)));
  await stage.restart();
  assert.equal((await stage.recordings.recover())[0]?.recordingId, bad);
});

test('what a killed process left is finished in the format that was asked for', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare({ format: 'flac', trimSilence: true });
  await stage.capture(recordingId, babble(8000));
  await stage.restart();
  assert.equal((await stage.recordings.recover())[0]?.durationMs, 1000);
  const recording = await stage.recordings.open(recordingId);
  assert.ok(recording.state === 'finished' && recording.contentType === 'audio/flac');
});
