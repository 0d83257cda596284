import assert from 'node:assert/strict';
import { existsSync, readdirSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  babble,
  bodyOf,
  collect,
  expectedFile,
  fileOf,
  opened,
  recordingsFor,
  slowEncoder,
  until,
} from '../../test/support/recordings.ts';

test('very short takes are files too, and lengths are exact', async (t) => {
  const stage = await recordingsFor(t);
  for (const length of [1, 15, 16, 17, 3999, 4000, 4001]) {
    const { recordingId } = await stage.finished(babble(length));
    const recording = await opened(stage, recordingId, 'finished');
    assert.ok((await collect(recording.read(0, recording.bytes))).equals(expectedFile(babble(length))));
  }
});

test('finishing twice gives the same file, at once and later', async (t) => {
  const stage = await recordingsFor(t);
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
  const stage = await recordingsFor(t);
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

test('with many files to be made, what is kept is told when its own is there', async (t) => {
  const slow = slowEncoder();
  const stage = await recordingsFor(t, { encoder: slow.encoder });
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
  const stage = await recordingsFor(t);
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

test('a disk that is full when the file is finished is told; the audio stays, and is finished as soon as there is room', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const stage = await recordingsFor(t);
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
  const stage = await recordingsFor(t);
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
  const stage = await recordingsFor(t);
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

test('a store that cannot keep the record keeps the spool', async (t) => {
  const stage = await recordingsFor(t);
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
  const stage = await recordingsFor(t);
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

test('silence before and after all speech is cut off where that was asked for, but for 200 ms', async (t) => {
  const stage = await recordingsFor(t);
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
