/** Who sends what he should not: requests from addresses that are not his, requests of others' calls, too many requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  request,
  response,
  SDP,
  type SipStage,
  sipStage,
  tagOf,
  titleOf,
  willing,
} from '../../test/support/sip-stage.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { header } from '../wire/sip-message.ts';

/** Whose address is in the datagrams. */
const VICTIM = { address: '203.0.113.66', port: 5060 } as const;
const nobody = { isTrusted: () => false };

/** As short as a request can be that is answered. */
function short(
  method: string,
  options: { to?: string; uri?: string; branch?: string; extra?: string } = {},
): string {
  const { to = 'sip:b@c', uri = 'sip:b@c', branch = 'z9hG4bK1', extra = '' } = options;
  return `${method} ${uri} SIP/2.0\nv:SIP/2.0/UDP a;branch=${branch}\nf:sip:a@b;tag=1\nt:${to}\ni:1\nCSeq:1 ${method}\n${extra}\n`;
}

function assertPaid(stage: SipStage, texts: readonly string[]): void {
  const heard = texts.reduce((sum, text) => sum + text.replaceAll('\n', '\r\n').length, 0);
  const told = stage.sent.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(told <= 3 * heard, `${told} bytes for ${heard}: ${stage.trace().join(', ')}`);
}

const CONTACT = 'm:<sip:a@203.0.113.99>\n';

for (const [what, text, decide, most] of [
  ['OPTIONS', short('OPTIONS'), 'nothing', 1],
  ['REGISTER', short('REGISTER'), 'nothing', 1],
  ['an unknown method', short('X'), 'nothing', 1],
  ['a BYE of no call', short('BYE', { to: 'sip:b@c;tag=2' }), 'nothing', 1],
  ['a CANCEL of nothing', short('CANCEL'), 'nothing', 1],
  ['what is malformed', short('OPTIONS', { extra: 'Max-Forwards:x\n' }), 'nothing', 1],
  ['an INVITE without Contact', short('INVITE'), 'nothing', 5],
  ['an INVITE that nobody has a route for', short('INVITE', { extra: CONTACT }), 404, 5],
  ['an INVITE that is refused after ringing', short('INVITE', { extra: CONTACT }), 486, 5],
] as const) {
  test(`${what} from a stranger: at most ${most} answers in all, repeated within three times its bytes`, async () => {
    const stage = await sipStage('udp', { limits: nobody });
    await stage.receive(text, VICTIM);
    if (decide !== 'nothing') {
      const invite = await stage.nextInvite();
      if (decide === 486) invite.ring();
      await stage.clock.advance(300);
      invite.reject(decide);
    }
    await stage.clock.advance(120_000);
    assert.ok(stage.sent.length >= 1 && stage.sent.length <= most, stage.trace().join(', '));
    const answers = new Set(stage.sent.map(({ message }) => titleOf(message)));
    if (stage.sent.length > answers.size) assertPaid(stage, [text]);
    for (const { to } of stage.sent) assert.equal(to.address, VICTIM.address);
    assert.equal(stage.clock.timers, 0);
  });
}

test('an INVITE that is answered but never acknowledged: 200 as often as the INVITE pays for, and nothing to its Contact', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  const text = request('INVITE', { body: `${SDP}${'a=x\r\n'.repeat(60)}` });
  await stage.receive(text, VICTIM);
  const invite = await stage.nextInvite();
  invite.ring();
  const dialog = invite.accept(SDP, willing);
  await stage.clock.advance(120_000);
  assert.deepEqual(stage.trace(), ['0 180 INVITE', '0 200 INVITE', '0.5 200 INVITE', '1.5 200 INVITE']);
  assert.deepEqual(dialog?.ended.reason, { by: 'no-ack' });
  assert.equal(stage.clock.timers, 0);
});

test('what a stranger asks for without any SDP is told once', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  await stage.receive(short('INVITE', { extra: CONTACT }), VICTIM);
  const invite = await stage.nextInvite();
  invite.ring();
  invite.accept(`${SDP}${'a=x\r\n'.repeat(60)}`, willing);
  await stage.clock.advance(120_000);
  assert.deepEqual(stage.trace(), ['0 180 INVITE', '0 200 INVITE']);
});

