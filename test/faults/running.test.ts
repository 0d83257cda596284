import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callPath, isState, startBot } from '../support/bot.ts';
import { pcapFile, speechPackets } from '../support/pcap.ts';
import { dial, hungUp, ring, scenario } from '../support/scenarios.ts';
import { APP, startServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';
import { voicemailStage } from '../support/voicemail-stage.ts';

const skip = missing('/usr/bin/sipp');

test('with every media port taken the next caller gets 503, its bot is told why, and the first call goes on', {
  skip,
}, async () => {
  const stage = await voicemailStage({ config: { media: { ports: '38400-38401' } } });
  try {
    const talking = stage.caller(pcapFile(speechPackets(new Int16Array(800))));
    const call = await stage.answerNext();
    const seen = new Set(stage.bot.notifications);
    const refused = runSipp({ port: stage.server.udp, scenario: scenario(ring(503)) });
    const second = await stage.bot.next(
      'the second call',
      (one) => !seen.has(one) && isState('incoming')(one),
    );
    const reply = await stage.bot.act(stage.server.http, 'POST', `${callPath(second)}/answer`, {
      callbackUri: stage.bot.callbackUri,
    });
    assert.equal(reply.status, 503);
    const { error } = (await reply.json()) as { error: { code: string; message: string } };
    assert.equal(error.code, 'ServiceUnavailable');
    assert.match(error.message, /media\.ports/);
    assert.equal((await refused).code, 0);
    await stage.bot.next(
      'the second call’s end',
      (one) => one.resource === second.resource && isState('terminated')(one),
    );
    assert.equal((await stage.bot.act(stage.server.http, 'GET', call.path)).status, 200);
    await stage.hangUp(call);
    await talking;
  } finally {
    await stage.close();
  }
});

test('a bot that cannot be reached costs its own callers a 480, and nobody else anything', {
  skip,
}, async () => {
  const bot = await startBot();
  const gone = {
    ...APP,
    id: '11111111-1111-1111-1111-111111111111',
    callbackUri: 'http://127.0.0.1:9/api/calls',
    routes: ['sip:gone@*'],
  };
  const here = { ...APP, callbackUri: bot.callbackUri, routes: ['sip:voicemail@*'] };
  const server = await startServer({
    config: { calls: { answerTimeout: '2s' }, applications: [gone, here] },
    callbackUri: bot.callbackUri,
  });
  try {
    const unheard = runSipp({ port: server.udp, service: 'gone', scenario: scenario(ring(480)) });
    const heard = runSipp({ port: server.udp, scenario: scenario(dial(), hungUp) });
    const incoming = await bot.next('incoming', isState('incoming'));
    await bot.act(server.http, 'POST', `${callPath(incoming)}/answer`, { callbackUri: bot.callbackUri });
    await bot.next('established', isState('established'));
    await bot.act(server.http, 'DELETE', callPath(incoming));
    assert.deepEqual([(await unheard).code, (await heard).code], [0, 0]);
    const warning = server.log.find((line) => String(line.msg).includes('notification was not received'));
    assert.equal(warning?.target, gone.callbackUri);
    assert.match(String(warning?.error), /ECONNREFUSED/);
  } finally {
    assert.equal(await server.stop(), 0);
    await bot.close();
  }
});

test('a server that drains takes no call, and lets its bots finish those that run', { skip }, async () => {
  const stage = await voicemailStage();
  const talking = stage.caller(pcapFile(speechPackets(new Int16Array(8000 * 4))));
  const call = await stage.answerNext();
  const stopped = stage.server.stop();
  await stage.server.logged('stopping: no new calls, running ones may finish');
  const refused = await runSipp({ port: stage.server.udp, scenario: scenario(ring(503)) });
  assert.equal(refused.code, 0, refused.output);
  assert.equal((await fetch(`${stage.server.http}/readyz`)).status, 503);
  const final = await stage.record(call, {
    playBeep: false,
    maxRecordDurationInSeconds: 1,
    initialSilenceTimeoutInSeconds: 9,
  });
  assert.equal(final.completionReason, 'maxRecordDurationReached');
  assert.equal(
    (
      await fetch(final.recordResourceLocation, {
        headers: { authorization: `Bearer ${final.recordResourceAccessToken}` },
      })
    ).status,
    200,
  );
  await stage.hangUp(call);
  await talking;
  assert.equal(await stopped, 0);
  await stage.bot.next('terminated', (one) => call.mine(one) && isState('terminated')(one));
  await stage.bot.close();
});
