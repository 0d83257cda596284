import assert from 'node:assert/strict';
import { test } from 'node:test';
import { response, SDP, type SipStage, sipStage, titleOf, willing } from '../../test/support/sip-stage.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { header } from '../wire/sip-message.ts';

async function calling(stage: SipStage, transport: 'udp' | 'tcp' = 'udp') {
  const hangUp = new AbortController();
  const progress: number[] = [];
  const outcome = stage.agent.invite(
    {
      requestUri: 'sip:far@192.0.2.9',
      from: '<sip:bot@192.0.2.1>',
      to: '<sip:far@192.0.2.9>',
      transport,
      sdp: SDP,
      handler: willing,
      onProgress: (status) => void progress.push(status),
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