test('hung up before it is acknowledged, a stranger’s call sends nothing to its Contact either', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  await stage.receive(request('INVITE', { body: SDP }), VICTIM);
  void (await stage.nextInvite()).accept(SDP, willing)?.bye();
  await stage.clock.advance(120_000);
  assert.ok(stage.sent.every(({ message }) => message.kind === 'response'));
  assert.equal(stage.clock.timers, 0);
});

test('who acknowledges a refusal, or an answer, with the tag that it had is no stranger: its next answers are repeated as RFC 3261 says', async () => {
  for (const how of ['refused', 'answered']) {
    const stage = await sipStage('udp', { limits: nobody });
    await stage.receive(request('INVITE', { body: SDP }));
    const first = await stage.nextInvite();
    if (how === 'refused') first.reject(486);
    else first.accept(SDP, willing);
    const toTag = tagOf(stage.sent.at(-1)!.message);
    await stage.receive(request('ACK', { branch: 'z9hG4bKINVITE1', toTag }));
    const before = stage.sent.length;
    await stage.receive(request('INVITE', { body: SDP, callId: 'two', branch: 'z9hG4bK2' }));
    (await stage.nextInvite()).reject(603);
    await stage.clock.advance(40_000);
    assert.equal(stage.sent.length - before, 11, how);
  }
});

test('an ACK that comes past the proxy its INVITE came through shows that both get our answers', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  await stage.receive(request('INVITE', { body: SDP }), { address: '198.51.100.7' });
  const dialog = (await stage.nextInvite()).accept(SDP, willing);
  await stage.receive(request('ACK', { toTag: tagOf(stage.last('200 INVITE')) }));
  void dialog?.bye();
  await settle();
  assert.equal(stage.trace().at(-1), '0 BYE');
  const before = stage.sent.length;
  await stage.receive(request('INVITE', { body: SDP, callId: 'two', branch: 'z9hG4bK2' }), {
    address: '198.51.100.7',
  });
  (await stage.nextInvite()).reject(603);
  await stage.clock.advance(31_600);
  const refusals = stage.sent.slice(before).filter(({ message }) => titleOf(message) === '603 INVITE');
  assert.equal(refusals.length, 11);
});

test('an ACK with the branch that it chose but another tag than ours makes nobody known', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  const texts = [
    short('INVITE', { extra: CONTACT }),
    short('ACK', { to: 'sip:b@c;tag=guess' }),
    short('INVITE', { extra: CONTACT, branch: 'z9hG4bK2' }).replace('i:1', 'i:2'),
  ];
  for (const text of texts) {
    await stage.receive(text, VICTIM);
    if (text.startsWith('INVITE')) (await stage.nextInvite()).reject(404);
  }
  await stage.clock.advance(40_000);
  assertPaid(stage, texts);
});

test('a caller whose refusal was lost gets it again by repeating the INVITE', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  const text = short('INVITE', { extra: CONTACT });
  await stage.receive(text);
  (await stage.nextInvite()).reject(404);
  await stage.clock.advance(20_000);
  const before = stage.sent.length;
  await stage.receive(text);
  assert.equal(stage.sent.length, before + 1);
  assert.equal(stage.trace().at(-1), '20 404 INVITE');
});

for (const method of ['INVITE', 'OPTIONS', 'REGISTER']) {
  test(`a flood of ${method} from one address: bounded transactions, silence for what is too much, and others are served`, async () => {
    const stage = await sipStage('udp', { limits: nobody });
    void drainInvites(stage);
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < 300; i++) {
        const callId = `${second}-${i}`;
        stage.give(
          request(method, { callId, branch: `z9hG4bK${callId}`, body: method === 'INVITE' ? SDP : '' }),
          VICTIM,
        );
      }
      await stage.clock.advance(1000);
    }
    const { transactions, turnedAway } = stage.agent.counts;
    assert.ok(transactions > 500 && transactions <= 1150, `${transactions} transactions`);
    assert.ok((turnedAway.requests ?? 0) > 4500);
    await stage.receive(request('OPTIONS', { callId: 'friend' }));
    assert.equal(stage.trace().at(-1), '20 200 OPTIONS');
    assert.equal(stage.sent.at(-1)?.to.address, '192.0.2.9');
    await stage.clock.advance(70_000);
    assert.equal(stage.agent.counts.transactions, 0);
  });
}

