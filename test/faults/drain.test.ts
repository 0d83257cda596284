import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pause, systemClock } from '../../src/clock.ts';
import { isFinalOperation } from '../support/bot.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { leftBehind } from '../support/left-behind.ts';
import { outputOf } from '../support/output.ts';
import { startServer } from '../support/server.ts';
import { type TalkingCall, talkingStage } from '../support/talking-stage.ts';
import { checkTold } from '../support/told.ts';

const root = join(import.meta.dirname, '../..');

test('SIGTERM under load: calls that end within the limit lose nothing, no new one is taken, and the exit is clean', async (t) => {
  const stage = await talkingStage({ config: { calls: { drainTimeout: '60s' } } });
  t.after(() => stage.abandon());
  const calls: TalkingCall[] = [];
  while (calls.length < 6) calls.push(await stage.call());
  const accepted = await Promise.all(calls.map((call) => stage.record(call)));
  await pause(systemClock, 1000);
  stage.server.signal('SIGTERM');
  await stage.server.logged('stopping: no new calls, running ones may finish');
  assert.equal((await fetch(`${stage.server.http}/readyz`)).status, 503);
  assert.equal((await fetch(`${stage.server.http}/healthz`)).status, 200);
  assert.match(await stage.refused(), /^503/);
  // One after the other, by a key or by hanging up; the bots steer theirs meanwhile.
  for (const [index, call] of calls.entries()) {
    await pause(systemClock, 200);
    if (index % 2 === 0) await call.caller.stream.press();
    else void call.caller.dialog.bye();
    const final = await stage.final(accepted[index]!);
    assert.equal(final.completionReason, index % 2 === 0 ? 'stopToneDetected' : 'callTerminated');
    const heard = await stage.hear(final);
    assert.equal(heard.fault, undefined);
    assert.ok(heard.durationMs > 1000);
    if (index % 2 === 0)
      assert.equal((await stage.bot.act(stage.server.http, 'DELETE', call.path)).status, 204);
    await call.over();
    checkTold(call.told());
  }
  assert.equal(await stage.server.ended, 0);
  assert.deepEqual(leftBehind(stage.server.dataFolder), []);
  await stage.close();
});

test('calls that outlast the limit are ended: their callers are hung up on, their recordings kept, their bots told', async (t) => {
  const stage = await talkingStage({ config: { calls: { drainTimeout: '1s' } } });
  t.after(() => stage.abandon());
  const call = await stage.call();
  await stage.record(call);
  await pause(systemClock, 1000);
  const hungUp = once(call.caller.dialog.ended, 'abort');
  stage.server.signal('SIGTERM');
  await hungUp;
  assert.equal(await stage.server.ended, 0);
  const told = checkTold(call.told());
  const final = told.find(isFinalOperation)?.resourceData;
  assert.equal(final?.completionReason, 'callTerminated');
  assert.equal(told.at(-1)?.resourceData.terminationReason, 'ServiceShutdown');
  const next = await startServer({ dataFolder: stage.server.dataFolder });
  const { pathname } = new URL(final?.recordResourceLocation);
  const headers = { authorization: `Bearer ${final?.recordResourceAccessToken}` };
  assert.equal((await fetch(next.http + pathname, { headers })).status, 200);
  assert.equal(await next.stop(), 0);
  await stage.close();
});

for (const second of ['SIGTERM', 'SIGINT'] as const) {
  test(`${second} during the drain ends the process at once, and the next start tells what it left open`, async (t) => {
    const stage = await talkingStage({ config: { calls: { drainTimeout: '60s' } } });
    t.after(() => stage.abandon());
    const call = await stage.call();
    const accepted = await stage.record(call);
    await pause(systemClock, 1500);
    stage.server.signal('SIGTERM');
    await stage.server.logged('stopping: no new calls, running ones may finish');
    stage.server.signal(second);
    assert.equal(await stage.server.ended, 1);
    const next = await startServer({
      dataFolder: stage.server.dataFolder,
      callbackUri: stage.bot.callbackUri,
    });
    const final = await stage.final(accepted);
    assert.equal(final.endReport.recovered, true);
    assert.ok(final.recordResourceLocation);
    await call.over();
    checkTold(call.told());
    assert.equal(await next.stop(), 0);
    assert.deepEqual(leftBehind(stage.server.dataFolder), []);
    await stage.end();
  });
}

test('a second server on the same data folder is refused with what to do, and the first one does not notice', async (t) => {
  const stage = await talkingStage();
  t.after(() => stage.abandon());
  const call = await stage.call();
  const accepted = await stage.record(call);
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-second-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'tonearm.yaml');
  writeFileSync(
    config,
    JSON.stringify({ http: { listen: '127.0.0.1:0' }, sip: { listen: ['udp:127.0.0.1:0'] } }),
  );
  const second = spawn(
    process.execPath,
    ['src/main.ts', 'serve', '--config', config, '--data', stage.server.dataFolder],
    { cwd: root, timeout: 60_000 },
  );
  // Not by spawnSync: the caller speaks in this process, all the while.
  const said = outputOf('the second server', second);
  await once(second, 'close');
  assert.equal(second.exitCode, 1);
  assert.match(
    said.text(),
    /another running server uses it: stop that one, or give this one another data folder/,
  );
  assert.doesNotMatch(said.text(), /\n\s+at .*\.ts:\d+/, 'no stack trace');
  await call.caller.stream.press();
  const final = await stage.final(accepted);
  assert.equal(final.completionReason, 'stopToneDetected');
  assert.equal((await stage.hear(final)).fault, undefined);
  await stage.close();
});

test('a log that cannot be written, on a full disk, ends nothing', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'tonearm.yaml');
  const port = await freeTcpPort();
  const sip = { listen: ['udp:127.0.0.1:0'] };
  writeFileSync(config, JSON.stringify({ http: { listen: `127.0.0.1:${port}` }, sip }));
  const full = openSync('/dev/full', 'w');
  const server = spawn(
    process.execPath,
    ['src/main.ts', 'serve', '--config', config, '--data', join(folder, 'data')],
    { cwd: root, stdio: ['ignore', 'ignore', full] },
  );
  closeSync(full);
  const ended = once(server, 'exit') as Promise<[number | null]>;
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.status;
  while ((await ready()) !== 200) {
    assert.equal(server.exitCode, null, 'it ended');
    await pause(systemClock, 100);
  }
  server.kill('SIGTERM');
  assert.deepEqual((await ended)[0], 0);
});
