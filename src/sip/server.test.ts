import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  request,
  SDP,
  type SipStage,
  sipStage,
  tagOf,
  titleOf,
  willing,
} from '../../test/support/sip-stage.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { header, headerList } from '../wire/sip-message.ts';

/** An INVITE that was answered 200, and whose ACK is still to come. */
async function answered(stage: SipStage, options: Parameters<typeof request>[1] = { body: SDP }) {
  await stage.receive(request('INVITE', options));
  const invite = await stage.nextInvite();
  const dialog = invite.accept(SDP, willing);
  assert.ok(dialog);
  return { invite, dialog, toTag: tagOf(stage.last('200 INVITE')) };
}

test('RFC 3261 figure 7, unreliable: a refusal is repeated (G) until its ACK, whose repetitions are absorbed (I)', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  (await stage.nextInvite()).reject(486);
  await stage.clock.advance(3500);
  assert.deepEqual(stage.trace(), ['0 486 INVITE', '0.5 486 INVITE', '1.5 486 INVITE', '3.5 486 INVITE']);
  await stage.receive(request('INVITE', { body: SDP }));
  assert.equal(stage.trace().at(-1), '3.5 486 INVITE');
  const ack = request('ACK', { branch: 'z9hG4bKINVITE1', toTag: tagOf(stage.last('486 INVITE')) });
  await stage.receive(ack);
  await stage.receive(ack);
  const before = stage.sent.length;
  await stage.clock.advance(60_000);
  assert.equal(stage.sent.length, before);
  assert.equal(stage.clock.timers, 0);
});

test('RFC 3261 figure 7, unreliable: without an ACK the refusal is given up after 64·T1 (H), at most T2 apart', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  (await stage.nextInvite()).reject(603);
  await stage.clock.advance(60_000);
  const times = stage.sent
    .filter(({ message }) => titleOf(message) === '603 INVITE')
    .map(({ at }) => at / 1000);
  assert.deepEqual(times, [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]);
  assert.equal(stage.clock.timers, 0);
});

test('RFC 3261 figure 7, reliable: a refusal is sent once, and no ACK is waited for after 64·T1', async () => {
  const stage = await sipStage('tcp');
  await stage.receive(request('INVITE', { body: SDP }));
  (await stage.nextInvite()).reject(486);
  await stage.clock.advance(40_000);
  assert.deepEqual(stage.trace(), ['0 486 INVITE']);
  assert.equal(stage.clock.timers, 0);
});

for (const [transport, linger] of [
  ['udp', 32_000],
  ['tcp', 0],
] as const) {
  test(`RFC 3261 figure 8, ${transport}: a repeated request gets the same answer for ${linger / 1000} s (J)`, async () => {
    const stage = await sipStage(transport);
    await stage.receive(request('OPTIONS'));
    assert.equal(stage.clock.timers, 1);
    if (linger > 0) {
      await stage.clock.advance(linger - 1);
      await stage.receive(request('OPTIONS'));
      assert.deepEqual(stage.trace(), ['0 200 OPTIONS', `${(linger - 1) / 1000} 200 OPTIONS`]);
      assert.deepEqual(stage.sent[0]?.message, stage.sent[1]?.message);
    }
    await stage.clock.advance(1);
    assert.equal(stage.clock.timers, 0);
  });
}

for (const transport of ['udp', 'tcp'] as const) {
  test(`RFC 3261 §13.3.1.4, ${transport}: a 200 is repeated until its ACK`, async () => {
    const stage = await sipStage(transport);
    const { dialog, toTag } = await answered(stage);
    await stage.clock.advance(3600);
    assert.deepEqual(stage.trace(), ['0 200 INVITE', '0.5 200 INVITE', '1.5 200 INVITE', '3.5 200 INVITE']);
    await stage.receive(request('ACK', { toTag }));
    assert.deepEqual(await dialog.confirmed, { ackSdp: undefined });
    await stage.clock.advance(60_000);
    assert.equal(stage.sent.length, 4);
    assert.equal(stage.clock.timers, 0);
  });
}

