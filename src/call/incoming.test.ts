import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordsOf } from '../../test/contracts/store-contract.ts';
import { setStage } from '../../test/support/call-stage.ts';
import { OFFER, withDirection } from '../../test/support/scripted-sip.ts';
import { settle } from '../../test/support/virtual-clock.ts';

const ESTABLISHED = ['created incoming', 'updated establishing', 'updated established audio'];
const OVER = ['updated terminating', 'deleted terminated'];

test('a call is answered, acknowledged and hung up by the caller', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  assert.deepEqual(invite.sent, ['ring']);
  assert.deepEqual(stage.told(), ['created incoming']);
  const created = stage.lastCall();
  assert.deepEqual(
    [
      created.caller,
      created.callee.id,
      created.dialled,
      created.callbackUri,
      created.spelling,
      created.revision,
    ],
    [
      { kind: 'phone', id: '+14255550100', displayName: 'Ada' },
      'sip:voicemail@tonearm.example',
      'sip:voicemail@tonearm.example',
      'http://bot/calls',
      'app',
      1,
    ],
  );

  const reply = await stage.ask({
    name: 'answer',
    callbackUri: 'http://bot/this-call',
    preFetch: [{ uri: 'https://cdn/hello.wav', resourceId: undefined }],
  });
  assert.ok(reply.ok);
  assert.deepEqual(stage.fetched, ['https://cdn/hello.wav']);
  assert.match(invite.dialog!.sdp, /m=audio 20000 RTP\/AVP 0 101/);
  assert.deepEqual(
    directions(stage),
    ['recvonly'],
    'before the ACK nothing is sent to whoever the SDP names',
  );
  await settle();
  assert.deepEqual(stage.told(), ESTABLISHED.slice(0, 2));
  assert.equal(stage.lastCall().callbackUri, 'http://bot/this-call');

  invite.dialog!.acknowledge();
  await settle();
  assert.deepEqual(directions(stage), ['recvonly', 'sendrecv']);
  assert.deepEqual(stage.told(), ESTABLISHED);
  assert.equal(stage.lastCall().audioActive, true);

  invite.dialog!.hangUp('SIP;cause=200');
  await settle();
  assert.deepEqual(stage.told(), [...ESTABLISHED, ...OVER]);
  assert.deepEqual(stage.lastCall().ending, { by: 'caller', message: 'SIP;cause=200', sipStatus: undefined });
  assert.deepEqual(invite.sent, ['ring', 'accept']);
  assert.equal(stage.engine.line.closed, true);
  assert.equal(stage.clock.timers, 0);
  assert.equal(stage.calls.active, 0);
});

test('each fact of a call has the next revision', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  invite.dialog!.hangUp();
  await settle();
  const revisions = stage.facts.flatMap((fact) => (fact.kind === 'call' ? [fact.call.revision] : []));
  assert.deepEqual(revisions, [1, 2, 3, 4, 5]);
});

test('a call that nobody answers ends with 480 after the limit', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  await stage.clock.advance(14_999);
  assert.deepEqual(invite.sent, ['ring']);
  await stage.clock.advance(1);
  assert.deepEqual(invite.sent, ['ring', 'reject 480']);
  assert.deepEqual(stage.told(), ['created incoming', 'deleted terminated']);
  assert.deepEqual([stage.lastCall().ending?.by, stage.lastCall().ending?.sipStatus], ['unanswered', 480]);
});

test('a caller who gives up while it rings ends the call with 487', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  invite.cancel();
  await settle();
  assert.deepEqual(stage.told(), ['created incoming', 'deleted terminated']);
  assert.deepEqual([stage.lastCall().ending?.by, stage.lastCall().ending?.sipStatus], ['caller', 487]);
  assert.equal(stage.clock.timers, 0);
  const reply = await stage.ask({ name: 'answer' });
  assert.equal(!reply.ok && reply.error, 'callEnded');
});

test('a caller who gives up at once is told of all the same: created, then deleted', async () => {
  const stage = setStage();
  const invite = stage.userAgent.ring();
  invite.cancel();
  await settle();
  assert.deepEqual(stage.told(), ['created incoming', 'deleted terminated']);
});

test('a CANCEL that crosses the answer wins: callEnded, and the line is closed again', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  const gate = Promise.withResolvers<void>();
  stage.engine.gate = gate.promise;
  const reply = stage.ask({ name: 'answer' });
  await settle();
  invite.cancel();
  await settle();
  gate.resolve();
  const answered = await reply;
  assert.equal(!answered.ok && answered.error, 'callEnded');
  await settle();
  assert.deepEqual(invite.sent, ['ring']);
  assert.equal(stage.engine.line.closed, true);
  assert.deepEqual(stage.told(), ['created incoming', 'deleted terminated']);
});

