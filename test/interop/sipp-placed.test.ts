import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { locate, readSound } from '../support/audio.ts';
import { isState, type Notification } from '../support/bot.ts';
import { freeUdpPort } from '../support/free-port.ts';
import {
  called,
  hungUp,
  notify,
  play,
  receive,
  reply,
  replyWithin,
  ring,
  scenario,
} from '../support/scenarios.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';
import {
  type AnsweredCall,
  capture,
  download,
  type VoicemailStage,
  voicemailStage,
} from '../support/voicemail-stage.ts';

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const skip = missing('/usr/bin/sipp', '/usr/bin/sox', SOUNDS);
const PROVIDER = { username: 'tonearm', password: 'trunk-secret' };
const CHALLENGE =
  'WWW-Authenticate: Digest realm="provider.example", nonce="ad8721f0", qop="auth", algorithm=MD5\n';
const cancelled = [receive('CANCEL'), reply(200), reply(487, { cseq: 'CSeq: 1 INVITE' }), receive('ACK')];

test('calls that a bot places and sends on, with sipp for the far end', {
  skip,
  concurrency: 1,
}, async (t) => {
  let stage: VoicemailStage;
  /** Where the trunk is, and the far end listens. */
  let port: number;
  before(async () => {
    port = await freeUdpPort();
    const trunk = { name: 'provider', address: `127.0.0.1:${port}`, ...PROVIDER, callerId: '+14255550199' };
    stage = await voicemailStage({
      config: {
        calls: { ringTimeout: '2s' },
        trunks: [{ ...trunk, numbers: ['+1425*'] }],
      },
    });
  });
  after(() => stage?.close());

  /** A far end that does these steps. */
  const farEnd = async (steps: readonly string[], files: Record<string, Buffer> = {}) => {
    const { code, output, messages } = await runSipp({
      port,
      called: true,
      scenario: scenario(...steps),
      files,
    });
    assert.equal(code, 0, output + messages);
    return messages;
  };
  const place = async (identity: object): Promise<AnsweredCall> => {
    const answer = await stage.bot.act(stage.server.http, 'POST', '/app/calls', {
      callbackUri: stage.bot.callbackUri,
      targets: [{ identity }],
    });
    assert.equal(answer.status, 201, await answer.clone().text());
    const { id } = (await answer.json()) as { id: string };
    return { id, path: `/app/calls/${id}`, mine: ({ resource }) => resource.includes(id) };
  };
  const told = (call: AnsweredCall, state: string) =>
    stage.bot.next(state, (one) => call.mine(one) && isState(state)(one));
  const states = (call: AnsweredCall) =>
    stage.bot.notifications
      .filter((one: Notification) => call.mine(one) && one.resourceData.state !== undefined)
      .map(({ changeType, resourceData }) => `${changeType} ${resourceData.state}`);
  const bob = () => ({ user: { id: `sip:bob@127.0.0.1:${port}` } });

  await t.test(
    'a number goes through its trunk, with credentials and caller id; what is said is recorded',
    async () => {
      const speech = readSound(`${SOUNDS}/tt-weasels.wav`);
      const { pcap } = capture([
        { silenceMs: 1000 },
        { says: speech },
        { silenceMs: 200 },
        { key: '#' },
        { silenceMs: 9000 },
      ]);
      const answering = farEnd(
        [
          called(),
          reply(401, { headers: CHALLENGE }),
          receive('ACK'),
          called({ verify: PROVIDER, has: { header: 'From', pattern: '"Voicemail" .sip:.14255550199@' } }),
          reply(180),
          reply(200, { sdp: true }),
          receive('ACK'),
          play('far.pcap'),
          hungUp,
        ],
        { 'far.pcap': pcap },
      );
      const call = await place({ phone: { id: '+1 (425) 555-0100' } });
      await told(call, 'established');
      const final = await stage.record(call, {
        playBeep: false,
        initialSilenceTimeoutInSeconds: 20,
        maxRecordDurationInSeconds: 60,
        stopTones: ['#'],
      });
      assert.equal(final.completionReason, 'stopToneDetected');
      const { correlation } = locate(speech, await download(final));
      assert.ok(correlation > 0.98, `correlation ${correlation}`);
      await stage.hangUp(call);
      assert.match(await answering, /INVITE sip:\+14255550100@127\.0\.0\.1/);
      await told(call, 'terminated');
      assert.deepEqual(states(call), [
        'updated establishing',
        'updated ringing',
        'updated established',
        'updated terminating',
        'deleted terminated',
      ]);
    },
  );

  await t.test('early media, then the answer: established once', async () => {
    const answering = farEnd([
      called(),
      reply(183, { sdp: true }),
      reply(180),
      reply(200, { sdp: true }),
      receive('ACK'),
      hungUp,
    ]);
    const call = await place(bob());
    await told(call, 'established');
    await stage.hangUp(call);
    await answering;
    await told(call, 'terminated');
    assert.equal(states(call).filter((state) => state.endsWith('established')).length, 1);
  });

  await t.test('a far end that is busy: what SIP said is in the result', async () => {
    const answering = farEnd([called(), reply(486), receive('ACK')]);
    const call = await place(bob());
    const { terminationReason, resultInfo } = (await told(call, 'terminated')).resourceData;
    assert.deepEqual([terminationReason, resultInfo.code], ['Busy', 486]);
    await answering;
  });

  await t.test('a far end that is not there is given up like one that does not answer', async () => {
    const call = await place(bob());
    const { resultInfo } = (await told(call, 'terminated')).resourceData;
    assert.equal(resultInfo.code, 480);
  });

  await t.test('nobody answers in time: cancelled', async () => {
    const answering = farEnd([called(), reply(180), ...cancelled]);
    const call = await place(bob());
    const { terminationReason, resultInfo } = (await told(call, 'terminated')).resourceData;
    assert.deepEqual([terminationReason, resultInfo.code], ['NoAnswer', 480]);
    await answering;
  });

  await t.test('the bot gives up while it rings: cancelled', async () => {
    const answering = farEnd([called(), reply(180), ...cancelled]);
    const call = await place(bob());
    await told(call, 'ringing');
    await stage.hangUp(call);
    await answering;
    assert.equal((await told(call, 'terminated')).resourceData.terminationReason, 'AppInitiated');
  });

  await t.test('a transfer that succeeds, told step by step', async () => {
    const answering = farEnd([
      called(),
      reply(200, { sdp: true }),
      receive('ACK'),
      receive('REFER'),
      replyWithin(202),
      notify(1, 'SIP/2.0 100 Trying', 'active;expires=60'),
      notify(2, 'SIP/2.0 200 OK', 'terminated;reason=noresource'),
      hungUp,
    ]);
    const call = await place(bob());
    await told(call, 'established');
    await stage.act(call, 'transfer', { transferTarget: { identity: { phone: { id: '+14255550177' } } } });
    assert.equal((await told(call, 'terminated')).resourceData.terminationReason, 'CallTransferred');
    assert.match(await answering, new RegExp(`Refer-To: <sip:\\+14255550177@127\\.0\\.0\\.1:${port}>`, 'i'));
    assert.deepEqual(states(call).slice(-4), [
      'updated transferring',
      'updated transferAccepted',
      'updated terminating',
      'deleted terminated',
    ]);
  });

  await t.test('a transfer that fails leaves the call as it was', async () => {
    const answering = farEnd([
      called(),
      reply(200, { sdp: true }),
      receive('ACK'),
      receive('REFER'),
      replyWithin(202),
      notify(1, 'SIP/2.0 603 Decline', 'terminated;reason=noresource'),
      hungUp,
    ]);
    const call = await place(bob());
    await told(call, 'established');
    await stage.act(call, 'transfer', {
      transferTarget: { identity: { user: { id: 'sip:carol@127.0.0.1' } } },
    });
    const back = await stage.bot.next(
      'established again',
      (one) => call.mine(one) && isState('established')(one) && one.resourceData.resultInfo !== undefined,
    );
    assert.equal(back.resourceData.resultInfo.code, 603);
    assert.equal(back.resourceData.mediaState, undefined, 'that audio is active is told once');
    await stage.hangUp(call);
    await answering;
  });

  for (const [targets, status, contact] of [
    [
      [{ identity: { user: { id: 'sip:carol@phones.example' } } }],
      302,
      /Contact: <sip:carol@phones\.example>/i,
    ],
    [
      [
        { identity: { user: { id: 'sip:carol@phones.example' } } },
        { identity: { phone: { id: '+4930123456' } } },
      ],
      300,
      /Contact: <sip:carol@phones\.example>;q=1\.0, <sip:\+4930123456@127\.0\.0\.1;user=phone>;q=0\.9/i,
    ],
  ] as const) {
    await t.test(`an incoming call is redirected: ${status}`, async () => {
      const seen = new Set(stage.bot.notifications);
      const calling = runSipp({ port: stage.server.udp, scenario: scenario(ring(status)) });
      const incoming = await stage.bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one));
      const path = `/app/calls/${incoming.resourceData.id}/redirect`;
      const answer = await stage.bot.act(stage.server.http, 'POST', path, { targets });
      assert.equal(answer.status, 202, await answer.text());
      const { code, output, messages } = await calling;
      assert.equal(code, 0, output + messages);
      assert.match(messages, contact);
    });
  }
});
