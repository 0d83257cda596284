/** Calls that a bot places. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setStage } from '../../test/support/call-stage.ts';
import { OFFER, withDirection } from '../../test/support/scripted-sip.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import type { Reply } from './model.ts';

const refusal = (reply: Reply) => (reply.ok ? 'ok' : reply.error);

/** Dialled, and the callee at hand. */
async function dialledStage(request: Parameters<ReturnType<typeof setStage>['create']>[0] = {}) {
  const stage = setStage();
  const reply = await stage.create(request);
  assert.ok(reply.ok, JSON.stringify(reply));
  return { ...stage, callee: stage.userAgent.dialled[0]! };
}

test('a call that rings, is answered and ends is told of state by state, audio once', async () => {
  const stage = await dialledStage();
  stage.callee.ring();
  stage.callee.ring(183);
  await settle();
  stage.callee.answer();
  await settle();
  assert.equal((await stage.ask({ name: 'playPrompt' })).ok, true);
  stage.callee.dialog.hangUp();
  await settle();
  assert.deepEqual(stage.told(), [
    'updated establishing',
    'updated ringing',
    'updated established audio',
    'deleted playPrompt failed hangUp',
    'updated terminating',
    'deleted terminated',
  ]);
  assert.equal(stage.lastCall().ending?.by, 'caller');
  assert.equal(stage.engine.line.closed, true);
  assert.equal(stage.clock.timers, 0);
});

test('the call is the one that was asked for, and its bot hears of it where it said', async () => {
  const scenarioId = '6d1a3b5c-0000-4000-8000-000000000001';
  const { lastCall, create } = setStage();
  const reply = await create({ subject: 'Your parcel', scenarioId, clientRequestId: 'r-1' });
  const call = reply.ok ? reply.call : undefined;
  assert.equal(call?.id, lastCall().id);
  const { direction, state, callbackUri, spelling, subject, clientRequestId } = lastCall();
  assert.deepEqual(
    [direction, state, callbackUri, spelling, subject, lastCall().scenarioId, clientRequestId],
    ['outgoing', 'establishing', 'http://bot/outgoing', 'communications', 'Your parcel', scenarioId, 'r-1'],
  );
  assert.deepEqual(lastCall().caller, { kind: 'application', id: 'app', displayName: 'Voicemail' });
  assert.deepEqual(lastCall().callee, { kind: 'user', id: 'sip:bob@phones.example', displayName: 'Bob' });
});

test('early media is heard before the call is answered, and the answer may be another one', async () => {
  const stage = await dialledStage();
  stage.callee.ring(183, OFFER);
  await settle();
  assert.equal(stage.engine.line.connected.at(-1)?.remote.port, 40_000);
  stage.callee.answer(OFFER.replace('40000', '40002'));
  await settle();
  assert.equal(stage.engine.line.connected.at(-1)?.remote.port, 40_002);
  assert.deepEqual(stage.told().at(-1), 'updated established audio');
});

for (const [status, reason] of [
  [486, 'Busy Here'],
  [404, 'Not Found'],
  [408, 'Request Timeout'],
] as const) {
  test(`a callee who answers ${status} ends the call with what SIP said`, async () => {
    const stage = await dialledStage();
    stage.callee.ring();
    stage.callee.refuse(status, reason);
    await settle();
    assert.deepEqual(stage.told().slice(-2), ['updated terminating', 'deleted terminated']);
    const { ending } = stage.lastCall();
    assert.deepEqual([ending?.by, ending?.sipStatus], ['refused', status]);
    assert.match(ending?.message ?? '', new RegExp(reason));
    assert.equal(stage.engine.line.closed, true);
  });
}

test('a call that rings for too long is cancelled', async () => {
  const stage = await dialledStage();
  stage.callee.ring();
  await stage.clock.advance(59_000);
  assert.equal(stage.callee.cancelled.aborted, false);
  await stage.clock.advance(1001);
  assert.equal(stage.callee.cancelled.aborted, true);
  assert.deepEqual([stage.lastCall().state, stage.lastCall().ending?.by], ['terminated', 'unanswered']);
});

