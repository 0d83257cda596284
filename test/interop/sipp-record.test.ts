import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { locate, readSound } from '../support/audio.ts';
import { type Bot, callPath, isFinalOperation, isState, startBot } from '../support/bot.ts';
import { keyPackets, pcapFile, speechPackets } from '../support/pcap.ts';
import { dial, hangUp, hungUp, play, scenario, wait } from '../support/scenarios.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

const skip = missing('/usr/bin/sipp', '/usr/bin/sox', '/usr/share/asterisk/sounds/en_US');
const SPEECH = '/usr/share/asterisk/sounds/en_US/vm-intro.wav';

/** Silence before and after, so that answering and starting the recording have their time. */
const LEAD_MS = 1500;

/** A caller who speaks `SPEECH` after `LEAD_MS` of silence and presses `key` 300 ms later, in one capture. */
function speakingCaller(
  key: string | undefined,
  { lead = LEAD_MS, lose = (_sequence: number): boolean => false } = {},
) {
  const speech = readSound(SPEECH);
  const sent = new Int16Array(lead * 8 + speech.length + 300 * 8);
  sent.set(speech, lead * 8);
  const packets = speechPackets(sent);
  const keyAt = packets.length * 20;
  const keys = key === undefined ? [] : keyPackets(key, { atMs: keyAt, sequence: packets.length + 1 });
  const kept = packets.filter((packet) => !lose(packet.sequence));
  return { speech, keyAt, capture: pcapFile([...kept, ...keys]), lastsMs: keyAt + 300 };
}