test('an answer that takes longer than the limit comes too late', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  const gate = Promise.withResolvers<void>();
  stage.engine.gate = gate.promise;
  const reply = stage.ask({ name: 'answer' });
  await stage.clock.advance(15_000);
  gate.resolve();
  const answered = await reply;
  assert.equal(!answered.ok && answered.error, 'callEnded');
  assert.deepEqual(invite.sent, ['ring', 'reject 480']);
  await settle();
  assert.equal(stage.engine.line.closed, true);
});

test('answering twice is a conflict, and so is rejecting after it', async () => {
  const stage = setStage();
  await stage.ring();
  const [first, second] = await Promise.all([stage.ask({ name: 'answer' }), stage.ask({ name: 'answer' })]);
  assert.equal(first.ok, true);
  assert.equal(!second.ok && second.error, 'conflict');
  const rejected = await stage.ask({ name: 'reject', reason: 'busy' });
  assert.equal(!rejected.ok && rejected.error, 'conflict');
});

for (const [reason, status] of [
  ['none', 603],
  ['busy', 486],
  ['forbidden', 403],
] as const) {
  test(`reject ${reason} is ${status} for the caller`, async () => {
    const stage = setStage();
    const invite = await stage.ring();
    const reply = await stage.ask({ name: 'reject', reason, callbackUri: 'http://bot/rejected' });
    assert.equal(reply.ok, true);
    await settle();
    assert.deepEqual(invite.sent, ['ring', `reject ${status}`]);
    assert.deepEqual(stage.told(), ['created incoming', 'deleted terminated']);
    const { ending, callbackUri } = stage.lastCall();
    assert.deepEqual(
      [ending?.by, ending?.sipStatus, callbackUri],
      ['rejected', status, 'http://bot/rejected'],
    );
  });
}

test('a bot that hangs up while it rings declines the call', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  assert.equal((await stage.ask({ name: 'hangUp' })).ok, true);
  await settle();
  assert.deepEqual(invite.sent, ['ring', 'reject 603']);
  assert.equal(stage.lastCall().ending?.by, 'bot');
});

test('a bot that hangs up is answered at once, the caller hears BYE', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  assert.equal((await stage.ask({ name: 'hangUp' })).ok, true);
  await settle();
  assert.deepEqual(invite.sent, ['ring', 'accept', 'bye']);
  assert.deepEqual(stage.told(), [...ESTABLISHED, ...OVER]);
  assert.equal(stage.lastCall().ending?.by, 'bot');
  const again = await stage.ask({ name: 'hangUp' });
  assert.equal(!again.ok && again.error, 'callEnded');
});

test('without a free port the caller hears 503 and the bot why', async () => {
  const stage = setStage();
  stage.engine.full = true;
  const invite = await stage.ring();
  const reply = await stage.ask({ name: 'answer' });
  assert.ok(!reply.ok);
  assert.equal(reply.error, 'unavailable');
  assert.match(reply.message, /no RTP port of 20000-20001 is free/);
  await settle();
  assert.deepEqual(invite.sent, ['ring', 'reject 503']);
  assert.deepEqual([stage.told().at(-1), stage.lastCall().ending?.by], ['deleted terminated', 'failed']);
});

test('an answer that is never acknowledged ends the call, not established', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  await stage.ask({ name: 'answer' });
  invite.dialog!.loseAck();
  await settle();
  assert.deepEqual(stage.told(), [...ESTABLISHED.slice(0, 2), ...OVER]);
  assert.equal(stage.lastCall().ending?.by, 'failed');
});

test('a caller who hangs up during establishing ends it, not established', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  await stage.ask({ name: 'answer' });
  invite.dialog!.hangUp();
  invite.dialog!.acknowledge();
  await settle();
  assert.deepEqual(stage.told(), [...ESTABLISHED.slice(0, 2), ...OVER]);
});

test('without an offer ours is in the 200, and the ACK connects the line', async () => {
  const stage = setStage();
  const invite = await stage.ring({ offer: null });
  await stage.ask({ name: 'answer' });
  assert.match(invite.dialog!.sdp, /m=audio 20000 RTP\/AVP 111 9 0 8 101 110/);
  assert.equal(stage.engine.line.connected.length, 0);
  invite.dialog!.acknowledge(OFFER);
  await settle();
  assert.deepEqual(directions(stage), ['recvonly', 'sendrecv']);
  assert.deepEqual(stage.told(), ESTABLISHED);
});

for (const [what, sdp] of [
  ['cannot be used', 'nonsense'],
  ['is missing', undefined],
] as const) {
  test(`an answer to our offer that ${what} ends the call with BYE`, async () => {
    const stage = setStage();
    const invite = await stage.ring({ offer: null });
    await stage.ask({ name: 'answer' });
    invite.dialog!.acknowledge(sdp);
    await settle();
    assert.deepEqual(invite.sent, ['ring', 'accept', 'bye']);
    assert.deepEqual(stage.told(), [...ESTABLISHED.slice(0, 2), ...OVER]);
    assert.equal(stage.lastCall().ending?.by, 'failed');
  });
}

