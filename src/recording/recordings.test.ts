import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { recordsOf } from '../../test/contracts/store-contract.ts';
import {
  babble,
  collect,
  expectedFile,
  fileOf,
  type RecordingStage,
  stageRecordings,
  until,
} from '../../test/support/recordings.ts';
import { missing } from '../../test/support/tools.ts';
import { parseWav } from '../wire/wav.ts';
import type { Encoder } from './encoder.ts';
import { finishFile } from './finish.ts';
import type { OpenRecording } from './library.ts';

async function staged(
  t: TestContext,
  options?: Parameters<typeof stageRecordings>[0],
): Promise<RecordingStage> {
  const stage = await stageRecordings(options);
  t.after(() => stage.close());
  return stage;
}

async function opened<S extends OpenRecording['state']>(stage: RecordingStage, id: string, state: S) {
  const recording = await stage.recordings.open(id);
  assert.equal(recording.state, state);
  return recording as Extract<OpenRecording, { state: S }>;
}

/** An encoder that makes no file before it is released. */
function slowEncoder() {
  const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const encoder: Encoder = {
    warm() {},
    async encode(job) {
      asked.resolve();
      await released.promise;
      return finishFile(job);
    },
    close: async () => {},
  };
  return { encoder, asked: asked.promise, release: released.resolve };
}

const filesIn = (stage: RecordingStage) =>
  readdirSync(stage.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

test('a take becomes a WAV file of 16 kHz, 16 bit, mono, and leaves the spool', async (t) => {
  const stage = await staged(t);
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
  const stage = await staged(t);
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

test('any part of the file can be read', async (t) => {
  const stage = await staged(t);
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

test('very short takes are files too, and lengths are exact', async (t) => {
  const stage = await staged(t);
  for (const length of [1, 15, 16, 17, 3999, 4000, 4001]) {
    const { recordingId } = await stage.finished(babble(length));
    const recording = await opened(stage, recordingId, 'finished');
    assert.ok((await collect(recording.read(0, recording.bytes))).equals(expectedFile(babble(length))));
  }
});

test('finishing twice gives the same file, at once and later', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  take.append(babble(9000));
  const told = { samples: await take.seal() };
  const [first, second] = await Promise.all([
    stage.recordings.finish(recordingId, told),
    stage.recordings.finish(recordingId, told),
  ]);
  assert.deepEqual(second, first);
  assert.deepEqual(await stage.recordings.finish(recordingId, told), first);
});

test('finishing long takes side by side never holds the thread for long', async (t) => {
  const stage = await staged(t);
  const takes = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const { recordingId } = await stage.prepare();
      return { recordingId, told: await stage.capture(recordingId, babble(800_000)) };
    }),
  );
  let finished = false;
  const finishing = Promise.all(
    takes.map(({ recordingId, told }) => stage.recordings.finish(recordingId, told)),
  ).finally(() => (finished = true));
  // The processor time of this thread, not the wall's: other tests run beside this one.
  let longestMs = 0;
  for (let before = process.threadCpuUsage(); !finished; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const { user, system } = process.threadCpuUsage(before);
    longestMs = Math.max(longestMs, (user + system) / 1000);
    before = process.threadCpuUsage();
  }
  await finishing;
  // Each take is 45 ms of work.
  assert.ok(longestMs < 15, `held for ${longestMs} ms`);
});

test('a recording that is prepared is live, one that nobody knows is unknown', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.prepare();
  assert.equal((await stage.recordings.open(recordingId)).state, 'recording');
  assert.equal((await stage.recordings.open(recordingId.toUpperCase())).state, 'recording');
  for (const id of ['', '..', '../../etc/passwd', 'x'.repeat(36), crypto.randomUUID(), `${recordingId}/..`])
    assert.equal((await stage.recordings.open(id)).state, 'unknown', id);
});

test('its token opens a recording, and only until its longest duration and the lifetime are over', async (t) => {
  const stage = await staged(t);
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
  const stage = await staged(t);
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
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(4000));
  assert.equal(await stage.recordings.delete(recordingId), true);
  assert.equal(await stage.recordings.delete(recordingId), false);
  assert.equal(await stage.recordings.delete(crypto.randomUUID()), false);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
  assert.deepEqual(filesIn(stage), []);
});

test('a recording that is still growing is not deleted', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.prepare();
  assert.equal(await stage.recordings.delete(recordingId), false);
  assert.equal((await stage.recordings.open(recordingId)).state, 'recording');
});

test('a recording past its retention is gone, also when a restart lies between; later it is forgotten', async (t) => {
  const stage = await staged(t);
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
  const stage = await staged(t);
  await stage.finished(babble(4000));
  await stage.clock.advance(86_400_000 - 1);
  assert.equal(filesIn(stage).length, 1);
  await stage.clock.advance(1);
  await until(async () => filesIn(stage).length === 0);
});

test('past its retention a recording is gone, even when nobody has come to remove it', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(4000));
  await stage.recordings.close();
  await stage.clock.advance(86_400_000 - 1);
  assert.equal((await stage.recordings.open(recordingId)).state, 'finished');
  await stage.clock.advance(1);
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
  assert.equal(filesIn(stage).length, 1);
});

