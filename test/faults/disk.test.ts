import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pause, systemClock } from '../../src/clock.ts';
import { isState } from '../support/bot.ts';
import { faultyDisk, noFaultyDisk } from '../support/faulty-disk.ts';
import { leftBehind } from '../support/left-behind.ts';
import { startServer } from '../support/server.ts';
import { noSmallDisk, smallDisk } from '../support/small-disk.ts';
import { type TalkingStage, talkingStage } from '../support/talking-stage.ts';
import { checkTold } from '../support/told.ts';

async function errorOf(reply: Response): Promise<{ code: string; message: string }> {
  return ((await reply.json()) as { error: { code: string; message: string } }).error;
}

/** Waits for what comes by itself. */
async function within(seconds: number, what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await is())) {
    assert.ok(performance.now() < deadline, `not within ${seconds} s: ${what}`);
    await pause(systemClock, 100);
  }
}

/** The bot ends a call: the caller hears of it, and the bot is told of everything in order. */
async function endsProperly(stage: TalkingStage, call: Awaited<ReturnType<TalkingStage['call']>>) {
  const ended = once(call.caller.dialog.ended, 'abort');
  assert.equal((await stage.bot.act(stage.server.http, 'DELETE', call.path)).status, 204);
  await ended;
  await call.over();
  checkTold(call.told());
}

const isTidy = (stage: TalkingStage) => () => leftBehind(stage.server.dataFolder).length === 0;

test('with too little room new recordings are refused beforehand, and taken again once there is room', {
  skip: noSmallDisk,
}, async (t) => {
  const disk = smallDisk(64)!;
  t.after(() => disk.remove());
  const stage = await talkingStage({
    dataFolder: join(disk.folder, 'data'),
    config: { recordings: { minFreeSpace: '16MB' } },
  });
  try {
    const call = await stage.call();
    const first = await stage.record(call);
    assert.equal(first.status, 202);
    disk.fill(12_000_000);
    await within(
      5,
      'no room is seen',
      async () => (await stage.metric('tonearm_recordings_free_bytes')) < 16e6,
    );
    const refused = await stage.record(call);
    assert.equal(refused.status, 503);
    const { code, message } = await errorOf(refused);
    assert.equal(code, 'ServiceUnavailable');
    assert.match(message, /recordings\.minFreeSpace/);
    assert.equal(await stage.metric('tonearm_recordings_refused_total'), 1);
    // What runs already goes on.
    await call.caller.stream.press();
    const final = await stage.final(first);
    assert.equal(final.completionReason, 'stopToneDetected');
    assert.equal((await stage.hear(final)).fault, undefined);
    disk.empty();
    await within(5, 'recordings are taken again', async () => (await stage.record(call)).status === 202);
    await endsProperly(stage, call);
  } finally {
    await stage.close();
  }
});

test('a disk that fills up under a recording ends it with what was captured, which is to be had once there is room; calls end properly', {
  skip: noSmallDisk,
}, async (t) => {
  const disk = smallDisk(48)!;
  t.after(() => disk.remove());
  const stage = await talkingStage({
    dataFolder: join(disk.folder, 'data'),
    config: { recordings: { minFreeSpace: '1MB' } },
  });
  try {
    const call = await stage.call();
    const other = await stage.call();
    const accepted = await stage.record(call);
    await pause(systemClock, 2000);
    disk.fill();
    const final = await stage.final(accepted);
    assert.deepEqual(
      [final.status, final.completionReason, final.resultInfo.code],
      ['failed', 'unspecifiedError', 500],
    );
    assert.match(final.resultInfo.message, /ENOSPC/);
    const tooEarly = await stage.read(final);
    assert.equal(tooEarly.status, 503);
    assert.ok(Number(tooEarly.headers.get('retry-after')) > 0);
    assert.equal((await stage.record(other)).status, 503);
    await endsProperly(stage, other);

    disk.empty();
    await within(30, 'the recording is finished', async () => (await stage.read(final)).status === 200);
    const heard = await stage.hear(final);
    assert.equal(heard.fault, undefined);
    assert.ok(heard.durationMs > 1000, `${heard.durationMs} ms were captured before`);
    await endsProperly(stage, call);
    await within(10, 'nothing is left behind', isTidy(stage));
  } finally {
    await stage.close();
  }
});

