import assert from 'node:assert/strict';
import { test } from 'node:test';
import { response, SDP, type SipStage, sipStage, titleOf, willing } from '../../test/support/sip-stage.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { header } from '../wire/sip-message.ts';
import type { OutgoingInvite } from './user-agent.ts';

async function calling(
  stage: SipStage,
  transport: 'udp' | 'tcp' = 'udp',
  options: Partial<OutgoingInvite> = {},
) {
  const hangUp = new AbortController();
  const progress: number[] = [];
  const outcome = stage.agent.invite(
    {
      requestUri: 'sip:far@192.0.2.9',
      from: { user: 'bot', host: '192.0.2.1' },
      to: '<sip:far@192.0.2.9>',
      transport,
      sdp: SDP,
      handler: willing,
      onProgress: (status) => void progress.push(status),
      ...options,
    },
    hangUp.signal,
  );
  await settle();
  return { outcome, progress, hangUp };
}

test('RFC 3261 figure 5, unreliable: an INVITE is repeated (A) until nobody answered for 64·T1 (B)', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.clock.advance(40_000);
  assert.deepEqual(
    stage.trace(),
    [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5].map((at) => `${at} INVITE`),
  );
  const result = await outcome;
  assert.deepEqual([result.answered, !result.answered && result.status], [false, 408]);
  assert.equal(stage.clock.timers, 0);
});

test('RFC 3261 figure 5, reliable: an INVITE is sent once', async () => {
  const stage = await sipStage('tcp');
  const { outcome } = await calling(stage, 'tcp');
  await stage.clock.advance(32_000);
  assert.deepEqual(stage.trace(), ['0 INVITE']);
  assert.equal((await outcome).answered, false);
});

test('RFC 3261 figure 5: a provisional response stops the repetitions; a refusal is acknowledged, each time it comes, for 32 s (D)', async () => {
  const stage = await sipStage('udp');
  const { outcome, progress } = await calling(stage);
  const invite = stage.last('INVITE');
  await stage.receive(response(invite, 180));
  await stage.clock.advance(60_000);
  assert.deepEqual(stage.trace(), ['0 INVITE']);
  await stage.receive(response(invite, 486));
  await stage.receive(response(invite, 486));
  assert.deepEqual(stage.trace().slice(1), ['60 ACK', '60 ACK']);
  const ack = stage.last('ACK');
  assert.equal(header(ack, 'via'), header(invite, 'via'));
  assert.match(header(ack, 'to') ?? '', /tag=far/);
  assert.deepEqual(progress, [180]);
  assert.deepEqual(await outcome, {
    answered: false,
    status: 486,
    reason: 'Whatever',
    contacts: ['<sip:far@192.0.2.9:5060>'],
  });
  await stage.clock.advance(32_000);
  assert.equal(stage.clock.timers, 0);
});

test('a 200 is acknowledged, each time it comes, in a transaction of its own', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  const invite = stage.last('INVITE');
  await stage.receive(response(invite, 200, { body: SDP }));
  await stage.receive(response(invite, 200, { body: SDP }));
  const result = await outcome;
  assert.ok(result.answered);
  assert.deepEqual(stage.trace(), ['0 INVITE', '0 ACK', '0 ACK']);
  assert.notEqual(header(stage.last('ACK'), 'via'), header(invite, 'via'));
  assert.equal(header(stage.last('ACK'), 'cseq'), '1 ACK');
});

test('a second fork that answers too is acknowledged and ended', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  const invite = stage.last('INVITE');
  await stage.receive(response(invite, 200, { body: SDP, tag: 'one' }));
  await stage.receive(response(invite, 200, { body: SDP, tag: 'two' }));
  assert.ok((await outcome).answered);
  assert.match(header(stage.last('BYE'), 'to') ?? '', /tag=two/);
});

test('giving up sends CANCEL, but not before a provisional response (§9.1)', async () => {
  const stage = await sipStage('udp');
  const { outcome, hangUp } = await calling(stage);
  hangUp.abort();
  await settle();
  assert.deepEqual(stage.trace(), ['0 INVITE']);
  const invite = stage.last('INVITE');
  await stage.receive(response(invite, 180));
  assert.equal(header(stage.last('CANCEL'), 'via'), header(invite, 'via'));
  assert.equal(header(stage.last('CANCEL'), 'cseq'), '1 CANCEL');
  await stage.receive(response(invite, 487));
  const result = await outcome;
  assert.equal(!result.answered && result.status, 487);
});

