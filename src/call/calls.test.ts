import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APPLICATION, setStage } from '../../test/support/call-stage.ts';
import { directoryOf } from '../../test/support/directory.ts';
import { OFFER } from '../../test/support/scripted-sip.ts';
import { settle } from '../../test/support/virtual-clock.ts';

test('a call that no route takes is 404, and nobody is told', async () => {
  const stage = setStage();
  const invite = await stage.ring({ to: 'sip:nobody@tonearm.example' });
  assert.deepEqual(invite.sent, ['reject 404']);
  assert.deepEqual(stage.told(), []);
});

test('a call goes to the application whose route takes it', async () => {
  const other = { ...APPLICATION, id: 'other', callbackUri: 'http://other/', routes: ['+1425*'] };
  const stage = setStage({ applications: directoryOf([APPLICATION, other]) });
  await stage.ring({ to: 'sip:+1-425-555-0199@tonearm.example' });
  const { applicationId, callbackUri, dialled } = stage.lastCall();
  assert.deepEqual([applicationId, callbackUri, dialled], ['other', 'http://other/', '+1-425-555-0199']);
});

test('an offer that cannot be met is 488 with the reason, and nobody is told', async () => {
  const stage = setStage();
  const invite = await stage.ring({ offer: OFFER.replace('RTP/AVP 0 101', 'RTP/AVP 96') });
  assert.deepEqual(invite.sent, ['reject 488']);
  assert.match(invite.rejection?.Warning ?? '', /^305 tonearm "[ !#-[\]-~]+"$/);
  assert.deepEqual(stage.told(), []);
});

test('a draining server answers 503 with Retry-After, and its running calls go on', async () => {
  const stage = setStage();
  await stage.establish();
  stage.calls.drain();
  const invite = await stage.ring();
  assert.deepEqual([invite.sent, invite.rejection], [['reject 503'], { 'Retry-After': '30' }]);
  assert.equal((await stage.ask({ name: 'playPrompt' })).ok, true);
  assert.equal(stage.calls.active, 1);
});

test('closing waits for running calls, then ends them in order, their voicemail kept', async () => {
  const stage = setStage();
  const ringing = await stage.ring();
  const talking = await stage.establish();
  await stage.start({ name: 'record' });
  stage.engine.line.running.record(8000);
  let closed = false;
  const closing = stage.calls.close(5000).then(() => (closed = true));
  await stage.clock.advance(4999);
  assert.deepEqual([talking.sent, closed], [['ring', 'accept'], false]);
  await stage.clock.advance(1);
  await closing;
  assert.deepEqual(ringing.sent, ['ring', 'reject 503']);
  assert.deepEqual(talking.sent, ['ring', 'accept', 'bye']);
  assert.deepEqual(
    stage.told().filter((told) => !told.startsWith('created') && !/establish/.test(told)),
    [
      'deleted terminated',
      'deleted record completed hangUp with recording',
      'updated terminating',
      'deleted terminated',
    ],
  );
  assert.equal(stage.lastCall().ending?.by, 'shutdown');
  assert.deepEqual([stage.calls.active, stage.clock.timers], [0, 0]);
});

test('closing resolves as soon as the last call has ended by itself', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  const closing = stage.calls.close(60_000);
  invite.dialog!.hangUp();
  await closing;
  assert.equal(stage.lastCall().ending?.by, 'caller');
  assert.equal(stage.clock.timers, 0);
});

test('an ended call answers callEnded to its application and callNotFound to others', async () => {
  const stage = setStage();
  const invite = await stage.establish();
  invite.dialog!.hangUp();
  await settle();
  for (const name of ['get', 'answer', 'reject', 'hangUp', 'playPrompt', 'record', 'cancelMedia'] as const) {
    const own = await stage.ask({ name });
    assert.equal(!own.ok && own.error, 'callEnded', name);
    const other = await stage.ask({ name, applicationId: 'other' });
    assert.equal(!other.ok && other.error, 'callNotFound', name);
  }
  const other = await stage.ask({ name: 'listOperations', applicationId: 'other' });
  assert.equal(!other.ok && other.error, 'callNotFound');
});

test('a call that never was is callNotFound', async () => {
  const stage = setStage();
  const reply = await stage.ask({ name: 'get' }, 'nonsense');
  assert.equal(!reply.ok && reply.error, 'callNotFound');
});

test('a store that cannot be read is an internal error, not an exception', async () => {
  const stage = setStage();
  stage.store.get = async () => {
    throw new Error('the disk is gone');
  };
  const reply = await stage.ask({ name: 'get' }, 'nonsense');
  assert.equal(!reply.ok && reply.error, 'internal');
});

test('many calls at a time are told apart', async () => {
  const stage = setStage();
  const [first, second] = [await stage.ring(), await stage.ring()];
  const [a, b] = stage.callIds();
  assert.notEqual(a, b);
  await stage.ask({ name: 'answer' }, a);
  await stage.ask({ name: 'reject', reason: 'busy' }, b);
  assert.deepEqual([first.sent.at(-1), second.sent.at(-1)], ['accept', 'reject 486']);
});
