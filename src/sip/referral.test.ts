import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { request, response, SDP, sipStage, tagOf, willing } from '../../test/support/sip-stage.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { header, parseSipMessage } from '../wire/sip-message.ts';
import { readNotify } from './referral.ts';
import type { Dialog, ReferRequest } from './user-agent.ts';

const THIRD = 'sip:third@192.0.2.30';

/** A call that came, was answered, and is being referred. */
async function referring(
  asked: Partial<ReferRequest> = {},
  { signal, patienceMs }: { signal?: AbortSignal; patienceMs?: number } = {},
) {
  const stage = await sipStage('udp', patienceMs === undefined ? {} : { referPatienceMs: patienceMs });
  await stage.receive(request('INVITE', { body: SDP }));
  const dialog = (await stage.nextInvite()).accept(SDP, willing) as Dialog;
  const toTag = tagOf(stage.last('200 INVITE'));
  await stage.receive(request('ACK', { toTag }));
  const progress: number[] = [];
  const outcome = dialog.refer(
    { referTo: THIRD, onProgress: (status) => void progress.push(status), ...asked },
    signal,
  );
  await settle();
  let cseq = 1;
  return {
    stage,
    dialog,
    outcome,
    progress,
    toTag,
    /** What the agent answers to a NOTIFY of the far end. */
    async notify(
      body: string,
      { event = 'refer', state = 'active;expires=60', type = 'message/sipfrag;version=2.0' } = {},
    ) {
      cseq++;
      const headers = `${event === '' ? '' : `Event: ${event}\n`}Subscription-State: ${state}\n`;
      await stage.receive(request('NOTIFY', { toTag, cseq, headers, body, type }));
      const answer = stage.sent.at(-1)?.message;
      assert.equal(header(answer ?? { headers: [] }, 'cseq'), `${cseq} NOTIFY`);
      return answer?.kind === 'response' ? answer : assert.fail('no answer');
    },
    accept: (headers = '') => stage.receive(response(stage.last('REFER'), 202, { headers })),
  };
}

test('RFC 3515 §4.1: a REFER is accepted, told of, and ends with the status of the last NOTIFY', async () => {
  const { stage, outcome, progress, notify, accept } = await referring({ referredBy: 'sip:bot@192.0.2.1' });
  const refer = stage.last('REFER');
  assert.equal(refer.kind === 'request' && refer.uri, 'sip:alice@192.0.2.9:5060');
  assert.equal(header(refer, 'refer-to'), `<${THIRD}>`);
  assert.equal(header(refer, 'referred-by'), '<sip:bot@192.0.2.1>');
  assert.ok(header(refer, 'contact'));
  await accept();
  assert.equal((await notify('SIP/2.0 100 Trying\r\n')).status, 200);
  assert.equal((await notify('SIP/2.0 180 Ringing\r\nTo: x\r\n')).status, 200);
  assert.equal((await notify('SIP/2.0 200 OK', { state: 'terminated;reason=noresource' })).status, 200);
  assert.deepEqual(await outcome, { accepted: true, status: 200, reason: 'OK' });
  assert.deepEqual(progress, [100, 180]);
  assert.deepEqual(stage.trace().slice(1), ['0 REFER', '0 200 NOTIFY', '0 200 NOTIFY', '0 200 NOTIFY']);
  assert.equal((await notify('SIP/2.0 200 OK')).status, 481, 'the subscription is over');
  await stage.clock.advance(32_000);
  assert.equal(stage.clock.timers, 0);
});

test('a Replaces header in Refer-To reaches the far end as it was given', async () => {
  const referTo = `${THIRD}?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2`;
  const { stage } = await referring({ referTo });
  assert.equal(header(stage.last('REFER'), 'refer-to'), `<${referTo}>`);
});