test('a 200 that crosses the CANCEL is acknowledged and ended', async () => {
  const stage = await sipStage('udp');
  const { outcome, hangUp } = await calling(stage);
  const invite = stage.last('INVITE');
  await stage.receive(response(invite, 180));
  hangUp.abort();
  await stage.receive(response(invite, 200, { body: SDP }));
  assert.equal((await outcome).answered, false);
  assert.ok(stage.last('ACK'));
  assert.ok(stage.last('BYE'));
});

test('RFC 3261 figure 6, unreliable: a BYE is repeated (E), T2 apart at most, until 64·T1 (F)', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 200, { body: SDP }));
  const result = await outcome;
  assert.ok(result.answered);
  const ended = result.dialog.bye();
  await stage.clock.advance(40_000);
  await ended;
  const byes = stage.sent.filter(({ message }) => titleOf(message) === 'BYE').map(({ at }) => at / 1000);
  assert.deepEqual(byes, [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]);
});

test('RFC 3261 figure 6: after a provisional response a request is repeated every T2; K lets late answers pass', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 200, { body: SDP }));
  const result = await outcome;
  assert.ok(result.answered);
  await stage.clock.advance(32_000); // the INVITE's own timer M
  const ended = result.dialog.bye();
  await settle();
  await stage.receive(response(stage.last('BYE'), 100));
  await stage.clock.advance(9000);
  const byes = stage.sent.filter(({ message }) => titleOf(message) === 'BYE').map(({ at }) => at / 1000);
  assert.deepEqual(byes, [32, 32.5, 36.5, 40.5]);
  await stage.receive(response(stage.last('BYE'), 200));
  await ended;
  assert.equal(stage.clock.timers, 1, 'timer K');
  await stage.clock.advance(5000);
  assert.equal(stage.clock.timers, 0);
});

test('a transport that fails ends the call with 503', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.fail();
  const result = await outcome;
  assert.deepEqual(!result.answered && [result.status, result.reason], [503, 'nobody is there']);
});

test('a response with a second Via, or to nobody, changes nothing', async () => {
  const stage = await sipStage('udp');
  await calling(stage);
  const invite = stage.last('INVITE');
  await stage.receive(
    response(invite, 486).replace(/^via: (.*)$/m, 'via: $1\nvia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKx'),
  );
  await stage.receive(response(invite, 486).replace(/branch=z9hG4bK\w+/, 'branch=z9hG4bKnobody'));
  assert.deepEqual(stage.trace(), ['0 INVITE']);
});

test('CANCEL is sent once, whatever else is told while it is on its way', async () => {
  const stage = await sipStage('udp');
  const { hangUp, progress } = await calling(stage);
  const invite = stage.last('INVITE');
  await stage.receive(response(invite, 180));
  hangUp.abort();
  await settle();
  await stage.receive(response(stage.last('CANCEL'), 200));
  await stage.receive(response(invite, 183));
  await stage.receive(response(invite, 183));
  assert.deepEqual(stage.trace(), ['0 INVITE', '0 CANCEL']);
  assert.deepEqual(progress, [180]);
});

test('a cancelled call that is never answered is given up 64·T1 after the CANCEL (§9.1)', async () => {
  const stage = await sipStage('udp');
  const { outcome, hangUp } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 100));
  await stage.clock.advance(100_000);
  hangUp.abort();
  await settle();
  await stage.receive(response(stage.last('CANCEL'), 200));
  await stage.clock.advance(31_999);
  assert.deepEqual(stage.trace(), ['0 INVITE', '100 CANCEL']);
  await stage.clock.advance(1);
  const result = await outcome;
  assert.deepEqual(!result.answered && result.status, 487);
  assert.equal(stage.clock.timers, 0);
});

test('a 200 to a call that was given up before any response is acknowledged and ended', async () => {
  const stage = await sipStage('udp');
  const { outcome, hangUp } = await calling(stage);
  hangUp.abort();
  await stage.receive(response(stage.last('INVITE'), 200, { body: SDP }));
  const result = await outcome;
  assert.deepEqual(!result.answered && result.status, 487);
  assert.deepEqual(stage.trace(), ['0 INVITE', '0 ACK', '0 BYE']);
});

