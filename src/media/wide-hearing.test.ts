import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { encodeG711 } from '../wire/g711.ts';
import { emptyRtpPacket } from '../wire/rtp.ts';
import { writeTelephoneEvent } from '../wire/telephone-event.ts';
import { type Codec, openDecoder, openEncoder, type WideCodec } from './codecs.ts';
import { Hearing } from './hearing.ts';
import { FRAME_SAMPLES, type Frame } from './line.ts';
import { RING_SAMPLES } from './line-memory.ts';
import { loadOpus } from './opus-codec.ts';

const SECOND = 8000;

before(() => loadOpus());

/** A tone that glides and breathes, 16 kHz, some of it above what G.711 carries. */
function voice(seconds: number, seed = 1): Int16Array {
  return Int16Array.from({ length: 2 * seconds * SECOND }, (_, i) => {
    const t = i / 16_000;
    const sung =
      Math.sin(2 * Math.PI * (200 * seed * t + 100 * t * t)) + 0.3 * Math.sin(2 * Math.PI * 5500 * t);
    return Math.round(6000 * sung * (0.6 + 0.4 * Math.sin(2 * Math.PI * 3 * t)));
  });
}

interface Datagram {
  /** When it arrives, ms. */
  at: number;
  codec: Codec | 'key';
  sequence: number;
  /** Positions. */
  timestamp: number;
  bytes: Uint8Array;
}

async function packets(codec: WideCodec, samples: Int16Array, packetMs = 20): Promise<Datagram[]> {
  const encoder = openEncoder(codec);
  while (!encoder.ready) await new Promise((resolve) => setImmediate(resolve));
  const size = packetMs * 16;
  return Array.from({ length: samples.length / size }, (_, n) => {
    const bytes = new Uint8Array(500);
    const length = encoder.encode(samples, n * size, (n + 1) * size, bytes, 0);
    return {
      at: (n + 1) * packetMs,
      codec,
      sequence: 100 + n,
      timestamp: 5000 + (n * size) / 2,
      bytes: bytes.slice(0, length),
    };
  });
}

/** What a decoder makes of them in order; `undefined` is lost. */
async function decoded(
  codec: WideCodec,
  all: readonly (Datagram | undefined)[],
  packetMs = 20,
): Promise<Int16Array> {
  const decoder = openDecoder(codec);
  await new Promise((resolve) => setImmediate(resolve));
  const size = packetMs * 16;
  const out = new Int16Array(all.length * size);
  for (const [n, packet] of all.entries()) {
    const next = all[n + 1];
    if (packet !== undefined) decoder.decode(packet.bytes, 0, packet.bytes.length, out, n * size);
    else
      decoder.conceal(size / 2, out, n * size, next && { bytes: next.bytes, from: 0, to: next.bytes.length });
  }
  return out;
}

/** Everything that a line heard, at both rates, as frames settled. */
async function hear(
  script: readonly Datagram[],
  untilMs: number,
  prepare: (hearing: Hearing) => void = () => {},
) {
  const frames: Omit<Frame, 'samples'>[] = [];
  const narrow: number[] = [];
  const wide: number[] = [];
  const dual: number[] = [];
  const hearing: Hearing = new Hearing({
    hear: (frame) => {
      frames.push({ ...frame });
      for (let i = 0; i < FRAME_SAMPLES; i++) narrow.push(frame.samples[frame.at + i]!);
      const at = 2 * (frame.position % RING_SAMPLES);
      const ring = hearing.takeRing(1);
      if (ring !== undefined) for (let i = 0; i < 2 * FRAME_SAMPLES; i++) wide.push(ring.samples[at + i]!);
    },
  });
  hearing.widen(script.some(({ codec }) => codec === 'opus') ? 'opus' : 'G722');
  prepare(hearing);
  await new Promise((resolve) => setImmediate(resolve));
  hearing.open(0);
  const packet = emptyRtpPacket();
  const sorted = [...script].sort((a, b) => a.at - b.at);
  let heard = 0;
  for (let tick = 20; tick <= untilMs; tick += 20) {
    while (sorted.length > 0 && sorted[0]!.at <= tick) {
      const { codec, bytes, at, sequence, timestamp } = sorted.shift()!;
      Object.assign(packet, {
        ssrc: 7,
        marker: false,
        sequence,
        timestamp,
        payloadStart: 0,
        payloadEnd: bytes.length,
      });
      if (codec === 'key') hearing.event(bytes, packet, at, 6);
      else hearing.audio(codec, bytes, packet, at);
    }
    hearing.fill(tick);
    const both = hearing.takeRing(2);
    if (both !== undefined) {
      const width = both.rate / 4000;
      for (; heard < frames.length; heard++) {
        const at = width * (frames[heard]!.position % RING_SAMPLES);
        for (let i = 0; i < width * FRAME_SAMPLES; i++) dual.push(both.samples[at + i]!);
      }
    }
  }
  hearing.close();
  return {
    frames,
    narrow: Int16Array.from(narrow),
    wide: Int16Array.from(wide),
    dual: Int16Array.from(dual),
  };
}