test('what is deleted before its time is remembered as gone as long as its token is good', async (t) => {
  const stage = await staged(t, { tokenLifetimeMs: 10 * 86_400_000 });
  const { recordingId, accessToken } = await stage.finished(babble(4000));
  await stage.recordings.delete(recordingId);
  await stage.clock.advance(10 * 86_400_000);
  assert.equal(await stage.recordings.authorize(recordingId, accessToken), 'ok');
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
});

test('a file that somebody removed is gone', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(4000));
  rmSync(join(stage.folder, 'finished', `${recordingId}.wav`));
  assert.equal((await stage.recordings.open(recordingId)).state, 'gone');
});

test('what is kept is told before its file is made: who opens it meanwhile gets the file, or is told when to come again', async (t) => {
  const slow = slowEncoder();
  const stage = await staged(t, { encoder: slow.encoder });
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

test('what is deleted while its file is being made leaves nothing on the disk', async (t) => {
  const slow = slowEncoder();
  const stage = await staged(t, { encoder: slow.encoder });
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

test('with many files to be made, what is kept is told when its own is there', async (t) => {
  const slow = slowEncoder();
  const stage = await staged(t, { encoder: slow.encoder });
  const keep = async () => {
    const { recordingId } = await stage.prepare();
    await stage.recordings.keep(recordingId, await stage.capture(recordingId, babble(80)));
    return recordingId;
  };
  for (let behind = 0; behind < 64; behind++) await keep();
  const isThere = keep().then((id) => existsSync(join(stage.folder, 'finished', `${id}.wav`)));
  await slow.asked;
  slow.release();
  assert.ok(await isThere);
});

test('nothing is kept of what is not in the spool, and a file that fails later is logged and tried again', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const stage = await staged(t);
  const nothing = await stage.prepare();
  await assert.rejects(stage.recordings.keep(nothing.recordingId, { samples: 800 }), {
    code: 'recordingLost',
  });
  const { recordingId } = await stage.prepare();
  const told = await stage.capture(recordingId, babble(800));
  symlinkSync('/dev/full', join(stage.folder, 'finished', `${recordingId}.wav.part`));
  await stage.recordings.keep(recordingId, told);
  await until(() => stage.recordings.waiting === 1);
  assert.deepEqual(
    stage.logged.map(({ message }) => message),
    ['a recording could not be finished'],
  );
  await stage.clock.advance(10_000);
  await until(() => stage.recordings.waiting === 0);
  assert.ok((await fileOf(stage, recordingId)).equals(expectedFile(babble(800))));
});

test('what an earlier process kept is to be waited for until it is recovered', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.prepare();
  await stage.capture(recordingId, babble(800));
  await stage.restart();
  assert.equal((await stage.recordings.open(recordingId)).state, 'waiting');
  await stage.recordings.recover();
  assert.equal((await stage.recordings.open(recordingId)).state, 'finished');
});

test('a disk that is full when the file is finished is told; the audio stays, and is finished as soon as there is room', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const stage = await staged(t);
  const samples = babble(20_000);
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  take.append(samples);
  const told = { samples: await take.seal() };
  const temporary = join(stage.folder, 'finished', `${recordingId}.wav.part`);
  symlinkSync('/dev/full', temporary);
  await assert.rejects(stage.recordings.finish(recordingId, told), {
    code: 'finishFailed',
    message: new RegExp(`${recordingId}.*ENOSPC.*${stage.recordings.spoolFolder}`),
  });
  assert.deepEqual(await stage.recordings.open(recordingId), {
    state: 'waiting',
    applicationId: 'application',
    retryInMs: 10_000,
  });
  assert.equal(await stage.recordings.delete(recordingId), false);
  assert.ok(existsSync(join(stage.recordings.spoolFolder, `${recordingId}.pcm`)));

  assert.deepEqual(readdirSync(join(stage.folder, 'finished')), [], 'nothing half-written is left');

  const { recordingId: another } = await stage.finished(babble(100));
  assert.equal((await stage.recordings.open(another)).state, 'finished', 'others are not touched');
  symlinkSync('/dev/full', temporary);
  await stage.clock.advance(10_000);
  await until(() => stage.logged.some(({ message }) => message.includes('still refuses')));
  assert.equal(stage.recordings.waiting, 1);
  await stage.clock.advance(20_000);
  await until(() => stage.recordings.waiting === 0);
  const late = await opened(stage, recordingId, 'finished');
  assert.ok((await collect(late.read(0, late.bytes))).equals(expectedFile(samples)));
  assert.deepEqual(readdirSync(stage.recordings.spoolFolder), []);
});

test('a file that comes later holds all that readers were given, though whoever ended it knew of less', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const stage = await staged(t);
  const samples = babble(20_000);
  const { recordingId } = await stage.prepare();
  const { body } = await bodyOf(stage, recordingId);
  const reading = collect(body);
  await stage.capture(recordingId, samples);
  symlinkSync('/dev/full', join(stage.folder, 'finished', `${recordingId}.wav.part`));
  // As when a worker died: it had told of so much.
  await assert.rejects(stage.recordings.finish(recordingId, { samples: 9000 }), { code: 'finishFailed' });
  const read = await reading;
  assert.ok(read.subarray(44).equals(expectedFile(samples).subarray(44)));
  await stage.clock.advance(10_000);
  await until(() => stage.recordings.waiting === 0);
  const late = await opened(stage, recordingId, 'finished');
  assert.ok((await collect(late.read(0, late.bytes))).equals(expectedFile(samples)));
});

