import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { systemClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { emptyRtpPacket, readRtp } from '../wire/rtp.ts';
import { emptyTelephoneEvent, readTelephoneEvent } from '../wire/telephone-event.ts';
import { openDecoder, type WideCodec } from './codecs.ts';
import type { Key } from './line.ts';
import { RING_SAMPLES } from './line-memory.ts';
import { loadOpus } from './opus-codec.ts';
import { createPlayer, PACKET_BYTES } from './player.ts';
import { openRtpLine, type RtpLine } from './rtp-line.ts';
import type { AudioParameters } from './session-description.ts';

before(() => loadOpus());

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** 16 kHz: a chord of which one note is above what G.711 carries. */
const chord = Int16Array.from(
  { length: 16_000 },
  (_, i) =>
    5000 * Math.sin((2 * Math.PI * 500 * i) / 16_000) + 3000 * Math.sin((2 * Math.PI * 5000 * i) / 16_000),
);
const narrow = Int16Array.from({ length: 8000 }, (_, i) => 5000 * Math.sin((2 * Math.PI * 500 * i) / 8000));

/** How much of a note is in samples at 16 kHz: its amplitude. */
function note(hertz: number, samples: ArrayLike<number>): number {
  let sin = 0;
  let cos = 0;
  for (let i = 0; i < samples.length; i++) {
    sin += samples[i]! * Math.sin((2 * Math.PI * hertz * i) / 16_000);
    cos += samples[i]! * Math.cos((2 * Math.PI * hertz * i) / 16_000);
  }
  return (2 * Math.hypot(sin, cos)) / samples.length;
}

const TYPES = { G722: 9, opus: 111 } as const;

function towards(port: number, codec: WideCodec, packetTimeMs = 20): AudioParameters {
  return {
    remote: { address: '127.0.0.1', port, rtcpPort: port + 1 },
    codec,
    sendPayloadType: TYPES[codec],
    receive: { [TYPES[codec]]: codec, 110: codec === 'opus' ? 'telephone-event/48000' : 'telephone-event' },
    sendEventPayloadType: 110,
    sendEventClock: codec === 'opus' ? 48_000 : 8000,
    packetTimeMs,
    direction: 'sendrecv',
  };
}

async function pair(codec: WideCodec): Promise<[RtpLine, RtpLine]> {
  const open = () =>
    openRtpLine({
      address: '127.0.0.1',
      ports: { min: 34_000, max: 38_000 },
      clock: systemClock,
      log: silentLog,
    });
  const lines: [RtpLine, RtpLine] = [await open(), await open()];
  lines[0].connect(towards(lines[1].port, codec));
  lines[1].connect(towards(lines[0].port, codec));
  return lines;
}

for (const codec of ['G722', 'opus'] as const) {
  test(`${codec}: what one line plays another hears at 16 kHz, keys too`, async (t) => {
    const [phone, line] = await pair(codec);
    t.after(() => Promise.all([phone.close(), line.close()]));
    await settled();
    const over = AbortSignal.timeout(20_000);
    const wide: number[] = [];
    const { samples, rate } = line.ring(1);
    assert.equal(rate, 16_000);
    const heard = line.listen<Key>(
      {
        hear: ({ position, tone }) => {
          const at = 2 * (position % RING_SAMPLES);
          for (let i = 0; i < 320; i++) wide.push(samples[at + i]!);
          return tone;
        },
      },
      { signal: over },
    );
    await phone.play(narrow, { wide: chord, signal: over });
    await phone.sendKeys(['7'], { signal: over });
    assert.equal(await heard, '7');
    const begin = wide.findIndex((one) => Math.abs(one) > 2000);
    const middle = wide.slice(begin + 3200, begin + 12_800);
    assert.ok(note(500, middle) > 4000, `${note(500, middle)}`);
    assert.ok(note(5000, middle) > 1500, `${note(5000, middle)}`);
    assert.equal(line.counts.invalid, 0);
  });

  test(`${codec}: packets are as long as agreed, and timestamps count in the codec's clock`, async () => {
    for (const packetTimeMs of [10, 20, 40, 60]) {
      const sent: { timestamp: number; payloadType: number; payload: Uint8Array; marker: boolean }[] = [];
      const player = createPlayer({
        ssrc: 1,
        sequence: 5,
        timestamp: 0xffffff00,
        silence: 'keepalive',
        buffers: [new Uint8Array(PACKET_BYTES)],
        transmit(bytes) {
          const packet = emptyRtpPacket();
          assert.equal(readRtp(bytes, packet), undefined);
          sent.push({
            ...packet,
            payload: Uint8Array.from(bytes.subarray(packet.payloadStart, packet.payloadEnd)),
          });
        },
      });
      player.change({
        codec,
        payloadType: TYPES[codec],
        eventPayloadType: 101,
        eventClock: codec === 'opus' ? 48_000 : 8000,
        packetTimeMs,
      });
      await settled();
      const playing = player.play({ narrow, wide: undefined }, new AbortController().signal);
      let now = 0;
      for (; now < 960; now += packetTimeMs) player.send(now);
      const ticks = packetTimeMs * (codec === 'opus' ? 48 : 8);
      assert.equal(sent.length, 960 / packetTimeMs);
      for (const [n, { timestamp, payloadType }] of sent.entries())
        assert.deepEqual([timestamp, payloadType], [(0xffffff00 + n * ticks) >>> 0, TYPES[codec]]);
      const decoder = openDecoder(codec);
      await settled();
      const out = new Int16Array(16_000);
      for (const [n, { payload }] of sent.entries())
        assert.equal(
          decoder.decode(payload, 0, payload.length, out, n * packetTimeMs * 16),
          packetTimeMs * 16,
        );
      decoder.close();
      // What has no wide version is brought to 16 kHz.
      assert.ok(note(500, out.subarray(3200, 12_800)) > 4000);
      for (; now < 1200; now += packetTimeMs) player.send(now);
      await playing;
      sent.length = 0;
      const pressing = player.keys(['#'], 100, 20, new AbortController().signal);
      for (; now < 1600; now += packetTimeMs) player.send(now);
      await pressing;
      const event = emptyTelephoneEvent();
      const events = sent.filter(({ payloadType }) => payloadType === 101);
      assert.equal(new Set(events.map(({ timestamp }) => timestamp)).size, 1);
      const { payload } = events.at(-1)!;
      assert.ok(readTelephoneEvent(payload, 0, payload.length, event) && event.end && event.event === 11);
      assert.equal(event.duration, 100 * (codec === 'opus' ? 48 : 8));
      player.stop();
    }
  });
}