test('with a disk that takes nothing at all, callers get 503, and calls that run end properly and are told of in full', {
  skip: noFaultyDisk,
}, async (t) => {
  const disk = faultyDisk();
  t.after(() => disk.remove());
  for (const state of ['full', 'readOnly'] as const) {
    disk.set('sound');
    const stage = await talkingStage({ dataFolder: disk.folder, env: disk.env });
    try {
      const [recorded, idle] = [await stage.call(), await stage.call()];
      const accepted = await stage.record(recorded);
      await pause(systemClock, 1500);
      disk.set(state);
      const final = await stage.final(accepted);
      assert.equal(final.completionReason, 'unspecifiedError');
      assert.match(final.resultInfo.message, state === 'full' ? /ENOSPC/ : /EROFS/);
      const refused = await stage.record(idle);
      assert.equal(refused.status, 503);
      assert.equal((await errorOf(refused)).code, 'ServiceUnavailable');
      assert.match(await stage.refused(), /^503/);
      await endsProperly(stage, recorded);
      await endsProperly(stage, idle);

      disk.set('sound');
      await within(30, 'the recording is finished', async () => (await stage.read(final)).status === 200);
      assert.equal((await stage.hear(final)).fault, undefined);
      await within(10, 'what was owed is written', isTidy(stage));
      const again = await stage.call();
      const next = await stage.record(again);
      await pause(systemClock, 500);
      await again.caller.stream.press();
      assert.equal((await stage.final(next)).completionReason, 'stopToneDetected');
      await endsProperly(stage, again);
    } finally {
      disk.set('sound');
      await stage.close();
    }
  }
});

test('killed while its disk takes nothing, a server tells the ends that it had told from memory once more, under the same ids', {
  skip: noFaultyDisk,
}, async (t) => {
  const disk = faultyDisk();
  t.after(() => disk.remove());
  const stage = await talkingStage({ dataFolder: disk.folder, env: disk.env });
  t.after(() => stage.abandon());
  const [over, open] = [await stage.call(), await stage.call()];
  const accepted = await stage.record(over);
  await pause(systemClock, 1500);
  disk.set('full');
  await stage.final(accepted);
  await endsProperly(stage, over);
  await stage.server.kill();
  disk.set('sound');
  const second = await startServer({ dataFolder: disk.folder, callbackUri: stage.bot.callbackUri });
  try {
    await open.over();
    await within(10, 'the end is told anew', () => over.told().filter(isState('terminated')).length === 2);
    for (const [call, ends] of [
      [over, 2],
      [open, 1],
    ] as const) {
      const deleted = call.told().filter(({ changeType }) => changeType === 'deleted');
      const ids = new Set(deleted.map(({ headers }) => headers['tonearm-notification-id']));
      assert.equal(ids.size, ends, 'a bot that knows the ids hears of each end once');
    }
    await within(10, 'nothing is left behind', isTidy(stage));
  } finally {
    assert.equal(await second.stop(), 0);
  }
});

test('a disk that takes half a second for every write holds up no call, and no recording has a gap', {
  skip: noFaultyDisk,
}, async (t) => {
  const disk = faultyDisk();
  t.after(() => disk.remove());
  const stage = await talkingStage({ dataFolder: disk.folder, env: disk.env });
  try {
    const calls = [await stage.call(), await stage.call()];
    disk.set({ slow: 0.5 });
    const accepted = await Promise.all(calls.map((call) => stage.record(call)));
    await pause(systemClock, 4000);
    // Whoever does not record notices nothing: signalling and API go on.
    await endsProperly(stage, await stage.call());
    for (const call of calls) await call.caller.stream.press();
    for (const reply of accepted) {
      const final = await stage.final(reply);
      assert.equal(final.completionReason, 'stopToneDetected');
      const heard = await stage.hear(final);
      assert.equal(heard.fault, undefined);
      assert.ok(heard.durationMs > 3500, `${heard.durationMs} ms`);
    }
    disk.set('sound');
    for (const call of calls) await endsProperly(stage, call);
    await within(10, 'nothing is left behind', isTidy(stage));
  } finally {
    disk.set('sound');
    await stage.close();
  }
});

test('a data folder that vanishes costs the recordings that are in it, and no call', async () => {
  const stage = await talkingStage();
  try {
    const [recorded, idle] = [await stage.call(), await stage.call()];
    const accepted = await stage.record(recorded);
    await pause(systemClock, 1000);
    rmSync(stage.server.dataFolder, { recursive: true });
    await within(5, 'it is seen', async () =>
      Number.isNaN(await stage.metric('tonearm_recordings_free_bytes')),
    );
    const refused = await stage.record(idle);
    assert.equal(refused.status, 503);
    assert.match((await errorOf(refused)).message, /ENOENT/);
    await recorded.caller.stream.press();
    const final = await stage.final(accepted);
    assert.equal(final.completionReason, 'unspecifiedError');
    assert.equal(final.recordResourceLocation, undefined);
    assert.match(final.resultInfo.message, /nothing of it is in /);
    await endsProperly(stage, recorded);
    await endsProperly(stage, idle);
  } finally {
    await stage.close();
  }
});
