import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BOT, CALL_ID } from '../../../test/support/api-stage.ts';
import { type ConsoleStage, setConsoleStage } from '../../../test/support/console-stage.ts';
import { babble, until } from '../../../test/support/recordings.ts';
import type { Paged, RecordingRow } from './wire.ts';

/** A finished recording of `samples` made by BOT. */
async function record({ archive, recordings }: ConsoleStage, samples = babble(8000), callId = 'call') {
  const { recordingId } = await archive.prepare({ applicationId: BOT.id, callId });
  await recordings.finish(recordingId, await archive.capture(recordingId, samples));
  return recordingId;
}

async function list(stage: ConsoleStage, cookie: Record<string, string>, query = '') {
  return (await stage.ask('GET', `/console/recordings${query}`, cookie)).json<Paged<RecordingRow>>();
}

test('recordings are listed the newest first, live and gone ones too, with why they ended', async (t) => {
  const stage = await setConsoleStage(t);
  const headers = await stage.signedIn();
  const began = stage.clock.now();
  const finished = await record(stage);
  await stage.clock.advance(1000);
  const gone = await record(stage);
  await stage.recordings.delete(gone);
  await stage.clock.advance(1000);
  const live = await stage.archive.prepare({ applicationId: BOT.id, format: 'mp3' });
  stage.recordings.grown(live.recordingId, 4000);

  const { total, rows } = await list(stage, headers);
  assert.equal(total, 3);
  const ended = { ending: 'stopToneDetected', endReport: { rule: 'stopTone' } };
  const whose = {
    callId: 'call',
    operationId: 'operation',
    applicationId: BOT.id,
    applicationName: BOT.name,
  };
  assert.deepEqual(rows, [
    {
      ...{ id: live.recordingId, ...whose, state: 'recording', format: 'mp3', downloads: ['wav'] },
      ...{ durationMs: 500, beganAt: began + 2000, ...ended },
    },
    { id: gone, ...whose, state: 'gone', format: 'wav', downloads: [], beganAt: began + 1000, ...ended },
    {
      ...{
        id: finished,
        ...whose,
        state: 'finished',
        format: 'wav',
        downloads: ['wav', 'mp3', 'flac', 'ogg'],
      },
      ...{ bytes: 32_044, durationMs: 1000, beganAt: began, finishedAt: began, ...ended },
    },
  ]);
});

test('a list is filtered by application, state and call, and given in pages', async (t) => {
  const stage = await setConsoleStage(t);
  const headers = await stage.signedIn();
  const [first, second, third] = [
    await record(stage),
    await record(stage, babble(10), CALL_ID),
    await record(stage),
  ];
  await stage.recordings.delete(third);
  const idsOf = async (query: string) => (await list(stage, headers, query)).rows.map(({ id }) => id);
  assert.deepEqual(await idsOf(`?call=${CALL_ID.toUpperCase()}`), [second]);
  assert.deepEqual(await idsOf('?state=gone'), [third]);
  assert.deepEqual(await idsOf(`?application=${BOT.id}&state=finished&call=call`), [first]);
  assert.deepEqual(await idsOf('?application=nobody'), []);
  assert.deepEqual(await idsOf('?state=gone&state=finished'), []);
  const pages = [await list(stage, headers, '?top=2'), await list(stage, headers, '?top=2&skip=2')];
  assert.deepEqual(
    pages.map(({ total, rows }) => [total, rows.length]),
    [
      [3, 2],
      [3, 1],
    ],
  );
  for (const query of ['?top=x&skip=-1', '?top=1&top=2', '?top=9999999999'])
    assert.equal((await list(stage, headers, query)).total, 3);
});

test('audio is given whole and in parts, as an audio element asks for it', async (t) => {
  const stage = await setConsoleStage(t);
  const headers = await stage.signedIn();
  const id = await record(stage);
  const path = `/console/recordings/${id}/content`;
  const whole = await stage.ask('GET', path, headers);
  assert.deepEqual([whole.statusCode, whole.headers['content-type']], [200, 'audio/wav']);
  assert.equal(whole.headers['cross-origin-resource-policy'], 'same-origin');
  assert.equal(whole.rawPayload.length, 32_044);
  const part = await stage.ask('GET', path, { ...headers, range: 'bytes=44-143' });
  assert.deepEqual([part.statusCode, part.headers['content-range']], [206, 'bytes 44-143/32044']);
  assert.ok(part.rawPayload.equals(whole.rawPayload.subarray(44, 144)));
  const beyond = await stage.ask('GET', path, { ...headers, range: 'bytes=99999-' });
  assert.deepEqual([beyond.statusCode, beyond.json().error.code], [416, 'RangeNotSatisfiable']);
  assert.equal((await stage.ask('GET', `/console/recordings/${CALL_ID}/content`, headers)).statusCode, 404);
  assert.equal((await stage.ask('GET', '/console/recordings/..%2f..%2fx/content', headers)).statusCode, 404);
});

