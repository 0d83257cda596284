import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { babble, collect, stageRecordings } from '../../test/support/recordings.ts';
import { masterKeys } from './master-keys.ts';

test('a WAV becomes, in another format, what it would have become at once', async (t) => {
  const stage = await stageRecordings();
  t.after(() => stage.close());
  const samples = babble(20_000);
  const wav = await stage.finished(samples);
  for (const format of ['mp3', 'flac'] as const) {
    const made = await stage.prepare({ format });
    await stage.recordings.finish(made.recordingId, await stage.capture(made.recordingId, samples));
    const expected = readFileSync(join(stage.folder, 'finished', `${made.recordingId}.${format}`));
    const converted = await stage.recordings.convert(wav.recordingId, format);
    const bytes = await collect(converted.read());
    await converted.close();
    assert.equal(bytes.length, converted.bytes);
    assert.ok(bytes.equals(expected), format);
  }
});

test('both channels are converted', async (t) => {
  const stage = await stageRecordings();
  t.after(() => stage.close());
  const { recordingId } = await stage.prepare({ channels: 2 });
  const folder = join(stage.folder, 'finished');
  await stage.recordings.finish(recordingId, await stage.capture(recordingId, babble(8000)));
  const file = readFileSync(join(folder, `${recordingId}.wav`));
  // Two channels of half as many samples: a header that says so makes them of the same bytes.
  file.writeUInt16LE(2, 22);
  writeFileSync(join(folder, `${recordingId}.wav`), file);
  const converted = await stage.recordings.convert(recordingId, 'flac');
  const flac = await collect(converted.read());
  await converted.close();
  // STREAMINFO (RFC 9639 §8.2): channels less one, and the samples of each.
  assert.equal((flac[8 + 12]! >> 1) & 7, 1);
  assert.equal(flac.readUInt32BE(8 + 14), 8000);
});

test('what is converted of an encrypted recording is encrypted, and gone when it was read', async (t) => {
  const stage = await stageRecordings({ masterKeys: masterKeys([new Uint8Array(32).fill(1)]) });
  t.after(() => stage.close());
  const { recordingId } = await stage.finished(babble(40_000));
  const converted = await stage.recordings.convert(recordingId, 'flac');
  const folder = join(stage.folder, 'finished');
  const [name = ''] = readdirSync(folder).filter((one) => one.endsWith('.converted'));
  assert.ok(!readFileSync(join(folder, name)).includes('fLaC'));
  assert.equal((await collect(converted.read())).toString('latin1', 0, 4), 'fLaC');
  await converted.close();
  await converted.close();
  assert.deepEqual(readdirSync(folder), [`${recordingId}.wav`]);
});

test('what a killed process was converting is removed by the next start', async (t) => {
  const stage = await stageRecordings();
  t.after(() => stage.close());
  const { recordingId } = await stage.finished(babble(1000));
  await stage.recordings.convert(recordingId, 'mp3');
  writeFileSync(join(stage.folder, 'finished', `${recordingId}-9.ogg.converted.part`), 'half');
  await stage.restart();
  assert.deepEqual(readdirSync(join(stage.folder, 'finished')), [`${recordingId}.wav`]);
});

test('what is no finished WAV is not converted, and what cannot be read gives its place back', async (t) => {
  const stage = await stageRecordings();
  t.after(() => stage.close());
  const { recordingId: growing } = await stage.prepare();
  const { recordingId: mp3 } = await stage.prepare({ format: 'mp3' });
  await stage.recordings.finish(mp3, await stage.capture(mp3, babble(1000)));
  for (const id of [growing, mp3, crypto.randomUUID(), '../x'])
    await assert.rejects(stage.recordings.convert(id, 'flac'), { code: 'notConvertible' });
  const { recordingId } = await stage.finished(babble(1000));
  writeFileSync(join(stage.folder, 'finished', `${recordingId}.wav`), 'short');
  for (let turn = 0; turn < 5; turn++)
    await assert.rejects(stage.recordings.convert(recordingId, 'flac'), { code: 'readFailed' });
});
