import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { emptyRtpPacket, readRtp } from '../../src/wire/rtp.ts';
import { RtpSender } from './rtp-sender.ts';

test('a stream is one packet after the other, the speech over and over', { timeout: 10_000 }, async (t) => {
  const sink = createSocket('udp4').bind(0, '127.0.0.1');
  await once(sink, 'listening');
  const speech = Uint8Array.from({ length: 400 }, (_, i) => i & 0xff);
  const sender = new RtpSender(speech);
  t.after(() => {
    sender.close();
    sink.close();
  });
  const received: { sequence: number; timestamp: number; ssrc: number; first: number; from: number }[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  sink.on('message', (bytes, from) => {
    const packet = emptyRtpPacket();
    assert.equal(readRtp(bytes, packet), undefined);
    assert.deepEqual([packet.payloadType, bytes.length], [0, 172]);
    const { sequence, timestamp, ssrc } = packet;
    received.push({ sequence, timestamp, ssrc, first: bytes[12]!, from: from.port });
    if (received.length === 10) resolve();
  });
  const stream = await sender.open();
  stream.start({ address: '127.0.0.1', port: sink.address().port });
  await enough;
  received.slice(1).forEach((packet, i) => {
    const before = received[i]!;
    assert.equal(packet.sequence, (before.sequence + 1) & 0xffff);
    assert.equal(packet.timestamp, (before.timestamp + 160) >>> 0);
    assert.equal(packet.ssrc, before.ssrc);
    assert.equal(packet.from, stream.port);
    assert.equal(packet.first, before.first === 0 ? 160 : 0, 'two whole packets of speech take turns');
  });
  assert.ok(sender.measure().packets >= 10);
  assert.ok(sender.measure().packets < 10, 'measuring starts again');
});