test('a 200 that is never acknowledged ends the dialog with BYE', async () => {
  const stage = await sipStage('udp');
  const { dialog } = await answered(stage);
  await stage.clock.advance(32_000);
  assert.equal(await dialog.confirmed, 'lost');
  assert.equal(stage.trace().at(-1), '32 BYE');
  assert.deepEqual(dialog.ended.reason, { by: 'no-ack' });
});

test('RFC 3261 §17.2.1: 100 is sent when nothing else was for 200 ms, and what repeats the INVITE before is absorbed', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  await stage.receive(request('INVITE', { body: SDP }));
  await stage.clock.advance(5000);
  await stage.receive(request('INVITE', { body: SDP }));
  assert.deepEqual(stage.trace(), ['0.2 100 INVITE', '5 100 INVITE']);
  (await stage.nextInvite()).ring();
  await stage.clock.advance(5000);
  assert.equal(stage.trace().at(-1), '5 180 INVITE');
});

test('RFC 3261 §15: a call that is hung up before its ACK ends with BYE when the ACK comes', async () => {
  const stage = await sipStage('udp');
  const { dialog, toTag } = await answered(stage);
  void dialog.bye();
  await stage.clock.advance(600);
  assert.deepEqual(stage.trace(), ['0 200 INVITE', '0.5 200 INVITE']);
  await stage.receive(request('ACK', { toTag }));
  assert.equal(stage.trace().at(-1), '0.6 BYE');
  assert.deepEqual(dialog.ended.reason, { by: 'local' });
});

test('a retransmitted INVITE is answered with the last provisional, and not told again', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  (await stage.nextInvite()).ring();
  await stage.receive(request('INVITE', { body: SDP }));
  assert.deepEqual(stage.trace(), ['0 180 INVITE', '0 180 INVITE']);
  assert.notEqual(tagOf(stage.last('180 INVITE')), '');
});

test('CANCEL gets 200, its INVITE 487, and an answer that comes too late is none', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  const invite = await stage.nextInvite();
  invite.ring();
  await stage.receive(request('CANCEL', { branch: 'z9hG4bKINVITE1' }));
  assert.deepEqual(stage.trace(), ['0 180 INVITE', '0 200 CANCEL', '0 487 INVITE']);
  assert.ok(invite.cancelled.aborted);
  assert.equal(invite.accept(SDP, willing), undefined);
});

test('a CANCEL that crosses the 200 changes nothing', async () => {
  const stage = await sipStage('udp');
  const { dialog, invite } = await answered(stage);
  await stage.receive(request('CANCEL', { branch: 'z9hG4bKINVITE1' }));
  assert.equal(stage.trace().at(-1), '0 200 CANCEL');
  assert.equal(invite.cancelled.aborted, false);
  assert.equal(dialog.ended.aborted, false);
});

test('BYE ends the dialog with the far end’s reason; a BYE that crosses ours gets 481', async () => {
  const stage = await sipStage('udp');
  const { dialog, toTag } = await answered(stage);
  await stage.receive(request('ACK', { toTag }));
  await stage.receive(request('BYE', { toTag, cseq: 2, headers: 'Reason: Q.850;cause=16\n' }));
  assert.equal(stage.trace().at(-1), '0 200 BYE');
  assert.deepEqual(dialog.ended.reason, { by: 'remote', reasonHeader: 'Q.850;cause=16' });
  await stage.receive(request('BYE', { toTag, cseq: 3 }));
  assert.equal(stage.trace().at(-1), '0 481 BYE');
});

test('our BYE goes to the Contact, over the recorded route, with rising CSeq', async () => {
  const stage = await sipStage('udp');
  const headers = 'Record-Route: <sip:198.51.100.7:5070;lr>\nRecord-Route: <sip:198.51.100.8;lr>\n';
  const { dialog, toTag } = await answered(stage, { body: SDP, headers });
  await stage.receive(request('ACK', { toTag }));
  void dialog.bye();
  await settle();
  const bye = stage.last('BYE');
  assert.equal(bye.kind === 'request' && bye.uri, 'sip:alice@192.0.2.9:5060');
  assert.equal(header(bye, 'cseq'), '1 BYE');
  assert.match(header(bye, 'from') ?? '', new RegExp(`tag=${toTag}`));
  assert.deepEqual(
    bye.headers.filter(({ name }) => name === 'route').map(({ value }) => value),
    ['<sip:198.51.100.7:5070;lr>', '<sip:198.51.100.8;lr>'],
  );
  assert.deepEqual([stage.sent.at(-1)?.to.address, stage.sent.at(-1)?.to.port], ['198.51.100.7', 5070]);
});