test('closing cancels what rings, and ends what is answered all the same', async () => {
  const stage = await sipStage('udp');
  const ringing = await calling(stage);
  const invite = stage.last('INVITE');
  await stage.receive(response(invite, 180));
  const closed = stage.agent.close();
  await settle();
  await stage.receive(response(stage.last('CANCEL'), 200));
  await stage.receive(response(invite, 200, { body: SDP }));
  assert.equal((await ringing.outcome).answered, false);
  await stage.receive(response(stage.last('BYE'), 200));
  await closed;
  assert.deepEqual(stage.trace(), ['0 INVITE', '0 CANCEL', '0 ACK', '0 BYE']);
  assert.equal(stage.clock.timers, 0);
});

test('closing waits four seconds, and no longer, for a far end that is gone', async () => {
  const stage = await sipStage('udp');
  await calling(stage);
  let closed = false;
  const closing = stage.agent.close().then(() => {
    closed = true;
  });
  await stage.clock.advance(3999);
  assert.equal(closed, false);
  await stage.clock.advance(1);
  await closing;
  assert.equal(stage.clock.timers, 0);
});

for (const [what, from, wanted] of [
  ['a number', { user: '+14255550100' }, '<sip:+14255550100@192.0.2.1>'],
  [
    'a display name with quotes',
    { displayName: 'A "B" \\ C\r\nX: y', user: 'a', host: 'pbx.example' },
    '"A \\"B\\" \\\\ C X: y" <sip:a@pbx.example>',
  ],
  ['odd letters', { user: 'jürgen @home;x=1#' }, '<sip:j%C3%BCrgen%20%40home;x=1%23@192.0.2.1>'],
  ['half a surrogate pair', { user: '\ud800' }, '<sip:%EF%BF%BD@192.0.2.1>'],
  ['nobody', { user: '' }, '<sip:192.0.2.1>'],
] as const) {
  test(`From of ${what} is written so that it can be read (§25.1)`, async () => {
    const stage = await sipStage('udp');
    await calling(stage, 'udp', { from });
    assert.equal(header(stage.last('INVITE'), 'from')?.replace(/;tag=[^;]*$/, ''), wanted);
  });
}

test('From and Contact hold an IPv6 address of ours in brackets', async () => {
  const stage = await sipStage('udp', { address: '2001:db8::1' });
  await calling(stage, 'udp', { from: { user: 'bot' } });
  const invite = stage.last('INVITE');
  assert.match(header(invite, 'from') ?? '', /^<sip:bot@\[2001:db8::1\]>/);
  assert.equal(header(invite, 'contact'), '<sip:tonearm@[2001:db8::1]:5060>');
});

test('To is put into brackets unless it has them', async () => {
  const stage = await sipStage('udp');
  await calling(stage, 'udp', { to: 'sip:+1425@pbx.example;user=phone' });
  assert.equal(header(stage.last('INVITE'), 'to'), '<sip:+1425@pbx.example;user=phone>');
  await calling(stage, 'udp', { to: '"Far" <sip:far@pbx.example>' });
  assert.equal(header(stage.last('INVITE'), 'to'), '"Far" <sip:far@pbx.example>');
});

for (const [what, options, status] of [
  ['a Request-URI that is none', { requestUri: 'sip:a b@192.0.2.9' }, 416],
  ['a Request-URI of another scheme', { requestUri: 'mailto:a@b' }, 416],
  ['sips, for which there is no TLS', { requestUri: 'sips:far@192.0.2.9' }, 416],
  ['a transport that the agent has not', { transport: 'tcp' }, 503],
  ['a To that is no address', { to: 'nobody' }, 400],
  ['a From host that is none', { from: { user: 'a', host: 'b c' } }, 400],
] as const) {
  test(`${what} ends with ${status}, and nothing is sent`, async () => {
    const stage = await sipStage('udp');
    const { outcome } = await calling(stage, 'udp', options);
    const result = await outcome;
    assert.equal(!result.answered && result.status, status);
    assert.deepEqual(stage.trace(), []);
  });
}

test('the dialog names itself for Replaces as the far end knows it, and its Contact', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  const invite = stage.last('INVITE');
  await stage.receive(
    response(invite, 200, { body: SDP, contact: '<sip:far@192.0.2.9:5071;x=1>;expires=9' }),
  );
  const result = await outcome;
  assert.ok(result.answered);
  const ours = /;tag=(.*)$/.exec(header(invite, 'from') ?? '')?.[1];
  assert.equal(result.dialog.replaces, `${header(invite, 'call-id')};to-tag=far;from-tag=${ours}`);
  assert.equal(result.dialog.remoteTarget, 'sip:far@192.0.2.9:5071;x=1');
});
