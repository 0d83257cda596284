import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { captureAndDie } from '../../test/support/capture-and-die.ts';
import {
  babble,
  collect,
  expectedFile,
  fileOf,
  type RecordingStage,
  stageRecordings,
} from '../../test/support/recordings.ts';
import { bytesOf } from './file-bytes.ts';
import { FORMATS } from './formats.ts';
import { masterKeys, type WrappedKey } from './master-keys.ts';

const OLD = new Uint8Array(32).fill(1);
const NEW = new Uint8Array(32).fill(2);

async function staged(t: TestContext, keys: readonly Uint8Array[] = [OLD]): Promise<RecordingStage> {
  const stage = await stageRecordings({ masterKeys: masterKeys(keys) });
  t.after(() => stage.close());
  return stage;
}

async function finishedOf(stage: RecordingStage, recordingId: string) {
  const recording = await stage.recordings.open(recordingId);
  assert.ok(recording.state === 'finished', recording.state);
  return recording;
}

async function wrappedKeyOf(stage: RecordingStage, recordingId: string): Promise<WrappedKey | undefined> {
  const record = await stage.store.get<{ readonly key?: WrappedKey }>(`recording/${recordingId}`);
  return record?.value.key;
}

const spoolOf = (stage: RecordingStage, recordingId: string) =>
  join(stage.recordings.spoolFolder, `${recordingId}.pcm`);
const finishedPath = (stage: RecordingStage, recordingId: string) =>
  join(stage.folder, 'finished', `${recordingId}.wav`);

