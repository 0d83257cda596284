import assert from 'node:assert/strict';
import { test } from 'node:test';
import { request, response, SDP, sipStage, tagOf, titleOf, willing } from '../../test/support/sip-stage.ts';
import { settle } from '../../test/support/virtual-clock.ts';

/** A caller who was answered, and whose ACK has not come. */
async function answered() {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  const dialog = (await stage.nextInvite()).accept(SDP, willing)!;
  const toTag = tagOf(stage.last('200 INVITE'));
  return { ...stage, dialog, toTag };
}

const sentSince = (stage: Awaited<ReturnType<typeof answered>>, from: number) =>
  stage.sent.slice(from).map(({ message }) => titleOf(message));

test('hung up before the ACK: a 200 that was lost is sent again, and BYE only when the ACK has come (RFC 3261 §15)', async () => {
  const stage = await answered();
  const { length } = stage.sent;
  void stage.dialog.bye();
  await stage.clock.advance(600);
  assert.deepEqual(sentSince(stage, length), ['200 INVITE']);
  await stage.receive(request('ACK', { toTag: stage.toTag, branch: 'z9hG4bKack' }));
  assert.deepEqual(sentSince(stage, length), ['200 INVITE', 'BYE']);
});

test('hung up by both before the ACK: nothing more is sent, and nothing is left that closing would wait for', async () => {
  const stage = await answered();
  const bye = stage.dialog.bye();
  await stage.receive(request('BYE', { toTag: stage.toTag, cseq: 2 }));
  await bye;
  assert.equal(titleOf(stage.sent.at(-1)!.message), '200 BYE');
  await stage.clock.advance(100_000);
  assert.partialDeepStrictEqual(stage.agent.counts, { transactions: 0, dialogs: 0, pending: 0 });
  assert.equal(stage.clock.timers, 0);
});

test('closed before the ACK: the agent gives up after some seconds, and no timer is left', async () => {
  const stage = await answered();
  let closed = false;
  void stage.agent.close().then(() => (closed = true));
  await stage.clock.advance(5000);
  await settle();
  assert.ok(closed);
  assert.ok(stage.dialog.ended.aborted);
  assert.equal(stage.clock.timers, 0);
});

test('closed while a callee answers neither INVITE nor CANCEL: the call is told as failed, and no timer is left', async () => {
  const stage = await sipStage('udp');
  const outcome = stage.agent.invite(
    {
      requestUri: 'sip:bob@192.0.2.9',
      from: { user: 'bot' },
      to: 'sip:bob@192.0.2.9',
      transport: 'udp',
      sdp: SDP,
      handler: willing,
    },
    new AbortController().signal,
  );
  await settle();
  await stage.receive(response(stage.last('INVITE'), 180));
  void stage.agent.close();
  await stage.clock.advance(5000);
  const { answered } = await outcome;
  assert.equal(answered, false);
  assert.partialDeepStrictEqual(stage.agent.counts, { transactions: 0, dialogs: 0, pending: 0 });
  assert.equal(stage.clock.timers, 0);
});