test('what a full disk left unfinished is finished by the next start', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const stage = await staged(t);
  const samples = babble(20_000);
  const { recordingId } = await stage.prepare();
  const told = await stage.capture(recordingId, samples);
  symlinkSync('/dev/full', join(stage.folder, 'finished', `${recordingId}.wav.part`));
  await assert.rejects(stage.recordings.finish(recordingId, told), { code: 'finishFailed' });
  await stage.restart();
  assert.equal((await stage.recordings.recover())[0]?.recordingId, recordingId);
  const recording = await opened(stage, recordingId, 'finished');
  assert.ok((await collect(recording.read(0, recording.bytes))).equals(expectedFile(samples)));
});

test('with too little room no recording is begun, and nothing is kept of it', async (t) => {
  const stage = await staged(t, { minFreeBytes: Number.MAX_SAFE_INTEGER });
  await assert.rejects(stage.prepare(), { code: 'noRoom', message: /MB are free there/ });
  assert.deepEqual(await recordsOf(stage.store, ''), []);
  assert.equal(stage.recordings.room.refused, 1);
});

test('a store that cannot keep the record keeps the spool', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  take.append(babble(800));
  const told = { samples: await take.seal() };
  const put = stage.store.put.bind(stage.store);
  stage.store.put = async () => {
    throw new Error('the store is broken');
  };
  await assert.rejects(stage.recordings.finish(recordingId, told), {
    code: 'finishFailed',
    message: /store is broken/,
  });
  await assert.rejects(stage.prepare(), /store is broken/);
  stage.store.put = put;
  assert.ok(existsSync(join(stage.recordings.spoolFolder, `${recordingId}.pcm`)));
  await stage.restart();
  assert.equal((await stage.recordings.recover()).length, 1);
});

test('a spool that lost some of a take gives what it has, and says so', async (t) => {
  const stage = await staged(t);
  const { recordingId } = await stage.prepare();
  const take = stage.take(recordingId);
  take.append(babble(8000));
  await take.seal();
  truncateSync(join(stage.recordings.spoolFolder, `${recordingId}.pcm`), 6001);
  const finished = await stage.recordings.finish(recordingId, { samples: 8000 });
  assert.equal(finished.durationMs, 375);
  assert.match(stage.logged[0]?.message ?? '', /shorter than what was heard/);
  const { recordingId: nothing } = await stage.prepare();
  await assert.rejects(stage.recordings.finish(nothing, { samples: 8000 }), {
    code: 'recordingLost',
  });
  await assert.rejects(stage.recordings.finish(crypto.randomUUID(), { samples: 1 }), {
    code: 'recordingLost',
  });
  assert.equal(stage.recordings.waiting, 0, 'there is nothing to try again with');
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
  const stage = await staged(t);
  const { recordingId } = await stage.finished(babble(100));
  assert.equal(statSync(join(stage.folder, 'finished', `${recordingId}.wav`)).mode & 0o077, 0);
  assert.equal(statSync(stage.recordings.spoolFolder).mode & 0o077, 0);
});

test('a recording is to be had in the format that was asked for, by its name and type', async (t) => {
  const stage = await staged(t);
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

test('silence before and after all speech is cut off where that was asked for, but for 200 ms', async (t) => {
  const stage = await staged(t);
  const lengthOf = async (trimSilence: boolean, speech?: { startMs: number; endMs: number }) => {
    const { recordingId } = await stage.prepare({ trimSilence });
    const told = await stage.capture(recordingId, babble(40_000));
    return (await stage.recordings.finish(recordingId, { ...told, ...(speech && { speech }) })).durationMs;
  };
  const speech = { startMs: 1000, endMs: 3000 };
  assert.equal(await lengthOf(true, speech), 2400);
  assert.equal(await lengthOf(false, speech), 5000);
  assert.equal(await lengthOf(true, { startMs: 100, endMs: 4990 }), 5000);
  assert.equal(await lengthOf(true), 5000, 'nothing is known to be spoken');
});

test('who is given a recording while it is being finished, at whatever moment, gets all of it, although it is read later', async (t) => {
  const stage = await staged(t);
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

async function later(moments: number): Promise<void> {
  for (let moment = 0; moment < moments; moment++) await undefined;
}

async function bodyOf({ recordings }: RecordingStage, recordingId: string) {
  const recording = await recordings.open(recordingId);
  // On its way through the callers of `open`.
  await later(2);
  if (recording.state === 'recording') return { body: recording.follow(new AbortController().signal) };
  assert.ok(recording.state === 'finished');
  return { body: recording.read(0, recording.bytes) };
}