/** Whether 16 samples in a row of it lie in clear in a file of the folder. */
function isInClear(stage: RecordingStage, audio: Int16Array): boolean {
  const files = readdirSync(stage.folder, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  return files.some(({ parentPath, name }) => {
    const content = readFileSync(join(parentPath, name));
    for (let at = 0; at + 16 <= audio.length; at += 500)
      if (content.includes(bytesOf(audio.subarray(at, at + 16)))) return true;
    return false;
  });
}

/** A sealed take of which the process that captured it never made a file. */
async function leaveSealed(stage: RecordingStage, samples: Int16Array): Promise<string> {
  const { recordingId } = await stage.prepare();
  await stage.capture(recordingId, samples);
  return recordingId;
}

test('neither the spool nor the finished file holds audio in clear, and what is read is the plain file', async (t) => {
  const stage = await staged(t);
  const samples = babble(60_000);
  const expected = expectedFile(samples);
  const { recordingId } = await stage.prepare();
  const told = await stage.capture(recordingId, samples);
  assert.ok(existsSync(spoolOf(stage, recordingId)));
  assert.equal(isInClear(stage, samples), false, 'the spool');
  const plain = await staged(t, []);
  await leaveSealed(plain, samples);
  assert.equal(isInClear(plain, samples), true, 'it would be found');
  const { bytes, sha256 } = await stage.recordings.finish(recordingId, told);
  assert.equal(existsSync(spoolOf(stage, recordingId)), false);
  assert.equal(isInClear(stage, new Int16Array(expected.buffer, expected.byteOffset + 44, 50_000)), false);
  assert.equal(bytes, expected.length);
  assert.equal(sha256, createHash('sha256').update(expected).digest('hex'));
  const recording = await finishedOf(stage, recordingId);
  assert.equal(recording.bytes, bytes);
  for (const [from, to] of [
    [0, bytes],
    [0, 1],
    [65_535, 65_537],
    [bytes - 1, bytes],
    [70_000, 70_000],
  ] as const)
    assert.ok((await collect(recording.read(from, to))).equals(expected.subarray(from, to)), `${from}-${to}`);
});

test('every format is whole, also one whose beginning is known at its end', async (t) => {
  const stage = await staged(t);
  const plain = await staged(t, []);
  for (const format of ['wav', 'mp3', 'flac'] as const) {
    const make = async ({ prepare, capture, recordings }: RecordingStage) => {
      const { recordingId } = await prepare({ format });
      return await recordings.finish(recordingId, await capture(recordingId, babble(100_000)));
    };
    const { recordingId, bytes, sha256 } = await make(stage);
    const file = await fileOf(stage, recordingId);
    assert.equal(file.length, bytes);
    assert.equal(createHash('sha256').update(file).digest('hex'), sha256);
    assert.equal(sha256, (await make(plain)).sha256, `${format} is what it is without encryption`);
    const onDisk = readFileSync(join(stage.folder, 'finished', `${recordingId}${FORMATS[format].suffix}`));
    assert.equal(onDisk.toString('latin1', 0, 7), 'TONEARM');
  }
});

test('a recording is read while it grows', async (t) => {
  const stage = await staged(t);
  const samples = babble(30_000);
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  const follow = async () => {
    const recording = await stage.recordings.open(recordingId);
    assert.ok(recording.state === 'recording');
    return collect(recording.follow(new AbortController().signal));
  };
  const early = follow();
  for (let at = 0; at < samples.length; at += 1000) {
    take.append(samples, at, at + 1000);
    take.settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const late = follow();
  await stage.recordings.finish(recordingId, { samples: await take.seal() });
  const file = await fileOf(stage, recordingId);
  assert.ok(file.equals(expectedFile(samples)));
  assert.ok((await early).subarray(44).equals(file.subarray(44)));
  assert.ok((await late).subarray(44).equals(file.subarray(44)));
});

test('what was written and then cut off is in neither the recording nor what was read along, wherever in a segment it was cut', async (t) => {
  const samples = babble(30_000);
  for (const cut of [29_990, 24_000, 10_007, 9000]) {
    for (const dies of [false, true]) {
      const stage = await staged(t);
      const { recordingId } = await stage.prepare();
      const recording = await stage.recordings.open(recordingId);
      assert.ok(recording.state === 'recording');
      const along = collect(recording.follow(new AbortController().signal));
      const take = stage.take(recordingId);
      for (let at = 0; at < samples.length; at += 3000) {
        take.append(samples, at, at + 3000);
        take.settle(Math.min(at + 3000, 9000));
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(take.written, 30_000);
      take.cut(cut);
      const told = { samples: await take.seal() };
      assert.equal(told.samples, cut);
      if (dies) {
        await stage.restart();
        assert.equal((await stage.recordings.recover()).length, 1);
      } else await stage.recordings.finish(recordingId, told);
      const file = await fileOf(stage, recordingId);
      assert.ok(file.equals(expectedFile(samples.subarray(0, cut))), `${cut}`);
      if (!dies) assert.ok((await along).subarray(44).equals(file.subarray(44)), `${cut}`);
    }
  }
});

test('a deleted recording has no key any more, and a copy of its file is no use', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(8000));
  const other = await stage.finished(babble(8000));
  const path = finishedPath(stage, recordingId);
  copyFileSync(path, join(stage.folder, 'stolen'));
  assert.ok(await wrappedKeyOf(stage, recordingId));
  await stage.recordings.delete(recordingId);
  assert.equal(existsSync(path), false);
  assert.equal(await wrappedKeyOf(stage, recordingId), undefined);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
  copyFileSync(join(stage.folder, 'stolen'), finishedPath(stage, other.recordingId));
  await assert.rejects(fileOf(stage, other.recordingId), { code: 'readFailed' });
});

test('the key goes at the end of the retention, and when a recording came to nothing', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(800));
  const { recordingId: nothing } = await stage.prepare();
  assert.ok(await wrappedKeyOf(stage, nothing));
  await stage.recordings.discard(nothing);
  assert.equal(await wrappedKeyOf(stage, nothing), undefined);
  await stage.clock.advance(86_400_000);
  while ((await wrappedKeyOf(stage, recordingId)) !== undefined)
    await new Promise((resolve) => setImmediate(resolve));
  assert.equal(existsSync(finishedPath(stage, recordingId)), false);
});

test('with another first master key the keys are wrapped anew at the start, and the old one is not needed', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(8000));
  const waiting = await leaveSealed(stage, babble(4000));
  const before = await wrappedKeyOf(stage, recordingId);
  await stage.restart({ masterKeys: masterKeys([NEW, OLD]) });
  assert.notEqual((await wrappedKeyOf(stage, recordingId))?.by, before?.by);
  await stage.restart({ masterKeys: masterKeys([NEW]) });
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(8000))));
  assert.equal((await stage.recordings.recover())[0]?.recordingId, waiting);
  assert.ok((await fileOf(stage, waiting)).equals(expectedFile(babble(4000))));
  assert.deepEqual(stage.logged, []);
});

test('without its master key a recording is refused with the reason, and nothing of it is lost', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(8000));
  const waiting = await leaveSealed(stage, babble(4000));
  const by = (await wrappedKeyOf(stage, recordingId))?.by;
  for (const keys of [[], [NEW]]) {
    stage.logged.length = 0;
    await stage.restart({ masterKeys: masterKeys(keys) });
    assert.deepEqual(
      stage.logged.map(({ fields }) => fields),
      [{ recordings: 2, masterKeys: [by] }],
    );
    assert.match(stage.logged[0]?.message ?? '', /recordings cannot be read.*recordings\.encryption/);
    await assert.rejects(fileOf(stage, recordingId), { code: 'masterKeyMissing' });
    assert.deepEqual(await stage.recordings.recover(), []);
    assert.match(String(stage.logged[1]?.fields.error), new RegExp(`${waiting}.*master key ${by}`));
  }
  await stage.restart({ masterKeys: masterKeys([OLD]) });
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(8000))));
  assert.equal((await stage.recordings.recover()).length, 1);
  assert.ok((await fileOf(stage, waiting)).equals(expectedFile(babble(4000))));
});