/** `heard` is what `expected` begins with. Telling all differences of so much would take minutes. */
function assertSame(heard: Int16Array, expected: Int16Array, what = '') {
  const at = heard.findIndex((one, i) => one !== expected[i]);
  assert.ok(at < 0, `${what}: sample ${at} is ${heard[at]}, not ${expected[at]}`);
}

/** How alike two stretches are: 1 is the same. */
function alike(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

for (const codec of ['G722', 'opus'] as const) {
  test(`${codec}: what is recorded is to the sample what a decoder makes of the packets in order`, async () => {
    for (const packetMs of [10, 20, 40, 60]) {
      const sent = await packets(codec, voice(2.4), packetMs);
      const expected = await decoded(codec, sent, packetMs);
      assert.ok(
        alike(expected.subarray(400), voice(2.4).subarray(codec === 'opus' ? 400 - 104 : 400 - 22)) > 0.8,
      );
      const { wide, frames } = await hear(sent, 2400);
      assertSame(wide, expected, `${packetMs} ms`);
      assert.ok(wide.length >= expected.length - 1920);
      assert.equal(frames.filter(({ concealed }) => concealed).length, 0);
    }
  });

  test(`${codec}: swapped and doubled packets change nothing`, async () => {
    const sent = await packets(codec, voice(2));
    const expected = await decoded(codec, sent);
    const mixed = sent.flatMap((packet, n) => [
      { ...packet, at: packet.at + (n % 5 === 0 ? 45 : 0) },
      ...(n % 7 === 0 ? [{ ...packet, at: packet.at + 15 }] : []),
    ]);
    const { wide, frames } = await hear(mixed, 2000);
    assertSame(wide, expected);
    assert.equal(frames.filter(({ concealed }) => concealed).length, 0);
  });

  test(`${codec}: what is lost is stood in for by the decoder, and takes its time`, async () => {
    const sent: (Datagram | undefined)[] = await packets(codec, voice(2));
    for (const lost of [20, 40, 41, 70]) sent[lost] = undefined;
    const { wide, frames } = await hear(
      sent.filter((packet) => packet !== undefined),
      2000,
    );
    const expected = await decoded(codec, sent);
    assertSame(wide, expected);
    assert.deepEqual(
      frames.filter(({ concealed }) => concealed).map(({ position }) => position / FRAME_SAMPLES),
      [20, 40, 41, 70],
    );
  });

  test(`${codec}: what everything is decided by is the same audio at 8 kHz`, async () => {
    const { narrow, wide } = await hear(await packets(codec, voice(2)), 2000);
    assert.equal(wide.length, 2 * narrow.length);
    const halves = Int16Array.from(
      { length: narrow.length - 15 },
      (_, i) => (wide[2 * i]! + wide[2 * i + 1]!) / 2,
    );
    assert.ok(alike(narrow.subarray(15), halves) > 0.97);
  });

  test(`${codec}: a key is silence in the recording, whatever audio goes on under it`, async () => {
    const sent = await packets(codec, voice(2));
    const keys = Array.from({ length: 8 }, (_, n): Datagram => {
      const bytes = new Uint8Array(4);
      const event = { event: 5, end: n === 7, volume: 10, duration: 960 * (n + 1) };
      writeTelephoneEvent(bytes, 0, event);
      return { at: 1000 + 20 * n, codec: 'key', sequence: 1000 + n, timestamp: 5000 + 49 * 160, bytes };
    });
    const { frames, wide, narrow } = await hear([...sent, ...keys], 2000);
    const pressed = frames.filter(({ tone }) => tone !== undefined);
    assert.deepEqual(
      pressed.map(({ tone, toneOnset }) => [tone, toneOnset]),
      [['5', 49 * 160]],
    );
    const quiet = (samples: Int16Array, from: number, to: number) =>
      samples.slice(from, to).every((one) => one === 0);
    assert.ok(quiet(narrow, 50 * 160, 57 * 160) && quiet(wide, 50 * 320, 57 * 320));
    assert.ok(!quiet(wide, 44 * 320, 48 * 320) && !quiet(wide, 62 * 320, 66 * 320));
  });

  test(`${codec}: malformed packets are silence, and harm nothing after them`, async () => {
    const sent = await packets(codec, voice(2));
    const bad = [
      new Uint8Array(0),
      Uint8Array.of(0xff),
      new Uint8Array(1400).fill(0xff),
      Uint8Array.of(3, 0xff, 1),
    ];
    const script = sent.map((packet, n) =>
      n % 10 === 5 ? { ...packet, bytes: bad[(n >> 3) % 4]! } : packet,
    );
    const { frames, wide } = await hear(script, 2000);
    assert.ok(frames.length > 80);
    assert.ok(
      alike(wide.subarray(96 * 320, 98 * 320), (await decoded(codec, sent)).subarray(96 * 320)) > 0.7,
    );
  });
}

test('G.711 on a wide-band line is recorded as well', async () => {
  const said = voice(2);
  const sent = await packets('G722', said);
  const narrow = Int16Array.from({ length: said.length / 2 }, (_, i) => 8000 * Math.sin(i * 0.3));
  const script = sent.map((packet, n): Datagram => {
    if (n < 50) return packet;
    const bytes = new Uint8Array(160);
    encodeG711('PCMA', narrow, n * 160, (n + 1) * 160, bytes, 0);
    return { ...packet, codec: 'PCMA', bytes };
  });
  const { wide } = await hear(script, 2000);
  const expected = Int16Array.from(
    { length: 320 * 40 },
    (_, i) => 8000 * Math.sin((55 * 160 - 16 + i / 2) * 0.3),
  );
  assert.ok(alike(wide.subarray(55 * 320), expected) > 0.99);
});

test('of two channels the left is the caller, the right what was played, at the rate of the line', async () => {
  const sent = await packets('G722', voice(3));
  const played = voice(1, 3);
  const narrow = Int16Array.from({ length: SECOND }, (_, i) => played[2 * i]!);
  const { dual, wide } = await hear(sent, 3000, (hearing) => {
    hearing.keepBoth();
    hearing.playing({ narrow, wide: played });
  });
  const plane = (which: number) => dual.filter((_, i) => i % 2 === which);
  assertSame(plane(0), wide);
  assertSame(plane(1).slice(0, 16_000), played);
  assert.ok(
    plane(1)
      .subarray(16_000)
      .every((one) => one === 0),
  );
});

test('what was cut off, and what was muted, was not heard by the caller', async () => {
  let frames = 0;
  const heard: number[] = [];
  const hearing: Hearing = new Hearing({
    hear: ({ position }) => {
      frames++;
      if (frames === 25) hearing.cutOff();
      if (frames === 50) hearing.playing({ narrow: new Int16Array(SECOND).fill(7), wide: undefined });
      if (frames === 60) hearing.mute(true);
      if (frames === 70) hearing.mute(false);
      const ring = hearing.takeRing(2)!;
      queueMicrotask(() => void heard.push(ring.samples[2 * (position % RING_SAMPLES) + 1]!));
    },
  });
  hearing.keepBoth();
  hearing.open(0);
  hearing.playing({ narrow: new Int16Array(SECOND).fill(5), wide: undefined });
  for (let now = 0; now <= 2500; now += 20) {
    hearing.fill(now);
    await Promise.resolve();
  }
  const runs = heard
    .join('')
    .match(/(.)\1*/g)!
    .map((run) => [run[0], run.length]);
  assert.deepEqual(runs.slice(0, 5), [
    ['5', 25],
    ['0', 25],
    ['7', 10],
    ['0', 10],
    ['7', 30],
  ]);
});