test('a NOTIFY may come before the answer to the REFER', async () => {
  const { outcome, progress, notify, accept } = await referring();
  assert.equal((await notify('SIP/2.0 100 Trying')).status, 200);
  await accept();
  await notify('SIP/2.0 603 Decline');
  assert.deepEqual(await outcome, { accepted: true, status: 603, reason: 'Decline' });
  assert.deepEqual(progress, [100]);
});

test('a REFER that is refused ends with the refusal', async () => {
  const { stage, outcome, notify } = await referring();
  await stage.receive(response(stage.last('REFER'), 603));
  assert.deepEqual(await outcome, { accepted: false, status: 603, reason: 'Whatever' });
  assert.equal((await notify('SIP/2.0 100 Trying')).status, 481);
});

test('a REFER that nobody answers ends with 408', async () => {
  const { stage, outcome } = await referring();
  await stage.clock.advance(32_000);
  assert.deepEqual(await outcome, { accepted: false, status: 408, reason: 'no answer' });
});

for (const [what, end, reason] of [
  ['BYE of the far end', 'remote', 'the dialog ended'],
  ['BYE of ours', 'local', 'the dialog ended'],
] as const) {
  test(`a ${what} ends the referral with 487`, async () => {
    const { stage, dialog, outcome, accept, toTag } = await referring();
    await accept();
    if (end === 'local') void dialog.bye();
    else await stage.receive(request('BYE', { toTag, cseq: 9 }));
    assert.deepEqual(await outcome, { accepted: true, status: 487, reason });
    assert.deepEqual((await dialog.refer({ referTo: THIRD })).status, 487);
  });
}

test('nothing heard for the patience after the last NOTIFY ends it with 408', async () => {
  const { stage, outcome, notify, accept } = await referring();
  await accept();
  await stage.clock.advance(59_000);
  await notify('SIP/2.0 180 Ringing');
  await stage.clock.advance(59_999);
  assert.equal((await notify('nonsense')).status, 400, 'which is no news');
  await stage.clock.advance(1);
  const { accepted, status } = await outcome;
  assert.deepEqual([accepted, status], [true, 408]);
});

test('the patience is an option', async () => {
  const { stage, outcome, accept } = await referring({}, { patienceMs: 5000 });
  await accept();
  await stage.clock.advance(5000);
  assert.equal((await outcome).status, 408);
});

test('RFC 4488: a far end that makes no subscription leaves it at its 2xx', async () => {
  const { outcome, accept } = await referring();
  await accept('Refer-Sub: false\n');
  assert.deepEqual(await outcome, { accepted: true, status: 200, reason: 'Whatever' });
});

test('a subscription that ends without a final status has the last one that was told', async () => {
  const { outcome, progress, notify, accept } = await referring();
  await accept();
  await notify('SIP/2.0 100 Trying');
  await notify('SIP/2.0 183 Progress', { state: 'terminated;reason=giveup' });
  assert.deepEqual(await outcome, { accepted: true, status: 183, reason: 'Progress' });
  assert.deepEqual(progress, [100]);
});

test('a subscription that ends without any status is 487', async () => {
  const { outcome, notify, accept } = await referring();
  await accept();
  assert.equal((await notify('', { state: 'Terminated' })).status, 200);
  assert.deepEqual(await outcome, { accepted: true, status: 487, reason: 'the subscription ended' });
});

test('a second REFER while one is open is refused with 491, one after it is sent', async () => {
  const { stage, dialog, outcome, notify, accept } = await referring();
  await accept();
  assert.deepEqual(await dialog.refer({ referTo: THIRD }), {
    accepted: false,
    status: 491,
    reason: 'another REFER is open',
  });
  await notify('SIP/2.0 486 Busy Here');
  assert.equal((await outcome).status, 486);
  const again = dialog.refer({ referTo: THIRD });
  await settle();
  assert.equal(header(stage.last('REFER'), 'cseq'), '2 REFER');
  await accept();
  assert.equal((await notify('SIP/2.0 200 OK', { event: 'refer;id=1' })).status, 481, 'of the first REFER');
  assert.equal((await notify('SIP/2.0 200 OK', { event: 'refer;id=2' })).status, 200);
  assert.equal((await again).status, 200);
});