test('recordings of before and after encryption was turned on, and off again, are read side by side', async (t) => {
  const stage = await staged(t, []);
  const ids: string[] = [];
  for (const keys of [masterKeys([]), masterKeys([OLD]), masterKeys([OLD], { encryptNew: false })]) {
    const waiting = await leaveSealed(stage, babble(3000));
    await stage.restart({ masterKeys: keys });
    await stage.recordings.recover();
    ids.push(waiting, (await stage.finished(babble(3000))).recordingId);
  }
  for (const id of ids) assert.ok((await fileOf(stage, id)).equals(expectedFile(babble(3000))));
  const isEncrypted = ids.map((id) => readFileSync(finishedPath(stage, id), 'latin1').startsWith('TONEARM'));
  assert.deepEqual(isEncrypted, [false, false, false, true, true, false]);
});

test('what a killed process was recording is finished up to its last whole segment', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.prepare();
  await captureAndDie(stage, recordingId, 349);
  // As if it had died in the middle of a write.
  appendFileSync(spoolOf(stage, recordingId), Buffer.from('00001f4000000012abcdef', 'hex'));
  assert.equal(isInClear(stage, babble(349 * 160)), false);
  await stage.restart();
  const [recovered] = await stage.recordings.recover();
  assert.ok(recovered);
  const samples = recovered.durationMs * 8;
  assert.ok(samples > 349 * 160 - 8000, `${samples} of ${349 * 160} samples`);
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(349 * 160).subarray(0, samples))));
  assert.deepEqual(readdirSync(stage.recordings.spoolFolder), []);
  assert.deepEqual(stage.logged, []);
});

test('of a take that was changed in the spool, what comes before is kept, and that is told', async (t) => {
  const stage = await staged(t);
  const recordingId = await leaveSealed(stage, babble(40_000));
  const untouched = await leaveSealed(stage, babble(8000));
  const changed = readFileSync(spoolOf(stage, recordingId));
  changed[60_000]! ^= 1;
  writeFileSync(spoolOf(stage, recordingId), changed);
  const fromStart = readFileSync(spoolOf(stage, untouched));
  fromStart[50]! ^= 1;
  writeFileSync(spoolOf(stage, untouched), fromStart);
  await stage.restart();
  const [recovered, ...others] = await stage.recordings.recover();
  assert.deepEqual(others, [], 'one of which nothing is whole is left alone');
  assert.ok(recovered !== undefined && recovered.durationMs > 2000 && recovered.durationMs < 4000);
  const kept = babble(40_000).subarray(0, recovered.durationMs * 8);
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(kept)));
  assert.match(stage.logged.map(({ message }) => message).join(), /damaged: what comes before that is kept/);
  assert.match(stage.logged.map(({ fields }) => String(fields.error)).join(), /segment 0 was changed/);
  assert.ok(existsSync(spoolOf(stage, untouched)));
});

test('an encrypted take whose record was lost is left alone, never taken for audio', async (t) => {
  const stage = await staged(t);
  const recordingId = await leaveSealed(stage, babble(8000));
  await stage.store.delete(`recording/${recordingId}`);
  await stage.restart();
  assert.deepEqual(await stage.recordings.recover(), []);
  assert.match(String(stage.logged[0]?.fields.error), /encrypted, and its key went with its record/);
  assert.ok(existsSync(spoolOf(stage, recordingId)));
});

test('a recording that cannot be read for want of its master key can be deleted', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(800));
  await stage.restart({ masterKeys: masterKeys([]) });
  assert.equal(await stage.recordings.delete(recordingId), true);
  assert.equal(existsSync(finishedPath(stage, recordingId)), false);
  assert.equal(await wrappedKeyOf(stage, recordingId), undefined);
});

test('a key that was changed in the store opens nothing', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(800));
  const other = await stage.finished(babble(800));
  const record = (await stage.store.get(`recording/${recordingId}`))?.value as object;
  await stage.store.put(`recording/${recordingId}`, {
    ...record,
    key: await wrappedKeyOf(stage, other.recordingId),
  });
  await assert.rejects(fileOf(stage, recordingId), { code: 'keyUnusable' });
  assert.equal((await finishedOf(stage, other.recordingId)).state, 'finished');
  rmSync(finishedPath(stage, other.recordingId));
  assert.equal((await stage.recordings.open(other.recordingId)).state, 'gone');
});
