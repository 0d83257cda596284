import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { response, SDP, type SipStage, sipStage, willing } from '../../test/support/sip-stage.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { header, type SipMessage } from '../wire/sip-message.ts';

const BOB = { username: 'bob', password: 'zanzibar' };
const REALM = 'biloxi.com';

async function calling(stage: SipStage, credentials: typeof BOB | 'none' = BOB) {
  const hangUp = new AbortController();
  const outcome = stage.agent.invite(
    {
      requestUri: 'sip:far@192.0.2.9',
      from: { user: 'bob' },
      to: 'sip:far@192.0.2.9',
      transport: 'udp',
      sdp: SDP,
      handler: willing,
      credentials: credentials === 'none' ? undefined : credentials,
    },
    hangUp.signal,
  );
  await settle();
  return { outcome, hangUp };
}

const challenge = (name: 'WWW' | 'Proxy', nonce: string, more = '') => ({
  headers: `${name}-Authenticate: Digest realm="${REALM}", nonce="${nonce}", qop="auth"${more}\n`,
});

/** Whether a far end that knows the password would take it. */
function isRight(message: SipMessage, name: string): boolean {
  const value = header(message, name) ?? '';
  const of = (key: string) => new RegExp(`\\b${key}="?([^",]*)`).exec(value)?.[1];
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  const method = message.kind === 'request' ? message.method : '';
  const key = md5(`${of('username')}:${REALM}:${BOB.password}`);
  const what = md5(`${method}:${message.kind === 'request' ? message.uri : ''}`);
  return of('response') === md5(`${key}:${of('nonce')}:${of('nc')}:${of('cnonce')}:auth:${what}`);
}

const countOf = (message: SipMessage, name: string) => /nc=(\w+)/.exec(header(message, name) ?? '')?.[1];

for (const [status, asks, answers] of [
  [401, 'WWW', 'authorization'],
  [407, 'Proxy', 'proxy-authorization'],
] as const) {
  test(`RFC 3261 §22: an INVITE that gets ${status} is sent again with credentials, and its ACK has them too`, async () => {
    const stage = await sipStage('udp');
    const { outcome } = await calling(stage);
    const first = stage.last('INVITE');
    assert.equal(header(first, answers), undefined);
    await stage.receive(response(first, status, challenge(asks, 'n1')));
    const second = stage.last('INVITE');
    assert.ok(isRight(second, answers), header(second, answers));
    assert.equal(header(second, 'cseq'), '2 INVITE');
    for (const same of ['from', 'to', 'call-id', 'contact'])
      assert.equal(header(second, same), header(first, same));
    assert.notEqual(header(second, 'via'), header(first, 'via'));
    assert.deepEqual(second.body, first.body);
    await stage.receive(response(second, 200, { body: SDP }));
    assert.ok((await outcome).answered);
    assert.deepEqual(stage.trace(), ['0 INVITE', '0 ACK', '0 INVITE', '0 ACK']);
    const ack = stage.last('ACK');
    assert.equal(header(ack, 'cseq'), '2 ACK');
    assert.equal(header(ack, answers), header(second, answers));
  });
}

test('a challenge to a call without credentials is the outcome', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage, 'none');
  await stage.receive(response(stage.last('INVITE'), 407, challenge('Proxy', 'n1')));
  const result = await outcome;
  assert.equal(!result.answered && result.status, 407);
  assert.deepEqual(stage.trace(), ['0 INVITE', '0 ACK']);
});

test('credentials that are refused are not tried again', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 401, challenge('WWW', 'n1')));
  await stage.receive(response(stage.last('INVITE'), 401, challenge('WWW', 'n2')));
  const result = await outcome;
  assert.equal(!result.answered && result.status, 401);
  assert.deepEqual(stage.trace(), ['0 INVITE', '0 ACK', '0 INVITE', '0 ACK']);
  await stage.clock.advance(32_000);
  assert.equal(stage.clock.timers, 0);
});

test('a nonce that was too old is replaced once', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 401, challenge('WWW', 'n1')));
  await stage.receive(response(stage.last('INVITE'), 401, challenge('WWW', 'n2', ', stale=TRUE')));
  const third = stage.last('INVITE');
  assert.equal(header(third, 'cseq'), '3 INVITE');
  assert.match(header(third, 'authorization') ?? '', /nonce="n2"/);
  assert.equal(third.headers.filter(({ name }) => name === 'authorization').length, 1);
  await stage.receive(response(third, 401, challenge('WWW', 'n3', ', stale=true')));
  const result = await outcome;
  assert.equal(!result.answered && result.status, 401);
});

test('a nonce that is called too old but is the same is not tried again', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 401, challenge('WWW', 'n1')));
  await stage.receive(response(stage.last('INVITE'), 401, challenge('WWW', 'n1', ', stale=true')));
  assert.equal((await outcome).answered, false);
});

