import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeG711 } from '../wire/g711.ts';
import { emptyRtpPacket, type RtpPacket, readRtp } from '../wire/rtp.ts';
import { emptyTelephoneEvent, readTelephoneEvent, type TelephoneEvent } from '../wire/telephone-event.ts';
import { Hearing } from './hearing.ts';
import type { Key } from './line.ts';
import { loadOpus } from './opus-codec.ts';
import { createPlayer, PACKET_BYTES, type Sending, type SendSilence } from './player.ts';

interface SentPacket extends RtpPacket {
  readonly at: number;
  readonly bytes: Uint8Array;
}

const sound = (narrow: Int16Array) => ({ narrow, wide: undefined });
const PCMU: Sending = { codec: 'PCMU', payloadType: 0, eventPayloadType: 101, packetTimeMs: 20 };
const never = new AbortController().signal;

function setUp(sending: Sending | undefined, silence: SendSilence = 'keepalive') {
  const sent: SentPacket[] = [];
  let now = 0;
  const player = createPlayer({
    ssrc: 7,
    sequence: 0xfffe,
    timestamp: 0xfffffff0,
    silence,
    buffers: [new Uint8Array(PACKET_BYTES)],
    transmit(bytes) {
      const packet = emptyRtpPacket();
      assert.equal(readRtp(bytes, packet), undefined);
      sent.push({ ...packet, at: now, bytes: Uint8Array.from(bytes) });
    },
  });
  player.change(sending);
  const tick = async (ms: number) => {
    for (const until = now + ms; now < until; ) {
      now += 20;
      player.send(now);
      for (let turns = 0; turns < 4; turns++) await Promise.resolve();
    }
  };
  return { player, sent, tick, skip: (ms: number) => void (now += ms) };
}

const ramp = (length: number) => Int16Array.from({ length }, (_, index) => (index % 400) * 80 - 16_000);
const payload = (packet: SentPacket) => packet.bytes.subarray(packet.payloadStart, packet.payloadEnd);

function heard(law: 'PCMU' | 'PCMA', packets: readonly SentPacket[]): Int16Array {
  const bytes = Buffer.concat(packets.map(payload));
  const samples = new Int16Array(bytes.length);
  decodeG711(law, bytes, 0, bytes.length, samples, 0);
  return samples;
}

function events(packets: readonly SentPacket[]): TelephoneEvent[] {
  return packets.map((packet) => {
    const event = emptyTelephoneEvent();
    assert.ok(readTelephoneEvent(packet.bytes, packet.payloadStart, packet.payloadEnd, event));
    return event;
  });
}

test('audio goes out in packets of the agreed time, in step with the clock, each sample once', async () => {
  for (const packetTimeMs of [10, 20, 30, 40, 60]) {
    for (const codec of ['PCMU', 'PCMA'] as const) {
      const { player, sent, tick } = setUp({
        ...PCMU,
        codec,
        payloadType: codec === 'PCMU' ? 0 : 8,
        packetTimeMs,
      });
      await tick(1000);
      sent.length = 0;
      const audio = ramp(8000);
      const played = player.play(sound(audio), never);
      await tick(2000);
      assert.equal(await played, true);
      const talk = sent.slice(0, Math.ceil(1000 / packetTimeMs));
      assert.ok(talk.every((packet) => payload(packet).length === packetTimeMs * 8));
      assert.deepEqual(
        talk.map((packet) => packet.marker),
        talk.map((_, index) => index === 0),
      );
      for (const [index, packet] of talk.entries()) {
        assert.ok(
          Math.abs(packet.at - talk[0]!.at - index * packetTimeMs) <= 20,
          `packet ${index} at ${packet.at}`,
        );
        assert.equal((packet.timestamp - talk[0]!.timestamp) >>> 0, index * packetTimeMs * 8);
        assert.equal((packet.sequence - talk[0]!.sequence) & 0xffff, index);
      }
      const samples = heard(codec, talk);
      for (const [index, sample] of audio.entries()) {
        assert.ok(Math.abs(samples[index]! - sample) <= 600, `sample ${index}`);
      }
      for (const sample of samples.subarray(8000)) assert.ok(Math.abs(sample) <= 8);
    }
  }
});

test('two pieces played one after the other leave without a gap between them', async () => {
  const { player, sent, tick } = setUp(PCMU);
  await tick(200);
  sent.length = 0;
  const played = (async () => {
    await player.play(sound(ramp(800)), never);
    await player.play(sound(ramp(800)), never);
  })();
  await tick(220);
  await played;
  assert.deepEqual(
    sent.map((packet) => packet.marker),
    [true, ...Array(9).fill(false)],
  );
  assert.equal((sent[9]!.timestamp - sent[0]!.timestamp) >>> 0, 9 * 160);
});

test('playing stops within a tick of the abort', async () => {
  const { player, sent, tick } = setUp(PCMU);
  await tick(200);
  sent.length = 0;
  const abort = new AbortController();
  const played = player.play(sound(ramp(8000)), abort.signal);
  await tick(100);
  abort.abort();
  assert.equal(await played, false);
  await tick(500);
  assert.equal(sent.length, 5);
});

