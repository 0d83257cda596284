import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bindingRequest } from '../../test/support/browser-peer.ts';
import { DtlsClient } from '../../test/support/dtls-client.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { createDtlsIdentity } from './dtls-identity.ts';
import { SecureTransport } from './secure-transport.ts';
import { SrtpSender } from './srtp.ts';
import { MOST_SRTP_BYTES } from './srtp-keys.ts';

const [ADDRESS, PORT] = ['192.0.2.7', 5000] as const;

/** A transport whose far end has shaken hands. */
function secured() {
  const client = new DtlsClient();
  const transport = new SecureTransport({
    identity: createDtlsIdentity(Date.parse('2026-01-01')),
    clock: new VirtualClock(),
    log: silentLog,
    sendsAtOnce: true,
    send: (bytes) => client.hear(bytes),
    onSelected() {},
  });
  const open = (bytes: Uint8Array) => transport.open(bytes, 0, bytes.length, ADDRESS, PORT);
  const ice = { ufrag: 'ours', password: 'secret' };
  transport.connect({ ice, remoteUfrag: 'theirs', remoteFingerprint: client.identity.fingerprint });
  open(bindingRequest({ username: 'ours:theirs', password: ice.password }));
  for (const datagram of client.hello()) open(datagram);
  open(client.answer());
  assert.equal(transport.isReady, true);
  return { client, transport, open };
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