test('the bot may say how long it rings', async () => {
  const stage = await dialledStage({ ringSeconds: 10 });
  await stage.clock.advance(9999);
  assert.equal(stage.callee.cancelled.aborted, false);
  await stage.clock.advance(1);
  assert.match(stage.lastCall().ending?.message ?? '', /within 10 s/);
});

test('a bot that hangs up before the answer cancels the call', async () => {
  const stage = await dialledStage();
  stage.callee.ring();
  assert.equal((await stage.ask({ name: 'hangUp' })).ok, true);
  await settle();
  assert.equal(stage.callee.cancelled.aborted, true);
  assert.deepEqual([stage.lastCall().state, stage.lastCall().ending?.by], ['terminated', 'bot']);
});

test('an answer that crosses the ending is ended with BYE, and the call is never established', async () => {
  const stage = await dialledStage();
  stage.callee.answer();
  stage.engine.line.die();
  await settle();
  assert.deepEqual(stage.callee.dialog.sent, ['bye']);
  assert.ok(!stage.told().some((told) => told.includes('established')));
  assert.equal(stage.lastCall().state, 'terminated');
});

test('an answer that cannot be used ends the call with BYE', async () => {
  const stage = await dialledStage();
  stage.callee.answer(OFFER.replace('RTP/AVP 0 101', 'RTP/AVP 96'));
  await settle();
  assert.deepEqual(stage.callee.dialog.sent, ['bye']);
  assert.deepEqual([stage.lastCall().ending?.by, stage.lastCall().ending?.sipStatus], ['failed', 488]);
});

test('answered on hold, the call is established and then held', async () => {
  const stage = await dialledStage();
  stage.callee.answer(withDirection('sendonly'));
  await settle();
  assert.deepEqual(stage.told().slice(-2), ['updated established audio', 'updated hold']);
});

test('nothing is played, answered or transferred before the callee answers', async () => {
  const stage = await dialledStage();
  const target = { kind: 'user', id: 'sip:carol@phones.example', displayName: undefined } as const;
  assert.equal(refusal(await stage.ask({ name: 'record' })), 'notEstablished');
  assert.equal(refusal(await stage.ask({ name: 'transfer', target })), 'notEstablished');
  assert.equal(refusal(await stage.ask({ name: 'answer' })), 'conflict');
  assert.equal(refusal(await stage.ask({ name: 'redirect', targets: [target] })), 'conflict');
});

test('what was asked for beforehand is fetched while it rings', async () => {
  const stage = await dialledStage({ preFetch: [{ uri: 'https://bot/hi.wav', resourceId: undefined }] });
  assert.deepEqual(stage.fetched, ['https://bot/hi.wav']);
});

test('a call that cannot have a line, or be kept, is not placed', async () => {
  const full = setStage();
  full.engine.full = true;
  assert.equal(refusal(await full.create()), 'unavailable');
  assert.deepEqual([full.userAgent.dialled.length, full.calls.active], [0, 0]);

  const forgetful = setStage();
  forgetful.store.put = () => Promise.reject(new Error('disk full'));
  assert.equal(refusal(await forgetful.create()), 'unavailable');
  assert.deepEqual([forgetful.userAgent.dialled.length, forgetful.calls.active], [0, 0]);
  assert.equal(forgetful.engine.line.closed, true);
});

test('a server that drains places no calls', async () => {
  const stage = setStage();
  stage.calls.drain();
  assert.equal(refusal(await stage.create()), 'unavailable');
});

test('a server that stops while it rings cancels, and tells', async () => {
  const stage = await dialledStage();
  const closed = stage.calls.close(0);
  await stage.clock.advance(0);
  await closed;
  assert.equal(stage.callee.cancelled.aborted, true);
  assert.deepEqual([stage.lastCall().state, stage.lastCall().ending?.by], ['terminated', 'shutdown']);
});

test('a line that dies ends the call', async () => {
  const stage = await dialledStage();
  stage.engine.line.die();
  await settle();
  assert.equal(stage.callee.cancelled.aborted, true);
  assert.equal(stage.lastCall().ending?.by, 'failed');
});
