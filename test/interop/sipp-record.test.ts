import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { locate, readSound } from '../support/audio.ts';
import { isState } from '../support/bot.ts';
import { tone } from '../support/dual-tone.ts';
import { dial, hangUp, hungUp, play, scenario, wait } from '../support/scenarios.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';
import { capture, download, type VoicemailStage, voicemailStage } from '../support/voicemail-stage.ts';

const skip = missing('/usr/bin/sipp', '/usr/bin/sox', '/usr/share/asterisk/sounds/en_US_f_Allison');
/** Silence before the speech, so that answering and starting the recording have their time. */
const LEAD = { silenceMs: 1500 };
/** Nothing but a stop tone or a hang-up ends these. */
const PATIENT = {
  playBeep: false,
  maxRecordDurationInSeconds: 60,
  maxSilenceTimeoutInSeconds: 20,
  initialSilenceTimeoutInSeconds: 20,
};

test('calls placed by sipp', { skip, concurrency: 1 }, async (t) => {
  let stage: VoicemailStage;
  let speech: Int16Array;
  before(async () => {
    stage = await voicemailStage();
    speech = readSound('/usr/share/asterisk/sounds/en_US_f_Allison/vm-intro.wav');
  });
  after(() => stage?.close());

  /** What was said must be in the recording as it was sent, and the recording must end where the key began. */
  async function assertRecorded(
    final: Awaited<ReturnType<VoicemailStage['record']>>,
    keyAfterSpeechMs: number,
    least: number,
  ) {
    const recorded = await download(final);
    const found = locate(speech, recorded);
    assert.ok(found.correlation > least, `correlation ${found.correlation}`);
    const off = (recorded.length - found.offset) / 8 - keyAfterSpeechMs;
    assert.ok(Math.abs(off) <= 20, `the recording ends ${off} ms off`);
  }

  for (const [what, least, options] of [
    ['over udp', 0.98, { transport: 'udp' }],
    ['over tcp', 0.98, { transport: 'tcp' }],
    ['with the offer in our 200 and the answer in the ACK', 0.98, { delayed: true }],
    ['with every tenth packet lost', 0.85, { lose: (sequence: number) => sequence % 10 === 7 }],
  ] as const) {
    await t.test(`a message ended by # ${what} is what was said, to 20 ms`, async () => {
      const { pcap, startsMs } = capture(
        [LEAD, { says: speech }, { silenceMs: 300 }, { key: '#' }],
        'lose' in options ? options.lose : undefined,
      );
      const transport = 'transport' in options ? options.transport : 'udp';
      const calling = runSipp({
        port: stage.server[transport],
        transport,
        scenario: scenario(dial({ sdp: !('delayed' in options) }), play('caller.pcap'), hungUp),
        files: { 'caller.pcap': pcap },
      });
      const call = await stage.answerNext();
      const final = await stage.record(call, { ...PATIENT, stopTones: ['#'] });
      assert.equal(final.completionReason, 'stopToneDetected');
      await stage.hangUp(call);
      assert.equal((await calling).code, 0);
      await assertRecorded(final, (startsMs[3] ?? 0) - (startsMs[1] ?? 0), least);
      const { rule, stopTone, packetsExpected, packetsReceived, ...report } = final.endReport;
      assert.deepEqual([rule, stopTone], ['stopTone', '#']);
      const lost = (packetsExpected - packetsReceived) / packetsExpected;
      assert.ok(Math.abs(lost - ('lose' in options ? 0.1 : 0)) < 0.02, `${lost} of the packets were lost`);
      const spokenMs = report.speechEndMs - report.speechStartMs;
      assert.ok(Math.abs(spokenMs - speech.length / 8) < 400, `speech for ${spokenMs} ms`);
    });
  }

  await t.test(
    'a caller who hangs up after speaking has left a message, and its bot is told in order',
    async () => {
      const { pcap } = capture([LEAD, { says: speech }, { silenceMs: 300 }]);
      const calling = stage.caller(pcap, {
        codecs: '0 8',
        steps: [wait(LEAD.silenceMs + speech.length / 8 + 400), hangUp()],
      });
      const call = await stage.answerNext();
      const final = await stage.record(call, PATIENT);
      assert.deepEqual(
        [final.completionReason, final.status, final.resultInfo.code, final.resultInfo.subcode],
        ['callTerminated', 'completed', 200, 8588],
      );
      assert.ok(locate(speech, await download(final)).correlation > 0.98);
      await stage.bot.next('terminated', (one) => call.mine(one) && isState('terminated')(one));
      const told = stage.bot.notifications.filter(call.mine);
      assert.deepEqual(
        told.map((one) => `${one.changeType} ${one.resourceData.state ?? one.resourceData.status}`),
        [
          'created incoming',
          'updated establishing',
          'updated established',
          'deleted completed',
          'updated terminating',
          'deleted terminated',
        ],
      );
      assert.deepEqual(
        told.map((one) => Number(one.headers['tonearm-sequence'])),
        [1, 2, 3, 4, 5, 6],
      );
      await calling;
    },
  );

  await t.test('a caller without telephone-event: 1, 1 in the audio end it, and are not in it', async () => {
    const keys = [{ says: tone('1') }, { silenceMs: 60 }, { says: tone('1') }];
    const { pcap } = capture([LEAD, { says: speech }, { silenceMs: 300 }, ...keys, { silenceMs: 2000 }]);
    const offer = dial()
      .replace('RTP/AVP 0 101', 'RTP/AVP 0')
      .replaceAll(/a=(rtpmap|fmtp):101.*\n/g, '');
    const calling = runSipp({
      port: stage.server.udp,
      scenario: scenario(offer, play('caller.pcap'), hungUp),
      files: { 'caller.pcap': pcap },
    });
    const call = await stage.answerNext();
    const final = await stage.record(call, { ...PATIENT, stopTones: ['#', '11'] });
    assert.equal(final.completionReason, 'stopToneDetected');
    await assertRecorded(final, speech.length / 8 + 300, 0.98);
    await stage.hangUp(call);
    assert.equal((await calling).code, 0);
  });

  await t.test("sipp's own G.711 and DTMF captures: A-law recorded, the pound key ends it", async () => {
    const own = '/usr/share/sip-tester';
    const calling = runSipp({
      port: stage.server.udp,
      scenario: scenario(
        dial({ codecs: '8' }),
        play(`${own}/g711a.pcap`),
        wait(4000),
        play(`${own}/dtmf_2833_pound.pcap`),
        hungUp,
      ),
    });
    const call = await stage.answerNext();
    const final = await stage.record(call, { ...PATIENT, stopTones: ['#'], clientContext: 'sipp' });
    assert.deepEqual([final.completionReason, final.clientContext], ['stopToneDetected', 'sipp']);
    await stage.hangUp(call);
    assert.equal((await calling).code, 0);
    const seconds = (await download(final)).length / 8000;
    assert.ok(seconds > 3 && seconds < 8, `${seconds} s`);
  });
});