test('header fields in a Contact get into no request of ours, nor into what a third party is told to call (RFC 3261 §19.1.1)', async () => {
  const stage = await sipStage('udp');
  const evil = '<sip:al?ice@192.0.2.9:5060;x=1?Replaces=other%3Bto-tag%3D1&Subject=a%0d%0aEvil%3A%20yes>';
  const invite = request('INVITE', { body: SDP }).replace('<sip:alice@192.0.2.9:5060>', evil);
  await stage.receive(invite);
  const dialog = (await stage.nextInvite()).accept(SDP, willing);
  await stage.receive(request('ACK', { toTag: tagOf(stage.last('200 INVITE')) }));
  assert.equal(dialog?.remoteTarget, 'sip:al?ice@192.0.2.9:5060;x=1');
  void dialog?.bye();
  await settle();
  const bye = stage.last('BYE');
  assert.equal(bye.kind === 'request' && bye.uri, 'sip:al?ice@192.0.2.9:5060;x=1');
});

test('what looks like a tag in the display name or the URI of To is none: our answers have one', async () => {
  for (const to of [
    '"x;tag=1" <sip:bot@192.0.2.1>',
    '<sip:bot;tag=1@192.0.2.1>',
    '<sip:bot@192.0.2.1;tag=1>',
  ]) {
    const stage = await sipStage('udp');
    await stage.receive(request('INVITE', { body: SDP }).replace('<sip:bot@192.0.2.1>', to));
    (await stage.nextInvite()).accept(SDP, willing);
    const answered = header(stage.last('200 INVITE'), 'to') ?? '';
    assert.match(answered.slice(to.length), /^;tag=[0-9a-f]{16}$/);
    await stage.receive(request('ACK').replace('<sip:bot@192.0.2.1>', answered));
    const before = stage.sent.length;
    await stage.clock.advance(40_000);
    assert.equal(stage.sent.length, before, 'it was acknowledged');
  }
});

test('a re-INVITE is put to the handler; its refusal leaves the dialog as it was', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  const offers: (string | undefined)[] = [];
  const onOffer = (offer: string | undefined) => {
    offers.push(offer);
    return offers.length === 1 ? { status: 488 } : { sdp: SDP };
  };
  const dialog = (await stage.nextInvite()).accept(SDP, { onOffer, onAnswer() {} });
  const toTag = tagOf(stage.last('200 INVITE'));
  await stage.receive(request('ACK', { toTag }));
  await stage.receive(request('INVITE', { toTag, cseq: 2, body: `${SDP}a=sendonly\r\n` }));
  assert.equal(stage.trace().at(-1), '0 488 INVITE');
  await stage.receive(request('INVITE', { toTag, cseq: 3, body: SDP }));
  assert.equal(stage.trace().at(-1), '0 200 INVITE');
  await stage.receive(request('INVITE', { toTag, cseq: 4, body: SDP }));
  assert.equal(stage.trace().at(-1), '0 500 INVITE', 'the one before is not acknowledged (§14.2)');
  assert.deepEqual([offers.length, dialog?.ended.aborted], [2, false]);
});

test('a delayed offer: the answer in the ACK comes to the handler', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE'));
  const invite = await stage.nextInvite();
  assert.equal(invite.offer, undefined);
  const answers: string[] = [];
  const dialog = invite.accept(SDP, { ...willing, onAnswer: (sdp) => void answers.push(sdp) });
  await stage.receive(request('ACK', { toTag: tagOf(stage.last('200 INVITE')), body: SDP }));
  assert.deepEqual(answers, [SDP]);
  assert.deepEqual(await dialog?.confirmed, { ackSdp: SDP });
});

test('a caller is redirected to several Contacts in the order that was given', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  const contacts = '<sip:one@192.0.2.20;transport=tcp>;q=0.9, "Two, or so" <sip:two@192.0.2.21>';
  (await stage.nextInvite()).reject(302, { headers: { Contact: contacts } });
  assert.deepEqual(headerList(stage.last('302 INVITE'), 'contact'), [
    '<sip:one@192.0.2.20;transport=tcp>;q=0.9',
    '"Two, or so" <sip:two@192.0.2.21>',
  ]);
});

