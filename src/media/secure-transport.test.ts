import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bindingRequest } from '../../test/support/browser-peer.ts';
import { DtlsClient } from '../../test/support/dtls-client.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { createDtlsIdentity } from './dtls-identity.ts';
import { type SecureLoss, SecureTransport } from './secure-transport.ts';
import { SrtpSender } from './srtp.ts';
import { MOST_SRTP_BYTES } from './srtp-keys.ts';

const [ADDRESS, PORT] = ['192.0.2.7', 5000] as const;

/** A transport whose far end is yet to be heard. */
function connected() {
  const client = new DtlsClient();
  const clock = new VirtualClock();
  const losses: SecureLoss[] = [];
  const transport = new SecureTransport({
    identity: createDtlsIdentity(Date.parse('2026-01-01')),
    clock,
    sendsAtOnce: true,
    send: (bytes) => client.hear(bytes),
    onSelected() {},
    onLost: (loss) => losses.push(loss),
  });
  const open = (bytes: Uint8Array) => transport.open(bytes, 0, bytes.length, ADDRESS, PORT);
  const ice = { ufrag: 'ours', password: 'secret' };
  const connect = (remoteFingerprint = client.identity.fingerprint) =>
    transport.connect({ ice, remoteUfrag: 'theirs', remoteFingerprint });
  connect();
  const check = () => open(bindingRequest({ username: 'ours:theirs', password: ice.password }));
  const hello = () => {
    for (const datagram of client.hello()) open(datagram);
  };
  const by = () => losses.map((loss) => loss.by).join(' ');
  return { client, transport, open, connect, check, hello, clock, losses, by };
}

/** … whose far end has shaken hands. */
function secured() {
  const stage = connected();
  stage.check();
  stage.hello();
  stage.open(stage.client.answer());
  assert.equal(stage.transport.isReady, true);
  return stage;
}

const REPORT = Buffer.from('80c90001cafebabe', 'hex');

test('RTCP is told from RTP on the one port, and each comes out as it was', () => {
  const { client, transport, open } = secured();
  const sender = new SrtpSender(client.keys.client);
  const out = new Uint8Array(MOST_SRTP_BYTES);
  assert.equal(open(out.subarray(0, sender.rtcp(REPORT, out))), 'rtcp');
  assert.deepEqual(Buffer.from(out.subarray(0, transport.end)), REPORT);
  const packet = Buffer.from('806f000100000001cafebabeabcd', 'hex');
  assert.equal(open(out.subarray(0, sender.rtp(packet, out))), 'rtp');
  assert.deepEqual(Buffer.from(out.subarray(0, transport.end)), packet);
});

test('whatever comes, nothing throws and nothing is believed', () => {
  const { transport, open } = secured();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.equal(open(bytes), 'nothing');
    }),
    { numRuns: 2000 },
  );
  transport.close();
});

test('a browser that never comes, or never ends its handshake, is lost after 20 s', async () => {
  const never = connected();
  await never.clock.advance(19_999);
  assert.equal(never.by(), '');
  await never.clock.advance(1);
  assert.equal(never.by(), 'failed');
  assert.match(never.losses[0]?.message ?? '', /did not finish ICE and DTLS within 20 s/);
  await never.transport.ready;

  const begun = connected();
  begun.check();
  begun.hello();
  await begun.clock.advance(60_000);
  assert.equal(begun.by(), 'failed');
  assert.equal(begun.clock.timers, 0);
});

test('a handshake that fails is told at once, with what was wrong', async () => {
  const { check, open, client, connect, losses } = connected();
  connect(createDtlsIdentity(Date.parse('2026-01-01')).fingerprint);
  check();
  for (const datagram of client.hello()) open(datagram);
  open(client.answer());
  assert.deepEqual(losses, [
    {
      by: 'failed',
      message: 'The DTLS handshake failed: the certificate has not the fingerprint of the SDP.',
    },
  ]);
});

test('a browser that closes its media has two seconds for its BYE', async () => {
  const { open, client, clock, by, transport } = secured();
  open(client.alert(1, 0));
  await clock.advance(1999);
  assert.equal(by(), '');
  await clock.advance(1);
  assert.equal(by(), 'closed');

  const hangingUp = secured();
  hangingUp.open(hangingUp.client.alert(1, 0));
  hangingUp.transport.close();
  await hangingUp.clock.advance(60_000);
  assert.equal(hangingUp.by(), '');
  transport.close();
});

test('one that closes it for another certificate goes on', async () => {
  const { open, client, clock, by, connect } = secured();
  open(client.alert(1, 0));
  await clock.advance(1000);
  connect(createDtlsIdentity(Date.parse('2026-01-01')).fingerprint);
  await clock.advance(15_000);
  assert.equal(by(), '');
});

test('a fatal alert loses the media at once', () => {
  const { open, client, losses } = secured();
  open(client.alert(2, 80));
  assert.deepEqual(losses, [{ by: 'failed', message: 'The far end ended DTLS with alert 80.' }]);
});

test('a browser of which nothing comes for 30 s is gone; its checks alone keep it, and so does its media', async () => {
  const { client, open, check, clock, by, transport } = secured();
  for (let round = 0; round < 5; round++) {
    await clock.advance(25_000);
    check();
  }
  const sender = new SrtpSender(client.keys.client);
  const out = new Uint8Array(MOST_SRTP_BYTES);
  for (let round = 0; round < 5; round++) {
    await clock.advance(25_000);
    assert.equal(open(out.subarray(0, sender.rtcp(REPORT, out))), 'rtcp');
  }
  // What anybody could send keeps nobody.
  for (let round = 0; round < 2; round++) {
    await clock.advance(14_000);
    open(bindingRequest({ username: 'ours:theirs', password: 'guessed' }));
    open(Buffer.from('806f000100000001cafebabeabcd', 'hex'));
    assert.equal(by(), '');
  }
  await clock.advance(12_000);
  assert.equal(by(), 'silent');
  assert.equal(clock.timers, 0);
  transport.close();
});
