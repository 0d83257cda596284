import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { recordsOf } from '../../test/contracts/store-contract.ts';
import {
  babble,
  collect,
  expectedFile,
  filesIn,
  opened,
  recordingsFor,
  slowEncoder,
  stageRecordings,
  until,
} from '../../test/support/recordings.ts';
import { missing } from '../../test/support/tools.ts';
import { parseWav } from '../wire/wav.ts';

test('a take becomes a WAV file of 16 kHz, 16 bit, mono, and leaves the spool', async (t) => {
  const stage = await recordingsFor(t);
  const samples = babble(24_123);
  const { recordingId, location } = await stage.prepare();
  assert.equal(location, `http://tonearm.example/recordings/${recordingId}`);
  const take = stage.take(recordingId);
  take.append(samples);
  const finished = await stage.recordings.finish(recordingId, { samples: await take.seal() });
  const expected = expectedFile(samples);
  assert.deepEqual(finished, {
    recordingId,
    bytes: 44 + 4 * 24_123,
    durationMs: 24_123 / 8,
    sha256: createHash('sha256').update(expected).digest('hex'),
  });
  const recording = await opened(stage, recordingId, 'finished');
  const file = await collect(recording.read(0, recording.bytes));
  assert.ok(file.equals(expected));
  const parsed = parseWav(file);
  assert.ok(parsed.ok);
  assert.equal(parsed.audio.frames, 2 * 24_123);
  assert.deepEqual(
    { ...recording, read: undefined },
    {
      state: 'finished',
      applicationId: 'application',
      bytes: expected.length,
      sha256: finished.sha256,
      contentType: 'audio/wav',
      fileName: `recording-${recordingId}.wav`,
      lastModified: new Date(stage.clock.now()),
      read: undefined,
    },
  );
  assert.deepEqual(filesIn(stage), [`${recordingId}.wav`]);
});

test('sox reads the file as what it is', { skip: missing('/usr/bin/sox') }, async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.finished(babble(12_000));
  const path = join(stage.folder, 'finished', `${recordingId}.wav`);
  const ask = (option: string) => spawnSync('soxi', [option, path], { encoding: 'utf8' }).stdout.trim();
  assert.deepEqual(['-t', '-r', '-c', '-b', '-e', '-s'].map(ask), [
    'wav',
    '16000',
    '1',
    '16',
    'Signed Integer PCM',
    '24000',
  ]);
});

test('its token opens a recording, and only until its longest duration and the lifetime are over', async (t) => {
  const stage = await recordingsFor(t);
  const mine = await stage.prepare();
  const other = await stage.prepare();
  assert.equal(await stage.recordings.authorize(mine.recordingId, mine.accessToken), 'ok');
  assert.equal(await stage.recordings.authorize(mine.recordingId.toUpperCase(), mine.accessToken), 'ok');
  assert.equal(await stage.recordings.authorize(other.recordingId, mine.accessToken), 'otherRecording');
  assert.equal(await stage.recordings.authorize(mine.recordingId, 'nonsense'), 'invalid');
  await stage.clock.advance(60_000 + 3_600_000 - 1);
  assert.equal(await stage.recordings.authorize(mine.recordingId, mine.accessToken), 'ok');
  await stage.clock.advance(1);
  assert.equal(await stage.recordings.authorize(mine.recordingId, mine.accessToken), 'invalid');
});

test('a discarded recording leaves no audio, only the memory that it is gone', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  take.append(babble(4000));
  await take.seal();
  await stage.recordings.discard(recordingId);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
  assert.deepEqual(filesIn(stage), []);
  await stage.recordings.discard(recordingId);
});

test('a deleted recording is gone, once', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.finished(babble(4000));
  assert.equal(await stage.recordings.delete(recordingId), true);
  assert.equal(await stage.recordings.delete(recordingId), false);
  assert.equal(await stage.recordings.delete(crypto.randomUUID()), false);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
  assert.deepEqual(filesIn(stage), []);
});

test('a recording that is still growing is not deleted', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.prepare();
  assert.equal(await stage.recordings.delete(recordingId), false);
  assert.equal((await stage.recordings.open(recordingId)).state, 'recording');
});