test('at first a short burst of silence, then a packet a second; after a pause the timestamp has counted on and the marker is set', async () => {
  const { player, sent, tick } = setUp(PCMU);
  await tick(10_000);
  assert.ok(sent.every((packet) => heard('PCMU', [packet]).every((sample) => sample === 0)));
  assert.ok(sent.length >= 5 + 8 && sent.length <= 5 + 10, `${sent.length} packets`);
  await tick(400);
  const last = sent.at(-1)!;
  const played = player.play(sound(ramp(160)), never);
  await tick(20);
  await played;
  const next = sent.at(-1)!;
  assert.equal(next.marker, true);
  assert.equal((next.sequence - last.sequence) & 0xffff, 1);
  assert.equal((next.timestamp - last.timestamp) >>> 0, (next.at - last.at) * 8);
});

test('what an encoder that looks ahead still has of a piece leaves with the next packet, not a second later', async () => {
  await loadOpus();
  const { player, sent, tick } = setUp({
    codec: 'opus',
    payloadType: 111,
    eventPayloadType: 101,
    packetTimeMs: 20,
  });
  await tick(3000);
  const done = player.play(sound(ramp(800)), never);
  const before = sent.length;
  while (sent.length < before + 5) await tick(20);
  assert.ok(await done);
  const last = sent.at(-1)!;
  await tick(400);
  assert.deepEqual(
    sent.slice(before + 5).map(({ at }) => at - last.at),
    [20],
  );
});

test('silence can be sent always: no packet is missing and no marker comes but the first', async () => {
  const { player, sent, tick } = setUp(PCMU, 'always');
  await tick(500);
  const played = player.play(sound(ramp(1600)), never);
  await tick(500);
  await played;
  assert.equal(sent.length, 50);
  assert.deepEqual(
    sent.map((packet) => packet.marker),
    [true, ...Array(49).fill(false)],
  );
});

test('on hold nothing is sent and what plays goes by in its time', async () => {
  const { player, sent, tick } = setUp(undefined);
  const played = player.play(sound(ramp(1600)), never);
  await tick(180);
  assert.equal(await Promise.race([played, Promise.resolve('playing')]), 'playing');
  await tick(20);
  assert.equal(await played, true);
  assert.equal(sent.length, 0);
});

test('a process that was held up for long goes on where the clock is, with the marker', async () => {
  const { player, sent, tick, skip } = setUp(PCMU);
  await tick(200);
  const played = player.play(sound(ramp(8000)), never);
  await tick(100);
  const last = sent.at(-1)!;
  const before = sent.length;
  skip(5000);
  await tick(20);
  assert.ok(sent.length - before <= 2);
  assert.equal(sent[before]!.marker, true);
  assert.ok(Math.abs(((sent.at(-1)!.timestamp - last.timestamp) >>> 0) - 5020 * 8) <= 160);
  await tick(2000);
  assert.equal(await played, true);
});

test('a key is an event whose duration grows, with the marker first and its end three times', async () => {
  const { player, sent, tick } = setUp(PCMU);
  await tick(200);
  sent.length = 0;
  const pressed = player.keys(['#'], 100, 80, never);
  await tick(180);
  assert.equal(await pressed, true);
  assert.deepEqual(
    sent.map((packet) => [packet.payloadType, packet.marker]),
    sent.map((_, index) => [101, index === 0]),
  );
  assert.equal(new Set(sent.map((packet) => packet.timestamp)).size, 1);
  assert.deepEqual(
    events(sent).map(({ event, end, duration }) => [event, end, duration]),
    [
      [11, false, 160],
      [11, false, 320],
      [11, false, 480],
      [11, false, 640],
      [11, true, 800],
      [11, true, 800],
      [11, true, 800],
    ],
  );
});

test('what is pressed is heard, at every packet time, in order, each key once', async () => {
  const keys: Key[] = ['1', '1', '5', '*', '#', 'D', '0', '0'];
  for (const packetTimeMs of [10, 20, 30, 40, 60]) {
    const { player, sent, tick } = setUp({ ...PCMU, packetTimeMs });
    const told: Key[] = [];
    const hearing = new Hearing({ hear: (frame) => frame.tone !== undefined && told.push(frame.tone) });
    hearing.open(0);
    const pressed = player.keys(keys, 100, 80, never);
    await tick(4000);
    assert.equal(await pressed, true);
    for (const packet of sent) {
      if (packet.payloadType === 101) hearing.event(packet.bytes, packet, packet.at);
      else hearing.audio('PCMU', packet.bytes, packet, packet.at);
    }
    hearing.fill(8000);
    assert.deepEqual(told, keys);
  }
});

test('keys that the far end cannot take are refused with the reason', async () => {
  const { player } = setUp({ ...PCMU, eventPayloadType: undefined });
  await assert.rejects(player.keys(['1'], 100, 80, never), { code: 'noTelephoneEvents' });
});

test('a second piece while one plays is refused; a failure ends the first', async () => {
  const { player, tick } = setUp(PCMU);
  const first = player.play(sound(ramp(8000)), never);
  await assert.rejects(player.play(sound(ramp(160)), never), { code: 'lineBusy' });
  await tick(40);
  player.fail(new Error('the network is gone'));
  await assert.rejects(first, /the network is gone/);
  const second = player.play(sound(ramp(160)), never);
  await tick(40);
  assert.equal(await second, true);
});