test('a file that vanishes between the look and the read is an error that says nothing of it', async (t) => {
  const stage = await setConsoleStage(t);
  const headers = await stage.signedIn();
  const id = await record(stage);
  const recording = await stage.recordings.open(id);
  await stage.recordings.delete(id);
  stage.recordings.open = async () => recording;
  const answer = await stage.ask('GET', `/console/recordings/${id}/content`, headers);
  assert.equal(answer.statusCode, 500);
  for (const name of ['etag', 'repr-digest', 'last-modified', 'content-disposition', 'accept-ranges'])
    assert.equal(answer.headers[name], undefined, name);
});

test('a growing recording is a stream that ends with it', async (t) => {
  const stage = await setConsoleStage(t);
  const headers = await stage.signedIn();
  const { recordingId } = await stage.archive.prepare({ applicationId: BOT.id });
  const take = stage.archive.take(recordingId);
  take.append(babble(4000));
  // Whoever comes once it is being finished gets the file.
  const opened = Promise.withResolvers<void>();
  const open = stage.recordings.open.bind(stage.recordings);
  stage.recordings.open = (id) => open(id).finally(opened.resolve);
  const following = stage.ask('GET', `/console/recordings/${recordingId}/content`, headers);
  await opened.promise;
  await stage.recordings.finish(recordingId, { samples: await take.seal() });
  const answer = await following;
  assert.equal(answer.headers['accept-ranges'], 'none');
  assert.equal(answer.rawPayload.length, 16_044);
});

test('a finished WAV is to be had in other formats, and nothing of that stays', async (t) => {
  const stage = await setConsoleStage(t);
  const headers = await stage.signedIn();
  const id = await record(stage, babble(16_000));
  const magic = { mp3: /^\xff[\xf2\xf3]/, flac: /^fLaC/, ogg: /^OggS/ };
  for (const [format, begins] of Object.entries(magic)) {
    const answer = await stage.ask('GET', `/console/recordings/${id}/content?format=${format}`, headers);
    assert.equal(answer.statusCode, 200, format);
    assert.match(answer.rawPayload.toString('latin1'), begins);
    assert.equal(answer.headers['content-length'], String(answer.rawPayload.length));
    assert.match(String(answer.headers['content-disposition']), new RegExp(`recording-${id}\\.${format}`));
  }
  const same = await stage.ask('GET', `/console/recordings/${id}/content?format=wav`, headers);
  assert.equal(same.rawPayload.length, 64_044);
  const other = await stage.ask('GET', `/console/recordings/${id}/content?format=exe`, headers);
  assert.equal(other.statusCode, 400);
  const { recordingId: live } = await stage.archive.prepare();
  const growing = await stage.ask('GET', `/console/recordings/${live}/content?format=mp3`, headers);
  assert.equal(growing.statusCode, 409);
});

test('only so many recordings are converted at one time', async (t) => {
  const stage = await setConsoleStage(t);
  const headers = await stage.signedIn();
  const id = await record(stage, babble(80_000));
  const path = `/console/recordings/${id}/content?format=ogg`;
  const answers = await Promise.all(Array.from({ length: 6 }, () => stage.ask('GET', path, headers)));
  const statuses = answers.map(({ statusCode }) => statusCode).sort();
  assert.deepEqual(statuses, [200, 200, 503, 503, 503, 503]);
  assert.equal(answers.find(({ statusCode }) => statusCode === 503)?.headers['retry-after'], '10');
  await until(async () => (await stage.ask('GET', path, headers)).statusCode === 200);
  await until(() => readdirSync(join(stage.archive.folder, 'finished')).join() === `${id}.wav`);
});

test('a recording is deleted once, and the audit says that it was read and deleted from the console', async (t) => {
  const stage = await setConsoleStage(t);
  const headers = await stage.signedIn();
  const id = await record(stage);
  const path = `/console/recordings/${id}`;
  await stage.ask('GET', `${path}/content`, headers);
  assert.equal((await stage.ask('DELETE', path, headers)).statusCode, 204);
  assert.equal((await stage.ask('DELETE', path, headers)).statusCode, 410);
  const { recordingId: live } = await stage.archive.prepare();
  assert.equal((await stage.ask('DELETE', `/console/recordings/${live}`, headers)).statusCode, 409);
  const entries = () => stage.audit.filter(({ event }) => String(event).startsWith('recording'));
  await until(() => entries().length === 4);
  assert.deepEqual(
    entries().map(({ event, outcome, by, recordingId }) => [event, outcome, by, recordingId]),
    [
      ['recordingRead', 'done', 'console', id],
      ['recordingDeleted', 'done', 'console', id],
      ['recordingDeleted', 'refused', 'console', id],
      ['recordingDeleted', 'refused', 'console', live],
    ],
  );
});
