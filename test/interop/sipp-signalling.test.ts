import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { type Bot, callPath, isState, startBot } from '../support/bot.ts';
import {
  ackOfRefusal,
  ask,
  dial,
  hangUp,
  reinvite,
  ring,
  scenario,
  send,
  wait,
} from '../support/scenarios.ts';
import { APP, startServer, type TestServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

const skip = missing('/usr/bin/sipp');

test('signalling as sipp sees it', { skip, concurrency: 1 }, async (t) => {
  let bot: Bot;
  let server: TestServer;
  let answerEverything = false;
  before(async () => {
    bot = await startBot({
      onNotification(one) {
        if (!answerEverything || one.resourceData.state !== 'incoming') return;
        void bot.act(server.http, 'POST', `${callPath(one)}/answer`, { callbackUri: bot.callbackUri });
      },
    });
    server = await startServer({
      callbackUri: bot.callbackUri,
      config: {
        calls: { answerTimeout: '2s' },
        applications: [{ ...APP, callbackUri: bot.callbackUri, routes: ['sip:voicemail@*', '+1425*'] }],
      },
    });
  });
  after(async () => {
    const code = await server?.stop();
    await bot?.close();
    assert.equal(code, 0);
  });

  /** Calls that must have been told as terminated once all is over. */
  let begun = 0;
  const nextCall = () => {
    const seen = new Set(bot.notifications);
    begun++;
    return bot.next('incoming', (one) => !seen.has(one) && isState('incoming')(one));
  };
  const nextAnswered = async () => {
    const incoming = await nextCall();
    const reply = await bot.act(server.http, 'POST', `${callPath(incoming)}/answer`, {
      callbackUri: bot.callbackUri,
    });
    assert.equal(reply.status, 202);
    return incoming;
  };

  for (const transport of ['udp', 'tcp'] as const) {
    const at = { transport } as const;
    const expects = async (name: string, text: string, service = 'voicemail') => {
      await t.test(`${name} over ${transport}`, async () => {
        const result = await runSipp({ ...at, port: server[transport], scenario: text, service });
        assert.equal(result.code, 0, result.output + result.messages);
      });
    };
    await expects('OPTIONS is answered 200', scenario(ask('OPTIONS', 200)));
    await expects('an unknown method gets 405', scenario(ask('PUBLISH', 405)));
    await expects('a BYE of no dialog gets 481', scenario(ask('BYE', 481)));
    await expects('a CANCEL of nothing gets 481', scenario(ask('CANCEL', 481)));
    await expects(
      'an extension that we lack gets 420',
      scenario(ask('OPTIONS', 420, 'Require: 100rel, teleportation\n')),
    );
    await expects('a called party of no application gets 404', scenario(ring(404)), 'nobody');
    await expects('a call that nobody answers in time gets 480', scenario(ring(480)));
    await expects(
      'a body that is not SDP gets 415',
      scenario(ring(415).replace('application/sdp', 'text/plain')),
    );
    await expects('an offer without a codec of ours gets 488', scenario(ring(488, { codecs: '18' })));
    await expects('CANCEL while ringing gets 200 and the INVITE 487', scenario(cancelled));

    // What the calls above are told as must not be taken for what comes next: two of them rang.
    begun += 2;
    await t.test(`every call so far has been told as terminated over ${transport}`, async () => {
      const ended = () => bot.notifications.filter(isState('terminated')).length;
      await bot.next('the last terminated', () => ended() === begun);
    });

    await t.test(`sipp's own uac scenario is answered over ${transport}`, async () => {
      const calling = runSipp({ ...at, port: server[transport], scenario: 'uac', args: ['-d', '300'] });
      const incoming = await nextAnswered();
      const result = await calling;
      assert.equal(result.code, 0, result.output + result.messages);
      const ended = await bot.next(
        'terminated',
        (one) => one.resource === incoming.resource && isState('terminated')(one),
      );
      assert.equal(ended.changeType, 'deleted');
    });

    await t.test(`hold and resume by re-INVITE over ${transport}`, async () => {
      const calling = runSipp({
        ...at,
        port: server[transport],
        scenario: scenario(
          dial(),
          wait(200),
          reinvite('sendonly', 2),
          wait(300),
          reinvite('sendrecv', 3),
          wait(300),
          hangUp(),
        ),
      });
      const incoming = await nextAnswered();
      const states = (state: string) =>
        bot.notifications.filter((one) => one.resource === incoming.resource && isState(state)(one));
      await bot.next('hold', (one) => one.resource === incoming.resource && isState('hold')(one));
      await bot.next('terminated', (one) => one.resource === incoming.resource && isState('terminated')(one));
      assert.equal(states('established').length, 2);
      assert.equal(
        states('established').filter((one) => one.resourceData.mediaState?.audio === 'active').length,
        1,
      );
      const result = await calling;
      assert.equal(result.code, 0, result.output + result.messages);
    });

    for (const [reason, status] of [
      ['none', 603],
      ['busy', 486],
      ['forbidden', 403],
    ] as const) {
      await t.test(`a call rejected with «${reason}» gets ${status} over ${transport}`, async () => {
        const calling = runSipp({ ...at, port: server[transport], scenario: scenario(ring(status)) });
        const incoming = await nextCall();
        assert.equal(
          (await bot.act(server.http, 'POST', `${callPath(incoming)}/reject`, { reason })).status,
          202,
        );
        const result = await calling;
        assert.equal(result.code, 0, result.output + result.messages);
      });
    }
  }

  await t.test('twenty calls at once are all answered and ended', async () => {
    const ended = () => bot.notifications.filter(isState('terminated')).length;
    const before = ended();
    answerEverything = true;
    const result = await runSipp({
      port: server.udp,
      scenario: 'uac',
      calls: 20,
      args: ['-d', '500', '-r', '20'],
    });
    answerEverything = false;
    assert.equal(result.code, 0, result.output);
    await bot.next('twenty terminated calls', () => ended() === before + 20);
  });

  await t.test('what is no SIP at all leaves the server up, and what can be answered gets 400', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const to = (bytes: Uint8Array) => socket.send(bytes, server.udp, '127.0.0.1');
    for (let i = 0; i < 200; i++)
      to(Buffer.from(Array.from({ length: 40 + i }, (_, j) => (j * 7919 + i * 31) & 255)));
    const { port } = socket.address();
    const reply = once(socket, 'message') as Promise<[Buffer]>;
    to(
      Buffer.from(
        [
          'INVITE sip:voicemail@127.0.0.1 SIP/2.0',
          `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKbroken;rport`,
          'From: <sip:a@127.0.0.1>;tag=1',
          'To: <sip:voicemail@127.0.0.1>',
          'Call-ID: broken',
          'CSeq: 1 INVITE',
          'Contact: <sip:a@127.0.0.1>',
          'Content-Type: application/sdp',
          'Content-Length: 5000',
          '',
          'v=0',
        ].join('\r\n'),
      ),
    );
    const [answer] = await reply;
    assert.match(answer.toString(), /^SIP\/2\.0 400 /);
    socket.close();
    assert.equal((await fetch(`${server.http}/healthz`)).status, 200);
  });
});

const cancelled = `${dial().split('<recv')[0] ?? ''}
<recv response="100" optional="true"/>
<recv response="180"/>
${send(`CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
[last_From:]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70
Content-Length: 0
`)}
<recv response="200"/>
<recv response="487"/>
${ackOfRefusal}`;
