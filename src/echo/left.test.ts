import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stageRecordings } from '../../test/support/recordings.ts';
import { silentLog } from '../log.ts';
import { ECHO_ID } from './application.ts';
import { removeLeft } from './left.ts';

test('a message whose file was being made when the process was killed is removed by the next one, and nobody else’s', async (t) => {
  const stage = await stageRecordings();
  t.after(() => stage.close());
  const captured = async (applicationId: string) => {
    const { recordingId } = await stage.prepare({ applicationId });
    await stage.capture(recordingId, new Int16Array(800));
    return recordingId;
  };
  const [message, recording] = [await captured(ECHO_ID), await captured('application')];
  // Its call was told as over: its end is not told again.
  await stage.restart();
  await stage.recordings.recover();
  await removeLeft(stage.recordings, silentLog);
  const states = [await stage.recordings.open(message), await stage.recordings.open(recording)];
  assert.deepEqual(
    states.map(({ state }) => state),
    ['gone', 'finished'],
  );
});

test('a server whose recordings cannot be looked through starts all the same', async () => {
  const broken = {
    // biome-ignore lint/correctness/useYield: it fails before it gives anything
    async *list() {
      throw new Error('the store is broken');
    },
    delete: async () => false,
  };
  await removeLeft(broken, silentLog);
});