for (const [what, text, status, check] of [
  [
    'an unknown method',
    request('PUBLISH'),
    '405 PUBLISH',
    ['allow', /^INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY$/],
  ],
  ['REFER, which is not served', request('REFER'), '405 REFER', ['allow', /BYE/]],
  [
    'a body that is not SDP',
    request('INVITE', { body: SDP }).replace('application/sdp', 'text/plain'),
    '415 INVITE',
    ['accept', /application\/sdp/],
  ],
  [
    'an encoded body',
    request('INVITE', { body: SDP, headers: 'Content-Encoding: gzip\n' }),
    '415 INVITE',
    ['accept-encoding', /identity/],
  ],
  [
    'a required extension',
    request('INVITE', { body: SDP, headers: 'Require: 100rel, foo\n' }),
    '420 INVITE',
    ['unsupported', /100rel, foo/],
  ],
  ['a URI of another scheme', request('OPTIONS', { uri: 'soap.beep://192.0.2.1' }), '416 OPTIONS', undefined],
  ['a BYE of no dialog', request('BYE', { toTag: 'nobody' }), '481 BYE', undefined],
  ['a BYE without a dialog at all', request('BYE'), '481 BYE', undefined],
  ['a NOTIFY without a dialog', request('NOTIFY', { headers: 'Event: refer\n' }), '481 NOTIFY', undefined],
  ['a NOTIFY of no dialog', request('NOTIFY', { toTag: 'nobody' }), '481 NOTIFY', undefined],
  ['a CANCEL of nothing', request('CANCEL'), '481 CANCEL', undefined],
  ['a re-INVITE of no dialog', request('INVITE', { toTag: 'nobody', body: SDP }), '481 INVITE', undefined],
  [
    'no hops left',
    request('INVITE', { body: SDP }).replace('Max-Forwards: 70', 'Max-Forwards: 0'),
    '483 INVITE',
    undefined,
  ],
  [
    'an INVITE without Contact',
    request('INVITE', { body: SDP }).replace(/Contact.*\n/, ''),
    '400 INVITE',
    undefined,
  ],
  [
    'a Content-Length that lies',
    request('INVITE').replace('Content-Length: 0', 'Content-Length: 99'),
    '400 INVITE',
    undefined,
  ],
  ['another version', request('OPTIONS').replace('SIP/2.0\n', 'SIP/7.0\n'), '505 OPTIONS', undefined],
] as const) {
  test(`${what} gets ${status}`, async () => {
    const stage = await sipStage('udp');
    await stage.receive(text);
    const sent = stage.last(status);
    if (check !== undefined) assert.match(header(sent, check[0]) ?? '', check[1]);
    await stage.clock.advance(70_000);
    assert.equal(stage.clock.timers, 0);
  });
}

test('the same request over another path gets 482', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  await stage.receive(request('INVITE', { body: SDP, branch: 'z9hG4bKother' }));
  assert.equal(stage.trace().at(-1), '0 482 INVITE');
});

test('while draining, INVITE and OPTIONS get 503 with Retry-After, and dialogs go on', async () => {
  const stage = await sipStage('udp');
  const { toTag } = await answered(stage);
  await stage.receive(request('ACK', { toTag }));
  stage.agent.drain();
  await stage.receive(request('INVITE', { body: SDP, callId: 'call-2', branch: 'z9hG4bKtwo' }));
  assert.ok(header(stage.last('503 INVITE'), 'retry-after'));
  await stage.receive(request('OPTIONS', { callId: 'call-3' }));
  assert.ok(stage.last('503 OPTIONS'));
  await stage.receive(request('BYE', { toTag, cseq: 2 }));
  assert.equal(stage.trace().at(-1), '0 200 BYE');
});