test('a flood from ten thousand addresses: strangers share what they get, and who called before is served', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  void drainInvites(stage);
  await stage.receive(request('INVITE', { body: SDP }));
  await stage.receive(request('ACK', { branch: 'z9hG4bKINVITE1', toTag: tagOf(stage.last('486 INVITE')) }));
  for (let i = 0; i < 10_000; i++) {
    const from = { address: `203.0.${i >> 8}.${i & 255}`, port: 5060 };
    stage.give(request('INVITE', { callId: `${i}`, branch: `z9hG4bK${i}`, body: SDP }), from);
  }
  await settle();
  assert.ok(stage.agent.counts.transactions <= 420);
  await stage.receive(request('INVITE', { body: SDP, callId: 'again', branch: 'z9hG4bKagain' }));
  assert.equal(stage.sent.at(-1)?.to.address, '192.0.2.9');
  assert.equal(stage.trace().at(-1), '0 486 INVITE');
});

test('a source that is not known gets no more than its share of calls at one time, and 503 beyond', async () => {
  const stage = await sipStage('udp', { limits: { ...nobody, callsPerSource: 40 } });
  for (let i = 0; i < 5; i++)
    await stage.receive(request('INVITE', { callId: `${i}`, branch: `z9hG4bK${i}`, body: SDP }), VICTIM);
  const first = await stage.nextInvite();
  await stage.nextInvite();
  assert.ok(header(stage.last('503 INVITE'), 'retry-after'));
  first.reject(486);
  await stage.receive(request('INVITE', { callId: '9', branch: 'z9hG4bK9', body: SDP }), VICTIM);
  (await stage.nextInvite()).ring();
  assert.equal(stage.trace().at(-1), '0 180 INVITE');
});

test('while its source asks for too much, a call goes on: its BYE, its re-INVITE and its ACK are taken', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  await stage.receive(request('INVITE', { body: SDP }));
  const dialog = (await stage.nextInvite()).accept(SDP, willing);
  const toTag = tagOf(stage.last('200 INVITE'));
  for (let i = 0; i < 500; i++) stage.give(request('OPTIONS', { callId: `${i}`, branch: `z9hG4bK${i}` }));
  assert.ok((stage.agent.counts.turnedAway.requests ?? 0) > 300);
  await stage.receive(request('ACK', { toTag }));
  assert.deepEqual(await dialog?.confirmed, { ackSdp: undefined });
  await stage.receive(request('INVITE', { toTag, cseq: 2, body: SDP }));
  assert.equal(stage.trace().at(-1), '0 200 INVITE');
  await stage.receive(request('OPTIONS', { callId: 'more', branch: 'z9hG4bKmore' }));
  assert.ok(header(stage.last('503 OPTIONS'), 'retry-after'), 'known by now, it is told');
  await stage.receive(request('BYE', { toTag, cseq: 3 }));
  assert.equal(stage.trace().at(-1), '0 200 BYE');
});

/** A call that stands, and how it was begun. */
async function talking() {
  const stage = await sipStage('udp', { limits: nobody });
  await stage.receive(request('INVITE', { body: SDP }));
  const dialog = (await stage.nextInvite()).accept(SDP, willing)!;
  const toTag = tagOf(stage.last('200 INVITE'));
  await stage.receive(request('ACK', { toTag }));
  return { stage, dialog, toTag };
}

for (const [what, forge] of [
  ['our tag guessed', (text: string, toTag: string) => text.replace(toTag, 'f00dfeedf00dfeed')],
  ['another tag of the caller', (text: string) => text.replace('tag=alice', 'tag=mallory')],
  ['another Call-ID', (text: string) => text.replace('Call-ID: call-1', 'Call-ID: call-2')],
  ['no tag of ours', (text: string, toTag: string) => text.replace(`;tag=${toTag}`, '')],
] as const) {
  for (const method of ['BYE', 'UPDATE', 'INFO', 'NOTIFY']) {
    test(`a forged ${method} with ${what} gets 481 and changes nothing`, async () => {
      const { stage, dialog, toTag } = await talking();
      await stage.receive(forge(request(method, { toTag, cseq: 2 }), toTag), VICTIM);
      assert.equal(stage.trace().at(-1), `0 481 ${method}`);
      assert.equal(dialog.ended.aborted, false);
      await stage.receive(request('BYE', { toTag, cseq: 2, branch: 'z9hG4bKreal' }));
      assert.equal(stage.trace().at(-1), '0 200 BYE');
    });
  }
}

