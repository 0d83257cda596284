/** What a bot does with a call besides prompts and recordings: redirect, transfer, tones, mute. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setStage } from '../../test/support/call-stage.ts';
import { withDirection } from '../../test/support/scripted-sip.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import type { Destination, Reply } from './model.ts';

const refusal = (reply: Reply) => (reply.ok ? 'ok' : reply.error);
const carol: Destination = { kind: 'user', id: 'sip:carol@phones.example', displayName: undefined };
const number: Destination = { kind: 'phone', id: '+1 206 555 0100', displayName: undefined };
const elsewhere: Destination = { kind: 'phone', id: '+4930123456', displayName: undefined };

async function establishedStage() {
  const stage = setStage();
  const invite = await stage.establish();
  return { ...stage, dialog: invite.dialog!, line: stage.engine.line };
}

test('a redirected caller is told where to call, and the call ends as redirected', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  assert.equal(refusal(await stage.ask({ name: 'redirect', targets: [carol] })), 'ok');
  await settle();
  assert.deepEqual(invite.sent, ['ring', 'reject 302']);
  assert.deepEqual(invite.rejection, { Contact: '<sip:carol@phones.example>' });
  assert.deepEqual(stage.told(), ['created incoming', 'updated redirecting', 'deleted terminated']);
  const { ending } = stage.lastCall();
  assert.deepEqual([ending?.by, ending?.sipStatus], ['redirected', 302]);
});

test('several targets are offered in order: through a trunk, or by the caller’s own domain', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  await stage.ask({ name: 'redirect', targets: [carol, number, elsewhere] });
  assert.deepEqual(invite.sent, ['ring', 'reject 300']);
  assert.equal(
    invite.rejection?.Contact,
    '<sip:carol@phones.example>;q=1.0, <sip:+12065550100@sip.provider.example:5070;transport=tcp>;q=0.9, ' +
      '<sip:+4930123456@caller.example;user=phone>;q=0.8',
  );
});

test('a target that is none leaves the call ringing', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  const targets = [carol, { ...carol, id: 'carol' }];
  assert.equal(refusal(await stage.ask({ name: 'redirect', targets })), 'badTarget');
  assert.deepEqual(invite.sent, ['ring']);
  assert.equal(refusal(await stage.ask({ name: 'answer' })), 'ok');
});

test('a transfer that succeeds ends the call, its recording kept', async () => {
  const stage = await establishedStage();
  await stage.start({ name: 'record' });
  stage.line.running.record(8000);
  assert.equal(refusal(await stage.ask({ name: 'transfer', target: carol })), 'ok');
  await settle();
  assert.equal(stage.lastCall().state, 'transferring');
  assert.equal(stage.dialog.referrals[0]?.referTo, 'sip:carol@phones.example');
  stage.dialog.referrals[0]?.end({ accepted: true, status: 200, reason: 'OK' });
  await settle();
  assert.deepEqual(stage.told().slice(-5), [
    'updated transferring',
    'updated transferAccepted',
    'deleted record completed hangUp with recording',
    'updated terminating',
    'deleted terminated',
  ]);
  assert.equal(stage.lastCall().ending?.by, 'transferred');
  assert.equal(stage.dialog.sent.at(-1), 'bye');
});

for (const outcome of [
  { accepted: false, status: 405, reason: 'Method Not Allowed' },
  { accepted: true, status: 486, reason: 'Busy Here' },
]) {
  test(`a transfer that comes to ${outcome.status} leaves the call as it was, and may be tried again`, async () => {
    const stage = await establishedStage();
    await stage.ask({ name: 'transfer', target: carol });
    assert.equal(refusal(await stage.ask({ name: 'transfer', target: carol })), 'conflict');
    stage.dialog.referrals[0]?.end(outcome);
    await settle();
    assert.deepEqual(stage.told().slice(-2), ['updated transferring', 'updated established']);
    assert.equal(stage.lastCall().transferFailure?.status, outcome.status);
    assert.equal((await stage.ask({ name: 'playPrompt' })).ok, true);
    await stage.ask({ name: 'transfer', target: carol });
    assert.equal(stage.dialog.referrals.length, 2);
    await settle();
    assert.equal(stage.lastCall().transferFailure, undefined);
  });
}

test('a far end that holds the call while it is transferred is on hold when that fails', async () => {
  const stage = await establishedStage();
  await stage.ask({ name: 'transfer', target: carol });
  stage.dialog.handler.onOffer(withDirection('sendonly'));
  stage.dialog.referrals[0]?.end({ accepted: true, status: 603, reason: 'Decline' });
  await settle();
  assert.deepEqual(stage.told().slice(-3), ['updated transferring', 'updated established', 'updated hold']);
});

test('a far end that hangs up while it is transferred ends the call as ever', async () => {
  const stage = await establishedStage();
  await stage.ask({ name: 'transfer', target: carol });
  stage.dialog.hangUp();
  stage.dialog.referrals[0]?.end({ accepted: true, status: 487, reason: 'the dialog ended' });
  await settle();
  assert.deepEqual(stage.told().slice(-2), ['updated terminating', 'deleted terminated']);
  assert.equal(stage.lastCall().ending?.by, 'caller');
});

test('a call that replaces another names its dialog as the far end knows it', async () => {
  const stage = await establishedStage();
  const first = stage.callIds()[0]!;
  await stage.establish();
  const second = stage.callIds()[1]!;
  assert.equal(
    refusal(await stage.ask({ name: 'transfer', target: carol, replaces: second }, second)),
    'badTarget',
  );
  assert.equal(
    refusal(await stage.ask({ name: 'transfer', target: carol, replaces: 'nobody' }, first)),
    'badTarget',
  );
  assert.equal(refusal(await stage.ask({ name: 'transfer', target: carol, replaces: second }, first)), 'ok');
  assert.equal(
    stage.dialog.referrals[0]?.referTo,
    'sip:phone@192.0.2.7?Replaces=call-id%40caller%3Bto-tag%3Dfar%3Bfrom-tag%3Dnear',
  );
});

test('keys are told from the subscription on, numbered from 1 with each', async () => {
  const stage = await establishedStage();
  stage.line.press('1');
  const subscribed = await stage.start({ name: 'subscribeToTone', clientContext: 'menu' });
  assert.deepEqual([subscribed.kind, subscribed.status], ['subscribeToTone', 'completed']);
  stage.line.press('2');
  stage.line.press('#');
  await settle();
  await stage.start({ name: 'subscribeToTone' });
  stage.line.press('flash');
  await settle();
  const tones = stage.told().filter((told) => told.includes(': '));
  assert.deepEqual(tones, [
    'updated established 1: 2',
    'updated established 2: #',
    'updated established 1: flash',
  ]);
  assert.deepEqual(stage.lastCall().lastTone, { sequenceId: 1, key: 'flash' });
  await stage.ask({ name: 'cancelMedia' });
  stage.line.press('3');
  await settle();
  assert.equal(stage.lastCall().lastTone?.key, '3', 'cancelling ends prompts and recordings only');
});

test('no key is told of once the call is over', async () => {
  const stage = await establishedStage();
  await stage.start({ name: 'subscribeToTone' });
  await stage.ask({ name: 'hangUp' });
  stage.line.press('2');
  await settle();
  assert.equal(stage.told().at(-1), 'deleted terminated');
});

test('mute and unmute are done at once, and told of in their turn', async () => {
  const stage = await establishedStage();
  await stage.start({ name: 'playPrompt' });
  assert.equal((await stage.start({ name: 'mute' })).status, 'completed');
  const muted = await stage.ask({ name: 'get' });
  assert.deepEqual([stage.line.muted, muted.ok && muted.call?.muted], [true, true]);
  await stage.start({ name: 'unmute' });
  assert.equal(stage.line.muted, false);
  stage.line.running.end('finished');
  await settle();
  assert.deepEqual(stage.told().slice(-3), [
    'deleted playPrompt completed finished',
    'deleted mute completed finished',
    'deleted unmute completed finished',
  ]);
});

test('a request that breaks cancels what runs and what waits, and runs itself', async () => {
  const stage = await establishedStage();
  await stage.start({ name: 'playPrompt' });
  await stage.start({ name: 'record' });
  const breaking = await stage.start({ name: 'playPrompt', breaks: true });
  await settle();
  assert.deepEqual(stage.told().slice(-2), [
    'deleted playPrompt failed cancelled',
    'deleted record failed cancelled',
  ]);
  const reply = await stage.ask({ name: 'getOperation', operationId: breaking.id });
  assert.equal(reply.ok && reply.operation?.status, 'running');
});

test('a prompt that was asked for with the answer is there before the caller is answered', async () => {
  const gate = Promise.withResolvers<void>();
  const stage = setStage({
    prompts: {
      async get() {
        await gate.promise;
        return { ok: false, why: 'unavailable', message: 'gone' };
      },
    },
  });
  const invite = await stage.ring();
  const preFetch = [{ uri: 'https://bot/hi.wav', resourceId: undefined }];
  assert.equal(refusal(await stage.ask({ name: 'answer', preFetch })), 'ok');
  assert.deepEqual(invite.sent, ['ring']);
  assert.equal(refusal(await stage.ask({ name: 'answer' })), 'conflict');
  gate.resolve();
  await settle();
  assert.deepEqual(invite.sent, ['ring', 'accept']);
  invite.dialog?.acknowledge();
  await settle();
  assert.equal(stage.told().at(-1), 'updated established audio');
});

test('a caller who gives up while a prompt is fetched is not answered', async () => {
  const gate = Promise.withResolvers<void>();
  const stage = setStage({
    prompts: {
      async get() {
        await gate.promise;
        return { ok: true, samples: new Int16Array(160) };
      },
    },
  });
  const invite = await stage.ring();
  await stage.ask({ name: 'answer', preFetch: [{ uri: 'https://bot/hi.wav', resourceId: undefined }] });
  invite.cancel();
  await settle();
  gate.resolve();
  await settle();
  assert.deepEqual(invite.sent, ['ring']);
  assert.equal(stage.told().at(-1), 'deleted terminated');
  assert.equal(stage.engine.line.closed, true);
});
