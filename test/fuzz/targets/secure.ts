/**
 * What lies between a line for browsers and its socket. An input is steps of a far end, one after the other:
 *
 *   step (1 byte) | what it is changed by (1 byte; 0: nothing) | where (2 bytes)
 *
 * or, of the steps OTHER and STRANGER, any datagram, from the far end's address or another: step | length (2 bytes) | bytes.
 */
import assert from 'node:assert/strict';
import { createDtlsIdentity } from '../../../src/media/dtls-identity.ts';
import { SecureTransport } from '../../../src/media/secure-transport.ts';
import { SrtpSender } from '../../../src/media/srtp.ts';
import { MOST_SRTP_BYTES } from '../../../src/media/srtp-keys.ts';
import { writeRtpHeader } from '../../../src/wire/rtp.ts';
import { bindingRequest } from '../../support/browser-peer.ts';
import { DtlsClient } from '../../support/dtls-client.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { mutated } from '../mutations.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';
import { rtcpPacket, rtpPacket } from './media-packets.ts';

const [OTHER, STRANGER, CHECK, HELLO, ANSWER, AGAIN, RTP, RTCP, WAIT] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
/** A call that goes well. */
const USUAL: readonly number[] = [CHECK, HELLO, ANSWER, RTP, RTP, RTCP, AGAIN, RTP];

const [FAR, FAR_PORT] = ['192.0.2.7', 5000] as const;
const ICE = { ufrag: 'ours', password: 'a password that nobody guesses' };
const NOW = Date.parse('2026-01-01');
const [ours, theirs] = [createDtlsIdentity(NOW), createDtlsIdentity(NOW)];

export const secure: Target = {
  name: 'secure',
  about:
    'ICE, DTLS and SRTP of a line: no throw, no word to strangers, and of what comes only what was sent is believed, once',
  patienceMs: 500,
  make(random) {
    const steps = [...USUAL];
    for (let left = random.length(20); left > 0; left--)
      steps.splice(random.int(steps.length + 1), random.int(2), random.int(WAIT + 1));
    return Buffer.concat(
      steps.map((step) => {
        if (step !== OTHER && step !== STRANGER) {
          const by = random.oneIn(8) ? random.int(256) : 0;
          return Buffer.from([step, by, random.int(4), random.int(256)]);
        }
        const bytes = someDatagram(random);
        return Buffer.concat([Buffer.from([step, bytes.length >> 8, bytes.length & 255]), bytes]);
      }),
    );
  },
  async check(input) {
    const client = new DtlsClient({ identity: theirs });
    const clock = new VirtualClock();
    let sender: SrtpSender | undefined;
    let sent = 0;
    const transport = new SecureTransport({
      identity: ours,
      clock,
      sendsAtOnce: true,
      send(bytes, port, address) {
        assert.deepEqual([address, port], [FAR, FAR_PORT], 'a stranger is spoken to');
        client.hear(bytes);
      },
      onSelected: (address) => assert.equal(address, FAR),
      onLost() {},
    });
    const fingerprint = theirs.fingerprint;
    transport.connect({ ice: ICE, remoteUfrag: 'theirs', remoteFingerprint: fingerprint });
    const open = (bytes: Uint8Array, address: string = FAR) =>
      transport.open(bytes, 0, bytes.length, address, FAR_PORT);
    let hello: Buffer | undefined;
    let answer: Buffer | undefined;
    const made = (step: number): Buffer | undefined => {
      if (step === CHECK) return bindingRequest({ username: 'ours:theirs', password: ICE.password });
      if (step === HELLO) return Buffer.from((hello ??= client.hello()[0]!));
      if (step === ANSWER || step === AGAIN) {
        if (!client.answered) return undefined;
        return step === AGAIN && answer !== undefined
          ? client.again()
          : Buffer.from((answer ??= client.answer()));
      }
      if (!client.finished) return undefined;
      sender ??= new SrtpSender(client.keys.client);
      const out = new Uint8Array(MOST_SRTP_BYTES);
      const packet = Buffer.alloc(40, 7);
      if (step === RTCP) packet.set([0x81, 201, 0, 7, 0, 0, 0, 9]);
      else writeRtpHeader(packet, 0, false, sent++, 0, 9);
      return Buffer.from(out.subarray(0, step === RTCP ? sender.rtcp(packet, out) : sender.rtp(packet, out)));
    };
    for (let at = 0; at < input.length; ) {
      const step = input[at]! % (WAIT + 1);
      if (step === OTHER || step === STRANGER) {
        const length = ((input[at + 1] ?? 0) << 8) | (input[at + 2] ?? 0);
        const bytes = Buffer.from(input.subarray(at + 3, at + 3 + length));
        assert.equal(open(bytes, step === STRANGER ? '198.51.100.9' : FAR), 'nothing');
        at += 3 + length;
        continue;
      }
      const by = input[at + 1] ?? 0;
      const where = ((input[at + 2] ?? 0) << 8) | (input[at + 3] ?? 0);
      at += 4;
      if (step === WAIT) await clock.advance(where);
      const datagram = step === WAIT ? undefined : made(step);
      if (datagram === undefined) continue;
      datagram[where % datagram.length]! ^= by;
      const opened = open(datagram);
      const isMedia = step === RTP || step === RTCP;
      assert.equal(opened, isMedia && by === 0 ? (step === RTP ? 'rtp' : 'rtcp') : 'nothing');
      if (isMedia) assert.equal(open(datagram), 'nothing', 'a packet is believed twice');
    }
    transport.close();
    assert.equal(clock.timers, 0);
  },
};

function someDatagram(random: Random): Buffer {
  const client = new DtlsClient({ identity: theirs });
  const whole = random.pick([
    () => bindingRequest({ username: 'ours:theirs', password: 'a guess', useCandidate: true }),
    () => bindingRequest({ username: '', password: '' }),
    () => client.hello()[0]!,
    () => client.record(random.pick([20, 21, 22, 23]), 0, random.bytes(random.length(60))),
    () => rtpPacket(random),
    () => rtcpPacket(random),
    () => random.bytes(random.length(300)),
  ])();
  return random.oneIn(2) ? mutated(whole, random, [whole], 3).subarray(0, 2000) : whole;
}
