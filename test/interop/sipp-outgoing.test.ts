import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { createUserAgent } from '../../src/sip/endpoint.ts';
import type { InviteOutcome, OutgoingInvite, UserAgent } from '../../src/sip/user-agent.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { called, hungUp, notify, receive, reply, replyWithin, scenario, wait } from '../support/scenarios.ts';
import { SDP, willing } from '../support/sip-stage.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

const BOB = { username: 'bob', password: 'zanzibar' };
const CHALLENGE = 'Digest realm="biloxi.com", nonce="ad8721f0"';
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

test('calls placed to sipp', { skip: missing('/usr/bin/sipp'), concurrency: 1 }, async (t) => {
  let agent: UserAgent;
  before(async () => {
    agent = await createUserAgent({
      listen: [{ transport: 'udp', address: '127.0.0.1', port: 0 }],
      clock: systemClock,
      log: silentLog,
    });
  });
  after(() => agent?.close());

  /** Calls a sipp that does these steps; `then` is what our side does with the outcome. Both must go as they say. */
  async function call(
    steps: readonly string[],
    then: (outcome: InviteOutcome, progress: readonly [number, boolean][]) => Promise<void> | void,
    {
      signal = new AbortController().signal,
      ...options
    }: Partial<OutgoingInvite> & { signal?: AbortSignal } = {},
  ): Promise<void> {
    const port = await freeUdpPort();
    const running = runSipp({ port, called: true, scenario: scenario(...steps) });
    const progress: [number, boolean][] = [];
    const outcome = await agent.invite(
      {
        requestUri: `sip:far@127.0.0.1:${port}`,
        from: { displayName: 'Bob', user: '+14255550100' },
        to: `sip:far@127.0.0.1:${port}`,
        transport: 'udp',
        destination: { address: '127.0.0.1', port },
        sdp: SDP,
        handler: willing,
        onProgress: (status, sdp) => void progress.push([status, sdp !== undefined]),
        ...options,
      },
      signal,
    );
    await then(outcome, progress);
    const { code, output, messages } = await running;
    assert.equal(code, 0, output + messages);
  }

  /** Hangs up at the end of what the test says. */
  const talking = async (outcome: InviteOutcome) => {
    assert.ok(outcome.answered, JSON.stringify(outcome));
    await outcome.dialog.bye();
  };

  await t.test('rings, is answered, and is ended by us', () =>
    call(
      [called(), reply(180), reply(200, { sdp: true }), receive('ACK'), hungUp],
      async (outcome, progress) => {
        assert.match((outcome.answered && outcome.sdp) || '', /m=audio/);
        assert.deepEqual(progress, [[180, false]]);
        await talking(outcome);
      },
    ),
  );

  await t.test('early media is told before the answer', () =>
    call(
      [called(), reply(183, { sdp: true }), wait(100), reply(200, { sdp: true }), receive('ACK'), hungUp],
      async (outcome, progress) => {
        assert.deepEqual(progress, [[183, true]]);
        await talking(outcome);
      },
    ),
  );

  await t.test('is busy', () =>
    call([called(), reply(486), receive('ACK')], (outcome) => {
      assert.equal(!outcome.answered && outcome.status, 486);
    }),
  );

  await t.test('a 401 is answered with credentials that sipp finds right', () =>
    call(
      [
        called(),
        reply(401, { headers: `WWW-Authenticate: ${CHALLENGE}, qop="auth", algorithm=MD5\n` }),
        receive('ACK'),
        called({ verify: BOB }),
        reply(200, { sdp: true }),
        receive('ACK'),
        hungUp,
      ],
      talking,
      { credentials: BOB },
    ),
  );

  await t.test('a 407 of the old kind, without qop, is answered with the response that it must have', () => {
    const key = md5(`${BOB.username}:biloxi.com:${BOB.password}`);
    const response = md5(`${key}:ad8721f0:${md5('INVITE:sip:far@pbx.example')}`);
    return call(
      [
        called(),
        reply(407, { headers: `Proxy-Authenticate: ${CHALLENGE}\n` }),
        receive('ACK'),
        called({ has: { header: 'Proxy-Authorization', pattern: `response="${response}"` } }),
        reply(200, { sdp: true }),
        receive('ACK'),
        hungUp,
      ],
      talking,
      { credentials: BOB, requestUri: 'sip:far@pbx.example' },
    );
  });

  await t.test('is given up while it rings', async () => {
    const giveUp = new AbortController();
    await call(
      [
        called(),
        reply(180),
        receive('CANCEL'),
        reply(200),
        reply(487, { cseq: 'CSeq: 1 INVITE' }),
        receive('ACK'),
      ],
      (outcome) => assert.equal(!outcome.answered && outcome.status, 487),
      { signal: giveUp.signal, onProgress: () => giveUp.abort() },
    );
  });

  await t.test('is referred to somebody else', () => {
    const heard: number[] = [];
    return call(
      [
        called(),
        reply(200, { sdp: true }),
        receive('ACK'),
        receive('REFER'),
        replyWithin(202),
        notify(1, 'SIP/2.0 100 Trying', 'active;expires=60'),
        notify(2, 'SIP/2.0 200 OK', 'terminated;reason=noresource'),
        hungUp,
      ],
      async (outcome) => {
        assert.ok(outcome.answered);
        const referred = await outcome.dialog.refer({
          referTo: 'sip:third@127.0.0.1',
          onProgress: (status) => void heard.push(status),
        });
        assert.deepEqual(referred, { accepted: true, status: 200, reason: 'OK' });
        assert.deepEqual(heard, [100]);
        await talking(outcome);
      },
    );
  });
});
