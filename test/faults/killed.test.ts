import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readSound } from '../support/audio.ts';
import { type Bot, callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { pcapFile, speechPackets } from '../support/pcap.ts';
import { dial, play, scenario, wait } from '../support/scenarios.ts';
import { startServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

test('a server that is killed', { skip: missing('/usr/bin/sipp', '/usr/bin/sox') }, async (t) => {
  let bot: Bot;
  before(async () => {
    bot = await startBot();
  });
  after(() => bot.close());

  await t.test('loses at most the last second, and its bot hears of the end after the restart', async () => {
    const speech = readSound('examples/audio/caller.wav');
    const first = await startServer({ callbackUri: bot.callbackUri });
    const calling = runSipp({
      port: first.udp,
      scenario: scenario(dial(), play('caller.pcap'), wait(500)),
      files: { 'caller.pcap': pcapFile(speechPackets(speech)) },
    });
    const incoming = await bot.next('incoming', isState('incoming'));
    const call = callPath(incoming);
    await bot.act(first.http, 'POST', `${call}/answer`, { callbackUri: bot.callbackUri });
    await bot.next('established', isState('established'));
    const asked = await bot.act(first.http, 'POST', `${call}/record`, {
      playBeep: false,
      streamWhileRecording: true,
      maxRecordDurationInSeconds: 60,
      maxSilenceTimeoutInSeconds: 30,
    });
    assert.equal(asked.status, 202);
    const running = await bot.next('running', (one) => one.resourceData.status === 'running');
    const { recordResourceLocation: location, recordResourceAccessToken: token } = running.resourceData;
    const live = await fetch(location, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(live.status, 200);
    const heardLive = await readUntil(live, 44 + 3 * 32_000);
    await first.kill();
    await calling;

    const second = await startServer({ callbackUri: bot.callbackUri, dataFolder: first.dataFolder });
    try {
      const final = await bot.next('final operation', isFinalOperation);
      assert.equal(final.resourceData.status, 'failed');
      const terminated = await bot.next('terminated', isState('terminated'));
      assert.ok(bot.notifications.indexOf(final) < bot.notifications.indexOf(terminated));
      const path = new URL(final.resourceData.recordResourceLocation).pathname;
      const reply = await fetch(second.http + path, {
        headers: { authorization: `Bearer ${final.resourceData.recordResourceAccessToken}` },
      });
      assert.equal(reply.status, 200);
      const recovered = Buffer.from(await reply.arrayBuffer());
      const atLeast = heardLive.length - 44;
      assert.ok(
        recovered.length - 44 >= atLeast,
        `${recovered.length - 44} of ${atLeast} bytes that were already read`,
      );
      assert.ok(
        recovered.subarray(44, 44 + atLeast - 64).equals(heardLive.subarray(44, 44 + atLeast - 64)),
        'the same audio',
      );
      const sequences = bot.notifications.map((one) => Number(one.headers['tonearm-sequence']));
      assert.deepEqual(
        sequences,
        sequences.toSorted((a, b) => a - b),
      );
      assert.equal((await bot.act(second.http, 'GET', call)).status, 404);
      const operation = await bot.act(second.http, 'GET', final.resource);
      assert.equal(operation.status, 200);
    } finally {
      assert.equal(await second.stop(), 0);
    }
  });
});

/** Reads a growing body until it has given `bytes`, then lets go of it. */
async function readUntil(response: Response, bytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  if (response.body === null) throw new Error('no body');
  for await (const part of response.body) {
    parts.push(part);
    length += part.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(parts);
}