/** What the bot was given, as 8 kHz samples. */
async function download(location: string, token: string): Promise<Int16Array> {
  const reply = await fetch(location, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(reply.status, 200);
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-wav-'));
  try {
    const file = join(folder, 'recording.wav');
    writeFileSync(file, Buffer.from(await reply.arrayBuffer()));
    const header = readFileSync(file);
    assert.equal(header.readUInt32LE(24), 16_000, 'sample rate');
    assert.equal(header.readUInt16LE(34), 16, 'bits');
    assert.equal(header.readUInt16LE(22), 1, 'channels');
    return readSound(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('calls placed by sipp', { skip, concurrency: 1 }, async (t) => {
  let bot: Bot;
  let server: TestServer;
  before(async () => {
    bot = await startBot();
    server = await startServer({ callbackUri: bot.callbackUri });
  });
  after(async () => {
    const code = await server?.stop();
    await bot?.close();
    assert.equal(code, 0);
  });

  /** Answers the next call that comes from now on, and records as asked once it is established. */
  async function answerAndRecord(record: object, root = '/app/calls') {
    const seen = new Set(bot.notifications);
    const incoming = await bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one));
    const path = callPath(incoming).replace('/app/calls', root);
    assert.equal(
      (await bot.act(server.http, 'POST', `${path}/answer`, { callbackUri: bot.callbackUri })).status,
      202,
    );
    const ofCall = (one: { resource: string }) => one.resource.includes(incoming.resourceData.id);
    await bot.next('established', (one) => ofCall(one) && isState('established')(one));
    const reply = await bot.act(server.http, 'POST', `${path}/record`, record);
    assert.equal(reply.status, 202, await reply.text());
    const final = await bot.next('final operation', (one) => ofCall(one) && isFinalOperation(one));
    return { path, final: final.resourceData, reply, ofCall, id: incoming.resourceData.id as string };
  }

  for (const transport of ['udp', 'tcp'] as const) {
    await t.test(`a message ended by # over ${transport} is what was said, to the sample`, async () => {
      const { speech, capture, keyAt } = speakingCaller('#');
      const calling = runSipp({
        port: server[transport],
        transport,
        scenario: scenario(dial(), play('caller.pcap'), hungUp),
        files: { 'caller.pcap': capture },
      });
      const { path, final } = await answerAndRecord({
        playBeep: false,
        maxRecordDurationInSeconds: 60,
        maxSilenceTimeoutInSeconds: 20,
        initialSilenceTimeoutInSeconds: 20,
        stopTones: ['#'],
      });
      assert.equal(final.completionReason, 'stopToneDetected');
      assert.equal((await bot.act(server.http, 'DELETE', path)).status, 204);
      const sipp = await calling;
      assert.equal(sipp.code, 0, sipp.output);

      const recorded = await download(final.recordResourceLocation, final.recordResourceAccessToken);
      const found = locate(speech, recorded);
      assert.ok(found.correlation > 0.98, `correlation ${found.correlation}`);
      const expectedEnd = found.offset + (keyAt - LEAD_MS) * 8;
      assert.ok(
        Math.abs(recorded.length - expectedEnd) <= 160,
        `ends ${(recorded.length - expectedEnd) / 8} ms off`,
      );
    });
  }

  await t.test('a caller who hangs up after speaking has left a message', async () => {
    const { speech, capture, lastsMs } = speakingCaller(undefined);
    const calling = runSipp({
      port: server.udp,
      scenario: scenario(dial({ codecs: '0 8' }), play('caller.pcap'), wait(lastsMs), hangUp()),
      files: { 'caller.pcap': capture },
    });
    const { final, ofCall } = await answerAndRecord({
      playBeep: false,
      maxRecordDurationInSeconds: 60,
      maxSilenceTimeoutInSeconds: 20,
      initialSilenceTimeoutInSeconds: 20,
    });
    assert.equal(final.completionReason, 'callTerminated');
    assert.deepEqual(
      [final.status, final.resultInfo.code, final.resultInfo.subcode],
      ['completed', 200, 8588],
    );
    const recorded = await download(final.recordResourceLocation, final.recordResourceAccessToken);
    assert.ok(locate(speech, recorded).correlation > 0.98);
    await bot.next('terminated', (one) => ofCall(one) && isState('terminated')(one));
    const order = bot.notifications
      .filter(ofCall)
      .map((one) => `${one.changeType} ${one.resourceData.state ?? one.resourceData.status}`);
    assert.deepEqual(order, [
      'created incoming',
      'updated establishing',
      'updated established',
      'deleted completed',
      'updated terminating',
      'deleted terminated',
    ]);
    assert.equal((await calling).code, 0);
  });

  await t.test('ten percent of lost packets take their time all the same', async () => {
    const { speech, capture, keyAt } = speakingCaller('#', {
      lose: (sequence) => sequence % 10 === 7,
    });
    const calling = runSipp({
      port: server.udp,
      scenario: scenario(dial(), play('caller.pcap'), hungUp),
      files: { 'caller.pcap': capture },
    });
    const { path, final } = await answerAndRecord({
      playBeep: false,
      maxRecordDurationInSeconds: 60,
      maxSilenceTimeoutInSeconds: 20,
      initialSilenceTimeoutInSeconds: 20,
      stopTones: ['#'],
    });
    assert.equal(final.completionReason, 'stopToneDetected');
    await bot.act(server.http, 'DELETE', path);
    assert.equal((await calling).code, 0);
    const recorded = await download(final.recordResourceLocation, final.recordResourceAccessToken);
    const found = locate(speech, recorded);
    assert.ok(found.correlation > 0.85, `correlation ${found.correlation}`);
    assert.ok(Math.abs(recorded.length - (found.offset + (keyAt - LEAD_MS) * 8)) <= 160);
  });

  await t.test("sipp's own G.711 and DTMF captures: A-law recorded, the pound key ends it", async () => {
    const calling = runSipp({
      port: server.udp,
      scenario: scenario(
        dial({ codecs: '8' }),
        play('/usr/share/sip-tester/g711a.pcap'),
        wait(4000),
        play('/usr/share/sip-tester/dtmf_2833_pound.pcap'),
        hungUp,
      ),
    });
    const { path, final } = await answerAndRecord(
      {
        playBeep: false,
        maxRecordDurationInSeconds: 60,
        maxSilenceTimeoutInSeconds: 30,
        initialSilenceTimeoutInSeconds: 30,
        stopTones: ['#'],
        clientContext: 'sipp',
      },
      '/app/calls',
    );
    assert.deepEqual([final.completionReason, final.clientContext], ['stopToneDetected', 'sipp']);
    await bot.act(server.http, 'DELETE', path);
    assert.equal((await calling).code, 0);
    const recorded = await download(final.recordResourceLocation, final.recordResourceAccessToken);
    assert.ok(recorded.length > 8000 * 3 && recorded.length < 8000 * 8, `${recorded.length / 8000} s`);
  });

  await t.test(
    'a caller who says nothing at all ends with initialSilenceTimeout and no recording',
    async () => {
      const silence = pcapFile(speechPackets(new Int16Array(8000 * 4)));
      const calling = runSipp({
        port: server.udp,
        scenario: scenario(dial(), play('silence.pcap'), hungUp),
        files: { 'silence.pcap': silence },
      });
      const { path, final } = await answerAndRecord({ initialSilenceTimeoutInSeconds: 1 });
      assert.deepEqual(
        [final.completionReason, final.status, final.resultInfo.subcode],
        ['initialSilenceTimeout', 'failed', 8510],
      );
      assert.equal('recordResourceLocation' in final, false);
      await bot.act(server.http, 'DELETE', path);
      assert.equal((await calling).code, 0);
    },
  );

  await t.test('a delayed offer is answered in the ACK and records like any other', async () => {
    const { speech, capture } = speakingCaller('#');
    const calling = runSipp({
      port: server.udp,
      scenario: scenario(dial({ sdp: false }), play('caller.pcap'), hungUp),
      files: { 'caller.pcap': capture },
    });
    const { path, final } = await answerAndRecord({
      playBeep: false,
      maxRecordDurationInSeconds: 60,
      maxSilenceTimeoutInSeconds: 20,
      initialSilenceTimeoutInSeconds: 20,
      stopTones: ['#'],
    });
    assert.equal(final.completionReason, 'stopToneDetected');
    await bot.act(server.http, 'DELETE', path);
    assert.equal((await calling).code, 0);
    const recorded = await download(final.recordResourceLocation, final.recordResourceAccessToken);
    assert.ok(locate(speech, recorded).correlation > 0.98);
  });
});
