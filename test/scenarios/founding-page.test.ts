import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Bot, callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { keyPackets, pcapFile, speechPackets } from '../support/pcap.ts';
import { dial, hungUp, play, scenario } from '../support/scenarios.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

/** The request of the page that the project was founded on, as it stands there; only the prompt's host is ours. */
const pageRequest = (origin: string) => ({
  bargeInAllowed: true,
  clientContext: 'd45324c1-fcb5-430a-902c-f20af696537c',
  prompts: [
    {
      '@odata.type': '#microsoft.graph.mediaPrompt',
      mediaInfo: { uri: `${origin}/beep.wav`, resourceId: '1D6DE2D4-CD51-4309-8DAA-70768651088E' },
      loop: 5,
    },
  ],
  maxRecordDurationInSeconds: 1800,
  initialSilenceTimeoutInSeconds: 10,
  maxSilenceTimeoutInSeconds: 2,
  recordingFormat: 'wav',
  playBeep: true,
  streamWhileRecording: true,
  stopTones: ['#', '11', '*'],
});

/** The members of the notification that the page shows, in its words. */
const PAGE_MEMBERS = [
  '@odata.type',
  '@odata.id',
  '@odata.etag',
  'clientContext',
  'status',
  'recordResourceLocation',
  'recordResourceAccessToken',
  'completionReason',
];

test('the request of the founding page', { skip: missing('/usr/bin/sipp'), concurrency: 1 }, async (t) => {
  let bot: Bot;
  let server: TestServer;
  before(async () => {
    bot = await startBot();
    bot.serve('beep.wav', readFileSync('examples/voicemail-bot/greeting.wav'));
    server = await startServer({ callbackUri: bot.callbackUri });
  });
  after(async () => {
    const code = await server?.stop();
    await bot?.close();
    assert.equal(code, 0);
  });

  for (const root of ['/app', '/applications/8a34a46b-3d17-4adc-8dce-dc4e7d572698']) {
    await t.test(`runs under ${root} and is told of as the page shows`, async () => {
      // Four seconds of silence, a key that breaks into the prompt, a second later 1 and 1.
      const talk = speechPackets(new Int16Array(4000 * 8));
      const from = talk.length;
      const capture = pcapFile([
        ...talk,
        ...keyPackets('5', { atMs: 4000, sequence: from + 1 }),
        ...speechPackets(new Int16Array(8000), { fromMs: 4200, sequence: from + 8 }),
        ...keyPackets('1', { atMs: 5200, sequence: from + 58 }),
        ...speechPackets(new Int16Array(1600), { fromMs: 5400, sequence: from + 65 }),
        ...keyPackets('1', { atMs: 5600, sequence: from + 75 }),
      ]);
      const seen = new Set(bot.notifications);
      const calling = runSipp({
        port: server.udp,
        scenario: scenario(dial(), play('caller.pcap'), hungUp),
        files: { 'caller.pcap': capture },
      });
      const incoming = await bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one));
      const call = `${root}/calls/${incoming.resourceData.id}`;
      const ofCall = (one: { resource: string }) => one.resource.includes(incoming.resourceData.id);
      await bot.act(server.http, 'POST', `${callPath(incoming)}/answer`, { callbackUri: bot.callbackUri });
      await bot.next('established', (one) => ofCall(one) && isState('established')(one));
      const reply = await bot.act(server.http, 'POST', `${call}/record`, pageRequest(bot.origin));
      assert.deepEqual([reply.status, await reply.text()], [202, '']);
      const location = reply.headers.get('location') ?? '';
      const operation = location.slice(location.lastIndexOf('/') + 1);
      assert.equal(location, `${server.http}/beta${call}/operations/${operation}`);

      const running = await bot.next(
        'streaming',
        (one) => ofCall(one) && one.resourceData.status === 'running',
      );
      assert.equal(running.changeType, 'updated');
      assert.ok(running.resourceData.recordResourceLocation);

      const final = await bot.next('final', (one) => ofCall(one) && isFinalOperation(one));
      assert.equal(final.resource, `${call}/operations/${operation}`);
      const data = final.resourceData;
      for (const member of PAGE_MEMBERS) assert.equal(typeof data[member], 'string', member);
      assert.equal(data['@odata.type'], '#microsoft.graph.recordOperation');
      assert.equal(data['@odata.id'], final.resource);
      assert.match(data['@odata.etag'], /^W\/"\d+"$/);
      assert.equal(data.clientContext, 'd45324c1-fcb5-430a-902c-f20af696537c');
      assert.deepEqual([data.status, data.completionReason], ['completed', 'stopToneDetected']);
      assert.equal(data.recordResourceLocation, running.resourceData.recordResourceLocation);

      await bot.act(server.http, 'DELETE', call);
      assert.equal((await calling).code, 0);
    });
  }
});