test('a forged re-INVITE with a wrong tag gets 481, and the media stays where it was', async () => {
  const { stage, toTag } = await talking();
  const forged = request('INVITE', { toTag, cseq: 2, body: SDP.replaceAll('192.0.2.9', VICTIM.address) });
  await stage.receive(forged.replace(toTag, 'f00dfeedf00dfeed'), VICTIM);
  assert.equal(stage.trace().at(-1), '0 481 INVITE');
});

test('a CANCEL needs more than the branch of its INVITE: Call-ID, From tag and CSeq too', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  await stage.receive(request('INVITE', { body: SDP }));
  const invite = await stage.nextInvite();
  const branch = 'z9hG4bKINVITE1';
  for (const forged of [
    request('CANCEL', { branch, callId: 'other' }),
    request('CANCEL', { branch }).replace('tag=alice', 'tag=mallory'),
    request('CANCEL', { branch, cseq: 7 }),
    request('CANCEL', { branch: 'z9hG4bKINVITE2' }),
  ]) {
    await stage.receive(forged, VICTIM);
    assert.equal(invite.cancelled.aborted, false);
    assert.equal(titleOf(stage.sent.at(-1)!.message), '481 CANCEL');
    // What has one branch is one request, for as long as it is remembered.
    await stage.clock.advance(33_000);
  }
  await stage.receive(request('CANCEL', { branch }));
  assert.equal(invite.cancelled.aborted, true);
});

test('a forged ACK with a wrong tag does not confirm a call, and a forged response does not answer one', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  await stage.receive(request('INVITE', { body: SDP }));
  const dialog = (await stage.nextInvite()).accept(SDP, willing);
  await stage.receive(request('ACK', { toTag: 'f00dfeedf00dfeed' }), VICTIM);
  await stage.clock.advance(500);
  assert.equal(stage.trace().at(-1), '0.5 200 INVITE');
  const far = {
    requestUri: 'sip:far@192.0.2.9',
    from: { user: 'bot' },
    to: '<sip:far@192.0.2.9>',
    transport: 'udp',
  } as const;
  const outcome = stage.agent.invite({ ...far, sdp: SDP, handler: willing }, new AbortController().signal);
  await settle();
  const sent = stage.last('INVITE');
  await stage.receive(
    response(sent, 200, { body: SDP }).replace(/branch=[^;\s]+/, 'branch=z9hG4bKguess'),
    VICTIM,
  );
  await stage.receive(response(sent, 486));
  assert.equal((await outcome).answered, false);
  assert.equal(dialog?.ended.aborted, false);
});

test('a request with the right tags is taken from any address: its caller may have moved, and who does not listen in cannot know them', async () => {
  const { stage, dialog, toTag } = await talking();
  assert.match(toTag, /^[0-9a-f]{16}$/, '64 random bits');
  await stage.receive(request('BYE', { toTag, cseq: 2 }), { address: '198.51.100.20', port: 40_000 });
  assert.equal(stage.trace().at(-1), '0 200 BYE');
  assert.equal(dialog.ended.aborted, true);
});

test('who repeats another’s request gets nothing himself: the answer goes where it went before', async () => {
  const stage = await sipStage('udp', { limits: nobody });
  await stage.receive(request('OPTIONS'));
  await stage.receive(request('OPTIONS'), VICTIM);
  assert.deepEqual(
    stage.sent.map(({ to }) => to.address),
    ['192.0.2.9', '192.0.2.9'],
  );
});

/** Refuses every call, as a bot does that is busy. */
async function drainInvites(stage: SipStage): Promise<void> {
  for (;;) (await stage.nextInvite()).reject(486);
}