test('giving up ends the listening; the far end is told by 481', async () => {
  const giveUp = new AbortController();
  const { stage, outcome, notify, accept } = await referring({}, { signal: giveUp.signal });
  await accept();
  giveUp.abort();
  assert.deepEqual(await outcome, { accepted: true, status: 487, reason: 'given up' });
  assert.equal((await notify('SIP/2.0 100 Trying')).status, 481);
  await stage.clock.advance(32_000);
  assert.equal(stage.clock.timers, 0);
});

test('a Refer-To that is no URI, and a referral that was given up before, send nothing', async () => {
  for (const [options, status] of [
    [{ referTo: 'sip:a b' }, 416],
    [{ referTo: 'sip:a@b>\r\nX: y' }, 416],
  ] as const) {
    const { stage, outcome } = await referring(options);
    assert.deepEqual([(await outcome).accepted, (await outcome).status], [false, status]);
    assert.ok(!stage.trace().some((line) => line.endsWith('REFER')));
  }
  const { stage, outcome } = await referring({}, { signal: AbortSignal.abort() });
  assert.equal((await outcome).status, 487);
  assert.ok(!stage.trace().some((line) => line.endsWith('REFER')));
});

for (const [what, body, options, status, check] of [
  ['of another event', 'SIP/2.0 200 OK', { event: 'presence' }, 489, ['allow-events', 'refer']],
  ['without an event', 'SIP/2.0 200 OK', { event: '' }, 489, ['allow-events', 'refer']],
  ['of another REFER', 'SIP/2.0 200 OK', { event: 'refer;id=7' }, 481, undefined],
  ['with a sipfrag that is none', 'HTTP/1.1 200 OK', {}, 400, undefined],
  ['with a status out of range', 'SIP/2.0 700 OK', {}, 400, undefined],
  ['with another body', 'SIP/2.0 200 OK', { type: 'text/plain' }, 415, ['accept', 'message/sipfrag']],
] as const) {
  test(`a NOTIFY ${what} gets ${status}, and the referral goes on`, async () => {
    const { outcome, notify, accept } = await referring();
    await accept();
    const answer = await notify(body, options);
    assert.equal(answer.status, status);
    if (check !== undefined) assert.equal(header(answer, check[0]), check[1]);
    await notify('SIP/2.0 202 Accepted', { event: 'REFER;id=1' });
    assert.equal((await outcome).status, 202);
  });
}

test('a NOTIFY in a dialog without a REFER gets 481', async () => {
  const { stage, outcome, notify } = await referring();
  await stage.receive(response(stage.last('REFER'), 500));
  await outcome;
  assert.equal((await notify('SIP/2.0 100 Trying')).status, 481);
});

test('no NOTIFY throws, whatever its headers and body are', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('refer', 'refer;id=', 'refer;id="\\', 'terminated;;', 'message/sipfrag'),
  );
  const body = fc.oneof(
    fc.uint8Array(),
    fc.string({ unit: 'binary' }).map((rest) => Buffer.from(`SIP/2.0 ${rest}`)),
  );
  const parsed = parseSipMessage(Buffer.from(request('NOTIFY').replaceAll('\n', '\r\n')));
  assert.ok(parsed.ok && parsed.message.kind === 'request');
  const base = parsed.message;
  fc.assert(
    fc.property(text, text, text, body, (event, state, type, bytes) => {
      const headers = [
        ...base.headers,
        { name: 'event', value: event },
        { name: 'subscription-state', value: state },
        { name: 'content-type', value: type },
      ];
      readNotify({ ...base, headers, body: bytes });
      readNotify({ ...base, headers: [...base.headers, { name: 'event', value: 'refer' }], body: bytes });
    }),
  );
});
