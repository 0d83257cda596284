/** Keys over the wire, as each `media.dtmf` has them: sipp's own captures, and made ones in which each key is an event and a tone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFinalOperation, isState } from '../support/bot.ts';
import { capturedPackets, pcapFile } from '../support/pcap.ts';
import { type Press, pressed } from '../support/pressed.ts';
import { dial, hangUp, hungUp, info, play, scenario, wait } from '../support/scenarios.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';
import {
  type AnsweredCall,
  download,
  type VoicemailStage,
  voicemailStage,
} from '../support/voicemail-stage.ts';

const CAPTURES = '/usr/share/sip-tester';
const skip = missing('/usr/bin/sipp', '/usr/bin/sox');
/** Nothing but a stop tone, or the duration, ends these. */
const PATIENT = { playBeep: false, maxSilenceTimeoutInSeconds: 20, initialSilenceTimeoutInSeconds: 20 };

const tonesOf = (stage: VoicemailStage, call: AnsweredCall) =>
  stage.bot.notifications
    .filter((one) => call.mine(one) && one.resourceData.toneInfo !== undefined)
    .map(({ resourceData: { toneInfo } }) => `${toneInfo.sequenceId} ${toneInfo.tone}`);
/** Its own last notification is out of the way after it. */
async function subscribe(stage: VoicemailStage, call: AnsweredCall): Promise<void> {
  await stage.act(call, 'subscribeToTone');
  await stage.bot.next('subscribed', (one) => call.mine(one) && isFinalOperation(one));
}
/** Resolves with what the last notification carries. */
async function recordUntilOneOneHash(stage: VoicemailStage, call: AnsweredCall) {
  const final = await stage.record(call, { ...PATIENT, stopTones: ['11#'], maxRecordDurationInSeconds: 30 });
  assert.deepEqual([final.completionReason, final.endReport.stopTone], ['stopToneDetected', '11#']);
  return final;
}
const numbered = (tones: readonly string[]) => tones.map((tone, index) => `${index + 1} ${tone}`);

test("each of sipp's captures is one key, played twice it is two", { skip }, async () => {
  const stage = await voicemailStage();
  try {
    const keys = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'star', 'pound'];
    const press = (key: string) => [play(`${CAPTURES}/dtmf_2833_${key}.pcap`), wait(250)];
    const steps = [...keys.flatMap(press), wait(1200), ...press('pound')];
    const calling = runSipp({
      port: stage.server.udp,
      scenario: scenario(dial(), wait(1000), ...steps, hangUp()),
    });
    const call = await stage.answerNext();
    await subscribe(stage, call);
    await stage.bot.next('terminated', (one) => call.mine(one) && isState('terminated')(one));
    assert.equal((await calling).code, 0);
    const told = [...keys, 'pound'].map((key) => (/\d/.test(key) ? `tone${key}` : key));
    assert.deepEqual(tonesOf(stage, call), numbered(told));
  } finally {
    await stage.close();
  }
});

/** 1, 1, #: what comes of each as an event, as a tone, or both, is up to `press`. */
function oneOneHash(press: (at: number) => Omit<Press, 'key'>): Buffer {
  const presses = (['1', '1', '#'] as const).map(
    (key, index): Press => ({ key, ...press(1600 + 300 * index) }),
  );
  return pcapFile(capturedPackets(pressed(presses, { lengthMs: 6000 })));
}

const place = (at: number) => [at, at + 100] as const;
const MODES = [
  {
    dtmf: 'both',
    what: 'keys that are event and tone at once are told once',
    press: (at: number) => ({ event: place(at), tone: place(at) }),
  },
  {
    dtmf: 'both',
    what: 'and those that are tones alone, though events were agreed on',
    press: (at: number) => ({ tone: place(at) }),
  },
  {
    dtmf: 'events',
    what: 'keys that are event and tone at once are told once',
    press: (at: number) => ({ event: place(at), tone: place(at) }),
  },
  {
    dtmf: 'auto',
    what: 'keys that are event and tone at once are told once',
    press: (at: number) => ({ event: place(at), tone: place(at) }),
  },
] as const;

for (const { dtmf, what, press } of MODES) {
  test(`media.dtmf ${dtmf}: ${what}, and 11# ends the recording before them`, { skip }, async () => {
    const stage = await voicemailStage({ config: { media: { dtmf } } });
    try {
      const calling = stage.caller(oneOneHash(press));
      const call = await stage.answerNext();
      await subscribe(stage, call);
      const final = await recordUntilOneOneHash(stage, call);
      const recorded = await download(final);
      const loudest = recorded.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      // The first 20 ms of a tone go into the recording before its event can say what they are, unless tones are listened for.
      if (dtmf === 'both') assert.ok(loudest < 1500, `something of ${loudest} is in the recording`);
      await stage.hangUp(call);
      await calling;
      assert.deepEqual(tonesOf(stage, call), numbered(['tone1', 'tone1', 'pound']));
    } finally {
      await stage.close();
    }
  });
}

test('keys by INFO, in both forms, are told and end the recording; what is no key is refused', {
  skip,
}, async () => {
  const stage = await voicemailStage();
  try {
    const relay = (key: string) => `Signal=${key}\nDuration=160\n`;
    const calling = runSipp({
      port: stage.server.udp,
      scenario: scenario(
        ...[dial(), wait(1500), info(2, 'application/dtmf-relay', relay('1'))],
        ...[wait(300), info(3, 'application/dtmf', '1')],
        ...[info(4, 'application/dtmf-relay', relay('one'), 400), info(5, 'text/plain', '1', 415)],
        ...[wait(300), info(6, 'application/dtmf-relay', relay('#')), hungUp],
      ),
    });
    const call = await stage.answerNext();
    await subscribe(stage, call);
    await recordUntilOneOneHash(stage, call);
    await stage.hangUp(call);
    const { code, output, messages } = await calling;
    assert.equal(code, 0, output + messages);
    assert.deepEqual(tonesOf(stage, call), numbered(['tone1', 'tone1', 'pound']));
  } finally {
    await stage.close();
  }
});

test('media.dtmf events: tones in the audio end nothing and are told to nobody', { skip }, async () => {
  const stage = await voicemailStage({ config: { media: { dtmf: 'events' } } });
  try {
    const calling = stage.caller(oneOneHash((at) => ({ tone: place(at) })));
    const call = await stage.answerNext();
    await subscribe(stage, call);
    const final = await stage.record(call, { ...PATIENT, stopTones: ['11#'], maxRecordDurationInSeconds: 3 });
    assert.equal(final.completionReason, 'maxRecordDurationReached');
    await stage.hangUp(call);
    await calling;
    assert.deepEqual(tonesOf(stage, call), []);
  } finally {
    await stage.close();
  }
});
