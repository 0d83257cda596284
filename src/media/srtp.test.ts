import assert from 'node:assert/strict';
import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeRtpHeader } from '../wire/rtp.ts';
import { guessIndex } from '../wire/srtp.ts';
import { SrtpReceiver, SrtpSender } from './srtp.ts';
import { Authentication, CounterMode, derive, MOST_SRTP_BYTES } from './srtp-keys.ts';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** RFC 3711 appendix B.3. */
const MASTER = {
  key: hex('E1F97A0D3E018BE0D64FA32C06DE4139'),
  salt: hex('0EC675AD498AFEEBB6960B3AABE6'),
};

test('keys are derived as in RFC 3711 B.3', () => {
  const derived = (label: number, length: number) => Buffer.from(derive(MASTER, label, length));
  assert.deepEqual(derived(0, 16), hex('C61E7A93744F39EE10734AFE3FF7A087'));
  assert.deepEqual(derived(2, 14), hex('30CBBC08863D8C85D49DB34A9AE1'));
  assert.deepEqual(derived(1, 20), hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'));
});

test('the key stream is that of RFC 3711 B.2', () => {
  const cipher = new CounterMode(
    hex('2B7E151628AED2A6ABF7158809CF4F3C'),
    hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'),
  );
  const stream = Buffer.alloc(48);
  cipher.apply(stream, 0, 48, 0, 0);
  assert.deepEqual(
    stream,
    hex(`E03EAD0935C95E80E166B16DD92B4EB4
         D23513162B02D0F72A43A2FE4A5F97AB
         41E95B3BB0A2E8DD477901E4FCA894C0`),
  );
});

test('tags are those of HMAC-SHA1, and the key stream that of AES in counter mode, at every length', () => {
  const key = randomBytes(20);
  const bytes = randomBytes(300);
  const authentication = new Authentication(key);
  const salt = randomBytes(14);
  const cipher = new CounterMode(key.subarray(0, 16), salt);
  const start = Buffer.concat([salt, Buffer.alloc(2)]);
  for (let length = 0; length <= bytes.length; length++) {
    const tag = createHmac('sha1', key).update(bytes.subarray(0, length)).digest();
    assert.deepEqual(Buffer.from(authentication.tag(bytes, 0, length)), tag);
    const ours = Buffer.from(bytes.subarray(0, length));
    cipher.apply(ours, 0, length, 0, 0);
    const theirs = createCipheriv('aes-128-ctr', key.subarray(0, 16), start);
    assert.deepEqual(ours, theirs.update(bytes.subarray(0, length)));
  }
});

const PLAIN_RTP = hex('800f1234 decafbad cafebabe abababab abababab abababab abababab');
const PROTECTED_RTP = hex(`800f1234 decafbad cafebabe
  4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb`);
const PLAIN_RTCP = hex('81c8000b cafebabe abababab abababab abababab abababab');
const PROTECTED_RTCP = hex(`81c8000b cafebabe
  7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798`);

test("a packet of libsrtp's tests is made and read alike", () => {
  const out = new Uint8Array(MOST_SRTP_BYTES);
  const length = new SrtpSender(MASTER).rtp(PLAIN_RTP, out);
  assert.deepEqual(Buffer.from(out.subarray(0, length)), PROTECTED_RTP);
  const bytes = Buffer.from(PROTECTED_RTP);
  const end = new SrtpReceiver(MASTER).rtp(bytes, 0, bytes.length);
  assert.deepEqual(bytes.subarray(0, end), PLAIN_RTP);
});

test("so is a report of libsrtp's tests", () => {
  const sender = new SrtpSender(MASTER);
  const out = new Uint8Array(MOST_SRTP_BYTES);
  sender.rtcp(PLAIN_RTCP, out);
  // The vector has the index 1.
  const length = sender.rtcp(PLAIN_RTCP, out);
  assert.deepEqual(Buffer.from(out.subarray(0, length)), PROTECTED_RTCP);
  const bytes = Buffer.from(PROTECTED_RTCP);
  const receiver = new SrtpReceiver(MASTER);
  assert.deepEqual(bytes.subarray(0, receiver.rtcp(bytes, 0, bytes.length)), PLAIN_RTCP);
  assert.equal(receiver.rtcp(Buffer.from(PROTECTED_RTCP), 0, bytes.length), -1, 'a second time');
});

/** Sends packets with these sequence numbers, and gives each as it is on the wire. */
function sent(sequences: readonly number[]): Buffer[] {
  const sender = new SrtpSender(MASTER);
  const out = new Uint8Array(MOST_SRTP_BYTES);
  return sequences.map((sequence) => {
    const packet = Buffer.alloc(12 + 160, sequence & 255);
    writeRtpHeader(packet, 0, false, sequence & 0xffff, sequence * 160, 7);
    return Buffer.from(out.subarray(0, sender.rtp(packet, out)));
  });
}

const heard = (receiver: SrtpReceiver, packet: Uint8Array) => {
  const bytes = Uint8Array.from(packet);
  const end = receiver.rtp(bytes, 0, bytes.length);
  return end < 0 ? undefined : bytes[end - 1];
};

test('packets are read across a wrap of their sequence numbers, and across two', () => {
  const sequences = Array.from({ length: 140 }, (_, at) => 0xfff0 + at * 1000);
  const receiver = new SrtpReceiver(MASTER);
  for (const [at, packet] of sent(sequences).entries())
    assert.equal(heard(receiver, packet), sequences[at]! & 255, `packet ${at}`);
});

test('what comes late but within the window is read once, what comes twice or too late never', () => {
  const packets = sent(Array.from({ length: 300 }, (_, at) => at));
  const receiver = new SrtpReceiver(MASTER);
  const take = (at: number) => heard(receiver, packets[at]!) !== undefined;
  assert.deepEqual([10, 200, 200, 199, 199, 73, 73, 72, 10].map(take), [
    ...[true, true, false, true, false, true, false, false, false],
  ]);
  assert.deepEqual([201, 73, 74, 200, 299].map(take), [true, false, true, false, true]);
});

test('a packet that was changed anywhere, or cut, is refused and leaves no trace', () => {
  const [packet = Buffer.alloc(0)] = sent([5]);
  const receiver = new SrtpReceiver(MASTER);
  for (let at = 0; at < packet.length; at++) {
    const changed = Buffer.from(packet);
    changed[at]! ^= 4;
    assert.equal(heard(receiver, changed), undefined, `byte ${at}`);
    assert.equal(heard(receiver, packet.subarray(0, at)), undefined, `${at} bytes`);
  }
  assert.equal(heard(receiver, packet), 5);
});

test('an early loss before the first wrap is no wrap', () => {
  assert.equal(guessIndex(3, 0xfffe), -2);
  assert.equal(guessIndex(0xfffe, 3), 0x10003);
  assert.equal(guessIndex(0x1fffe, 0xfff0), 0x1fff0);
  assert.equal(guessIndex(0x10003, 0xfff0), 0xfff0);
});

test('whatever is lost, late, repeated or forged: each packet is read once at the most, and each new one within the window is', () => {
  const COUNT = 400;
  const arrivals = fc.array(
    fc.record({ ahead: fc.integer({ min: -200, max: 40 }), changed: fc.option(fc.nat(), { freq: 6 }) }),
    { minLength: 50, maxLength: 300 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 65_200, max: 65_500 }), fc.boolean(), arrivals, (first, reports, some) => {
      const [sender, receiver] = [new SrtpSender(MASTER), new SrtpReceiver(MASTER)];
      const plain = Array.from({ length: COUNT }, (_, index) => {
        const packet = Buffer.concat([reports ? hex('81c80006') : Buffer.alloc(12), randomBytes(20)]);
        if (!reports) writeRtpHeader(packet, 0, false, (first + index) & 0xffff, 0, 7);
        else packet.writeUInt32BE(7, 4);
        return packet;
      });
      const out = new Uint8Array(MOST_SRTP_BYTES);
      const made = plain.map((packet) =>
        Buffer.from(out.subarray(0, reports ? sender.rtcp(packet, out) : sender.rtp(packet, out))),
      );
      const read = new Set<number>();
      let highest = -1;
      for (const { ahead, changed } of some) {
        const index = Math.max(0, Math.min(COUNT - 1, highest + ahead));
        // The first one that comes tells where the count begins.
        if (highest < 0 && index > 30) continue;
        const packet = Buffer.from(made[index]!);
        if (changed !== null) packet[changed % packet.length]! ^= 1 << (changed % 8);
        const end = reports
          ? receiver.rtcp(packet, 0, packet.length)
          : receiver.rtp(packet, 0, packet.length);
        const isNew = changed === null && index > highest - 128 && !read.has(index);
        assert.equal(end > 0, isNew);
        if (!isNew) continue;
        assert.deepEqual(packet.subarray(0, end), plain[index]);
        read.add(index);
        highest = Math.max(highest, index);
      }
    }),
    { numRuns: 60 },
  );
});

test('sources beyond sixteen are refused, and those that are known go on', () => {
  for (const kind of ['rtp', 'rtcp'] as const) {
    const [sender, receiver] = [new SrtpSender(MASTER), new SrtpReceiver(MASTER)];
    const hears = (ssrc: number, sequence: number) => {
      const packet = kind === 'rtp' ? Buffer.alloc(20) : hex('81c80001 00000000');
      if (kind === 'rtp') writeRtpHeader(packet, 0, false, sequence, 0, ssrc);
      else packet.writeUInt32BE(ssrc, 4);
      const out = new Uint8Array(MOST_SRTP_BYTES);
      return receiver[kind](out, 0, sender[kind](packet, out)) > 0;
    };
    for (let ssrc = 0; ssrc < 40; ssrc++) assert.equal(hears(ssrc, ssrc), ssrc < 16);
    assert.equal(hears(3, 50), true);
  }
});