test('RFC 3581: with rport the answer goes to the source port and tells it; without, to the port of the Via', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('OPTIONS'), { address: '198.51.100.3', port: 40_000 });
  assert.deepEqual([stage.sent[0]?.to.address, stage.sent[0]?.to.port], ['198.51.100.3', 40_000]);
  assert.match(
    header(stage.last('200 OPTIONS'), 'via') ?? '',
    /rport=40000.*received=198\.51\.100\.3|received=198\.51\.100\.3.*rport=40000/,
  );
  await stage.receive(
    request('OPTIONS', { via: 'SIP/2.0/UDP phone.example:5070;branch=z9hG4bKx', callId: 'b' }),
    { address: '198.51.100.3', port: 40_000 },
  );
  assert.deepEqual([stage.sent[1]?.to.address, stage.sent[1]?.to.port], ['198.51.100.3', 5070]);
});

test('an RFC 2543 peer without a branch is understood: its ACK ends the repetitions', async () => {
  const stage = await sipStage('udp');
  const via = 'SIP/2.0/UDP 192.0.2.9:5060';
  await stage.receive(request('INVITE', { body: SDP, via }));
  (await stage.nextInvite()).reject(486);
  await stage.receive(request('ACK', { via, toTag: tagOf(stage.last('486 INVITE')) }));
  await stage.clock.advance(10_000);
  assert.equal(stage.sent.length, 1);
});

test('a request out of order within a dialog gets 500 (§12.2.2)', async () => {
  const stage = await sipStage('udp');
  const { toTag } = await answered(stage, { body: SDP, cseq: 5 });
  await stage.receive(request('ACK', { toTag, cseq: 5 }));
  await stage.receive(request('INFO', { toTag, cseq: 4 }));
  assert.equal(stage.trace().at(-1), '0 500 INFO');
});

test('keys by INFO go to the owner of the dialog; what is no key is refused, and told apart by its status', async () => {
  const stage = await sipStage('udp');
  await stage.receive(request('INVITE', { body: SDP }));
  const keys: string[] = [];
  const onKey = (event: number, ms: number) => void keys.push(`${event} for ${ms} ms`);
  (await stage.nextInvite()).accept(SDP, { ...willing, onKey });
  const toTag = tagOf(stage.last('200 INVITE'));
  await stage.receive(request('ACK', { toTag }));
  let cseq = 1;
  const info = async (body: string, type = 'application/dtmf-relay', headers = '') => {
    await stage.receive(request('INFO', { toTag, cseq: ++cseq, body, type, headers }));
    return stage.trace().at(-1)?.slice(2);
  };
  assert.equal(await info('Signal=5\r\nDuration=160'), '200 INFO');
  assert.equal(await info('#', 'application/dtmf'), '200 INFO');
  assert.equal(await info(''), '200 INFO');
  assert.equal(await info('Signal=five'), '400 INFO');
  assert.equal(await info('<media_control/>', 'application/media_control+xml'), '415 INFO');
  assert.equal(header(stage.last('415 INFO'), 'accept'), 'application/dtmf-relay, application/dtmf');
  assert.equal(await info('Signal=5', 'application/dtmf-relay', 'Info-Package: foo\n'), '469 INFO');
  assert.equal(header(stage.last('469 INFO'), 'recv-info'), '');
  // Sent again, it is answered again and told no more.
  await stage.receive(
    request('INFO', { toTag, cseq: 2, body: 'Signal=5\r\nDuration=160', type: 'application/dtmf-relay' }),
  );
  assert.deepEqual(keys, ['5 for 160 ms', '11 for 100 ms']);
});

test('an owner that takes no keys refuses them', async () => {
  const stage = await sipStage('udp');
  const { toTag } = await answered(stage);
  await stage.receive(request('ACK', { toTag }));
  await stage.receive(request('INFO', { toTag, cseq: 2, body: 'Signal=5', type: 'application/dtmf-relay' }));
  assert.equal(stage.trace().at(-1), '0 415 INFO');
});

test('closing sends 503 to what rings and BYE to what talks, and leaves no timer', async () => {
  const stage = await sipStage('udp');
  const { toTag } = await answered(stage);
  await stage.receive(request('ACK', { toTag }));
  await stage.receive(request('INVITE', { body: SDP, callId: 'call-2', branch: 'z9hG4bKtwo' }));
  const closed = stage.agent.close();
  await settle();
  assert.ok(stage.last('503 INVITE'));
  assert.ok(stage.last('BYE'));
  await stage.clock.advance(32_000); // nobody answers the BYE: timer F
  await closed;
  assert.equal(stage.clock.timers, 0);
});