for (const [by, told] of [
  ['failed', 'failed'],
  ['closed', 'caller'],
  ['silent', 'caller'],
] as const)
  test(`a browser whose media is lost (${by}) is hung up on, and what it said is kept`, async () => {
    const stage = setStage();
    const invite = await stage.establish();
    await stage.start({ name: 'record' });
    stage.engine.line.running.record(8000);
    stage.engine.line.lose({ by, message: 'It is gone.' });
    await settle();
    assert.deepEqual(invite.sent.at(-1), 'bye');
    assert.deepEqual(stage.told().slice(-3), [
      'deleted record completed hangUp with recording',
      'updated terminating',
      'deleted terminated',
    ]);
    const { ending } = stage.lastCall();
    assert.deepEqual([ending?.by, ending?.message], [told, 'It is gone.']);
  });

test('a key by INFO goes to the line; what is none stays where it is', async () => {
  const stage = setStage();
  const { dialog } = await stage.establish();
  dialog!.handler.onKey?.(11, 160);
  dialog!.handler.onKey?.(99, 100);
  assert.deepEqual(stage.engine.line.signalled, [['#', 160]]);
});

test('hold and resume are told, and that audio began is not said again', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  const { handler } = invite.dialog!;
  const held = handler.onOffer(withDirection('sendonly'));
  assert.match('sdp' in held ? held.sdp : '', /a=recvonly/);
  await settle();
  handler.onOffer(withDirection('inactive'));
  const resumed = handler.onOffer(OFFER);
  assert.ok('sdp' in resumed);
  handler.onOffer(OFFER);
  await settle();
  assert.deepEqual(stage.told(), [...ESTABLISHED, 'updated hold', 'updated established']);
  assert.equal(stage.lastCall().audioActive, true);
  assert.deepEqual(directions(stage).slice(2), ['recvonly', 'inactive', 'sendrecv', 'sendrecv']);
});

test('a caller who holds before the ACK was seen: established first, then hold', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  await stage.ask({ name: 'answer' });
  invite.dialog!.acknowledge();
  invite.dialog!.handler.onOffer(withDirection('sendonly'));
  await settle();
  assert.deepEqual(stage.told(), [...ESTABLISHED, 'updated hold']);
});

test('a re-INVITE that cannot be met is 488 and changes nothing', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  const answer = invite.dialog!.handler.onOffer(OFFER.replace('RTP/AVP 0 101', 'RTP/AVP 96'));
  assert.deepEqual(answer, { status: 488 });
  await settle();
  assert.equal(stage.engine.line.connected.length, 2);
  assert.deepEqual(stage.told(), ESTABLISHED);
});

test('a re-INVITE without an offer gets ours, and its ACK is followed', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  const answer = invite.dialog!.handler.onOffer(undefined);
  assert.match('sdp' in answer ? answer.sdp : '', /m=audio 20000/);
  invite.dialog!.handler.onAnswer(withDirection('sendonly'));
  await settle();
  assert.deepEqual(stage.told(), [...ESTABLISHED, 'updated hold']);
});

test('a media worker that dies takes the call with it', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  stage.engine.line.die();
  await settle();
  assert.deepEqual(invite.sent, ['ring', 'accept', 'bye']);
  assert.deepEqual(stage.told(), [...ESTABLISHED, ...OVER]);
  assert.equal(stage.lastCall().ending?.by, 'failed');
});

test('an agent that closes shuts the call down', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  invite.dialog!.closeAgent();
  await settle();
  assert.equal(stage.lastCall().ending?.by, 'shutdown');
});

test('a call is seen by its own application and by no other', async () => {
  const stage = setStage();
  await stage.establish();
  const own = await stage.ask({ name: 'get' });
  assert.equal(own.ok && own.call?.state, 'established');
  for (const name of ['get', 'hangUp', 'listOperations', 'record'] as const) {
    const other = await stage.ask({ name, applicationId: 'other' });
    assert.equal(!other.ok && other.error, 'callNotFound');
  }
  assert.deepEqual(stage.told(), ESTABLISHED);
});

test('a store that fails: 503 for the caller, and the bot, which would not be told of the end after a kill, is told of nothing', async () => {
  const stage = setStage();
  stage.store.broken = true;
  const invite = await stage.ring();
  assert.deepEqual(invite.sent, ['ring', 'reject 503']);
  assert.deepEqual(stage.told(), []);
  stage.store.broken = false;
  await stage.clock.advance(5000);
  assert.equal((await recordsOf(stage.store, '')).length, 0, 'nor does it come into the store later');
  assert.equal(stage.clock.timers, 0);
});

/** Of what the line was told, one after the other. */
function directions(stage: ReturnType<typeof setStage>): readonly string[] {
  return stage.engine.line.connected.map(({ direction }) => direction);
}