for (const headers of [
  '',
  'WWW-Authenticate: Basic realm="x"\n',
  'WWW-Authenticate: Digest realm="x", nonce="n", algorithm=AKAv1-MD5\n',
  `WWW-Authenticate: Digest realm="${'x'.repeat(9000)}", nonce="n"\n`,
  challenge('Proxy', 'n1').headers,
]) {
  test(`a 401 with ${JSON.stringify(headers.slice(0, 60))} is the outcome`, async () => {
    const stage = await sipStage('udp');
    const { outcome } = await calling(stage);
    await stage.receive(response(stage.last('INVITE'), 401, { headers }));
    assert.equal((await outcome).answered, false);
    assert.deepEqual(stage.trace(), ['0 INVITE', '0 ACK']);
  });
}

test('RFC 8760: of several challenges the strongest is answered', async () => {
  const stage = await sipStage('udp');
  await calling(stage);
  const headers = ['MD5', 'SHA-256', 'X']
    .map((algorithm) => challenge('WWW', algorithm, `, algorithm=${algorithm}`).headers)
    .join('');
  await stage.receive(response(stage.last('INVITE'), 401, { headers }));
  assert.match(header(stage.last('INVITE'), 'authorization') ?? '', /nonce="SHA-256".*algorithm=SHA-256,/);
});

test('giving up cancels the INVITE that is under way, with its CSeq and branch', async () => {
  const stage = await sipStage('udp');
  const { outcome, hangUp } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 100));
  await stage.receive(response(stage.last('INVITE'), 401, challenge('WWW', 'n1')));
  const second = stage.last('INVITE');
  hangUp.abort();
  await settle();
  assert.deepEqual(stage.trace(), ['0 INVITE', '0 ACK', '0 INVITE'], 'not before a provisional response');
  await stage.receive(response(second, 180));
  const cancel = stage.last('CANCEL');
  assert.equal(header(cancel, 'via'), header(second, 'via'));
  assert.equal(header(cancel, 'cseq'), '2 CANCEL');
  assert.equal(header(cancel, 'authorization'), undefined, 'a CANCEL is never challenged (§22.1)');
  await stage.receive(response(second, 487));
  const result = await outcome;
  assert.equal(!result.answered && result.status, 487);
});

test('who gave up before the challenge sends no second INVITE', async () => {
  const stage = await sipStage('udp');
  const { outcome, hangUp } = await calling(stage);
  hangUp.abort();
  await stage.receive(response(stage.last('INVITE'), 401, challenge('WWW', 'n1')));
  assert.equal((await outcome).answered, false);
  assert.deepEqual(stage.trace(), ['0 INVITE', '0 ACK']);
});

test('requests of the dialog answer challenges too; the count goes on while the nonce is the same', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 407, challenge('Proxy', 'n1')));
  await stage.receive(response(stage.last('INVITE'), 200, { body: SDP }));
  const result = await outcome;
  assert.ok(result.answered);
  const referred = result.dialog.refer({ referTo: 'sip:third@192.0.2.30' });
  await settle();
  await stage.receive(response(stage.last('REFER'), 407, challenge('Proxy', 'n1')));
  const refer = stage.last('REFER');
  assert.ok(isRight(refer, 'proxy-authorization'));
  assert.equal(countOf(refer, 'proxy-authorization'), '00000002');
  assert.equal(header(refer, 'cseq'), '4 REFER');
  await stage.receive(response(refer, 407, challenge('Proxy', 'n9')));
  assert.deepEqual(await referred, { accepted: false, status: 407, reason: 'Whatever' });

  const ended = result.dialog.bye();
  await settle();
  await stage.receive(response(stage.last('BYE'), 407, challenge('Proxy', 'n2')));
  const bye = stage.last('BYE');
  assert.ok(isRight(bye, 'proxy-authorization'));
  assert.equal(countOf(bye, 'proxy-authorization'), '00000001');
  assert.equal(header(bye, 'cseq'), '6 BYE');
  await stage.receive(response(bye, 200));
  await ended;
  await stage.clock.advance(32_000);
  assert.equal(stage.clock.timers, 0);
});

test('closing waits for the BYE that is sent again with credentials', async () => {
  const stage = await sipStage('udp');
  const { outcome } = await calling(stage);
  await stage.receive(response(stage.last('INVITE'), 200, { body: SDP }));
  assert.ok((await outcome).answered);
  let over = false;
  const closed = stage.agent.close().then(() => (over = true));
  await settle();
  await stage.receive(response(stage.last('BYE'), 401, challenge('WWW', 'n1')));
  assert.ok(isRight(stage.last('BYE'), 'authorization'));
  assert.equal(over, false);
  await stage.receive(response(stage.last('BYE'), 200));
  await closed;
  assert.equal(stage.clock.timers, 0);
});