test('a recording past its retention is gone, also when a restart lies between; later it is forgotten', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.finished(babble(4000));
  await stage.clock.advance(86_400_000 / 2);
  await stage.recordings.close();
  await stage.restart();
  await stage.clock.advance(86_400_000 / 2 - 1);
  const last = await opened(stage, recordingId, 'finished');
  assert.equal((await collect(last.read(0, 44))).length, 44);
  await stage.clock.advance(1);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
  await until(
    async () =>
      (await stage.store.get<{ state: string }>(`recording/${recordingId}`))?.value.state === 'gone',
  );
  assert.deepEqual(filesIn(stage), []);
  await stage.clock.advance(86_400_000 - 1000);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
  await stage.clock.advance(2000);
  assert.equal((await stage.recordings.open(recordingId)).state, 'unknown');
});

test('a recording leaves the disk when its retention is over', async (t) => {
  const stage = await recordingsFor(t);
  await stage.finished(babble(4000));
  await stage.clock.advance(86_400_000 - 1);
  assert.equal(filesIn(stage).length, 1);
  await stage.clock.advance(1);
  await until(async () => filesIn(stage).length === 0);
});

test('what is deleted before its time is remembered as gone as long as its token is good', async (t) => {
  const stage = await recordingsFor(t, { tokenLifetimeMs: 10 * 86_400_000 });
  const { recordingId, accessToken } = await stage.finished(babble(4000));
  await stage.recordings.delete(recordingId);
  await stage.clock.advance(10 * 86_400_000);
  assert.equal(await stage.recordings.authorize(recordingId, accessToken), 'ok');
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
});

test('what is deleted while its file is being made leaves nothing on the disk', async (t) => {
  const slow = slowEncoder();
  const stage = await recordingsFor(t, { encoder: slow.encoder });
  const { recordingId } = await stage.prepare();
  assert.equal(await stage.recordings.delete(recordingId), false, 'it grows');
  await stage.recordings.keep(recordingId, await stage.capture(recordingId, babble(9000)));
  const deleted = stage.recordings.delete(recordingId);
  await slow.asked;
  slow.release();
  assert.equal(await deleted, true);
  assert.deepEqual(filesIn(stage), []);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
});

test('with too little room no recording is begun, and nothing is kept of it', async (t) => {
  const stage = await recordingsFor(t, { minFreeBytes: Number.MAX_SAFE_INTEGER });
  await assert.rejects(stage.prepare(), { code: 'noRoom', message: /MB are free there/ });
  assert.deepEqual(await recordsOf(stage.store, ''), []);
  assert.equal(stage.recordings.room.refused, 1);
});

test('a folder that cannot be used is refused by name', async (t) => {
  const file = join(tmpdir(), `tonearm-file-${crypto.randomUUID()}`);
  writeFileSync(file, '');
  t.after(() => rmSync(file));
  for (const folder of [file, join(file, 'deeper')])
    await assert.rejects(stageRecordings({ folder }), {
      code: 'recordingsUnusable',
      message: new RegExp(`${folder}.*writ`),
    });
});

test('the files are for their owner only', async (t) => {
  const stage = await recordingsFor(t);
  const { recordingId } = await stage.finished(babble(100));
  assert.equal(statSync(join(stage.folder, 'finished', `${recordingId}.wav`)).mode & 0o077, 0);
  assert.equal(statSync(stage.recordings.spoolFolder).mode & 0o077, 0);
});

test('a recording is to be had in the format that was asked for, by its name and type', async (t) => {
  const stage = await recordingsFor(t);
  for (const [format, contentType, begins] of [
    ['wav', 'audio/wav', 'RIFF'],
    ['mp3', 'audio/mpeg', '\xff\xf3'],
    ['flac', 'audio/flac', 'fLaC'],
    ['ogg', 'audio/ogg', 'OggS'],
  ] as const) {
    const { recordingId } = await stage.prepare({ format });
    const told = await stage.capture(recordingId, babble(16_000));
    const { durationMs, bytes, sha256 } = await stage.recordings.finish(recordingId, told);
    assert.equal(durationMs, 2000);
    const recording = await opened(stage, recordingId, 'finished');
    assert.equal(recording.contentType, contentType);
    assert.equal(recording.fileName, `recording-${recordingId}.${format}`);
    const file = await collect(recording.read(0, bytes));
    assert.equal(file.toString('latin1', 0, begins.length), begins);
    assert.equal(createHash('sha256').update(file).digest('hex'), sha256);
    assert.equal(await stage.recordings.delete(recordingId), true);
  }
  assert.deepEqual(filesIn(stage), []);
});
