/** Calls whose codec changes: what is in the take is to the sample what the decoders make of the packets in order. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { recordOnWire } from '../../test/support/recorded-wire.ts';
import { assertSame, SAID, SOURCE } from '../../test/support/said.ts';
import { datagrams, type Packet, packetsOf } from '../../test/support/sender.ts';
import { type Happening, USUAL, wiredLine } from '../../test/support/wired-line.ts';
import { CODECS, type Codec, isWide, openDecoder, openEncoder, type WideDecoder } from '../media/codecs.ts';
import { Concealment } from '../media/concealment.ts';
import { loadOpus } from '../media/opus-codec.ts';
import type { AudioParameters } from '../media/session-description.ts';
import { Downsampler } from '../wire/downsample.ts';
import { decodeG711, encodeG711 } from '../wire/g711.ts';
import { Upsampler } from '../wire/upsample.ts';

before(() => loadOpus());

const FRAME = 160;
const SEGMENT_PACKETS = 40;
const ALL: Partial<AudioParameters> = {
  codec: 'opus',
  receive: {
    0: 'PCMU',
    8: 'PCMA',
    9: 'G722',
    111: 'opus',
    110: 'telephone-event/48000',
    101: 'telephone-event',
  },
};

/** A voice that glides and breathes, 16 kHz. */
const VOICE = Int16Array.from({ length: 16_000 * 4 }, (_, i) => {
  const t = i / 16_000;
  const sung = Math.sin(2 * Math.PI * (200 * t + 60 * t * t)) + 0.3 * Math.sin(2 * Math.PI * 5500 * t);
  return 6000 * sung * (0.6 + 0.4 * Math.sin(2 * Math.PI * 3 * t));
});

interface Sent extends Packet {
  readonly codec: Codec;
}

/** One segment of SEGMENT_PACKETS for each codec, spoken without a pause. */
async function spoken(codecs: readonly Codec[]): Promise<Sent[]> {
  const packets: Sent[] = [];
  for (const codec of codecs) {
    const encoder = isWide(codec) ? openEncoder(codec) : undefined;
    while (encoder?.ready === false) await new Promise((resolve) => setImmediate(resolve));
    const segment = packets.length;
    for (let index = segment; index < segment + SEGMENT_PACKETS; index++) {
      const bytes = new Uint8Array(500);
      const from = index * 2 * FRAME;
      let length = FRAME;
      if (encoder !== undefined) length = encoder.encode(VOICE, from, from + 2 * FRAME, bytes, 0);
      else if (!isWide(codec)) encodeG711(codec, narrow(from), 0, FRAME, bytes, 0);
      packets.push({
        codec,
        at: 20 * (index + 1),
        payloadType: CODECS[codec].payloadType,
        sequence: index,
        timestamp: index * FRAME * CODECS[codec].ticksPerPosition,
        marker: index === segment,
        ssrc: 7,
        payload: bytes.slice(0, length),
      });
    }
    encoder?.close();
  }
  return packets;
}

function narrow(from: number): Int16Array {
  return Int16Array.from({ length: FRAME }, (_, i) => VOICE[from + 2 * i]!);
}

/** What comes of the packets in order, at 16 kHz; `lost` ones are stood in for. */
async function decoded(packets: readonly Sent[], lost: (index: number) => boolean): Promise<Int16Array> {
  const out = new Int16Array(packets.length * 2 * FRAME);
  const decoders = { G722: openDecoder('G722'), opus: openDecoder('opus') };
  await new Promise((resolve) => setImmediate(resolve));
  let decoder: WideDecoder | undefined;
  let upsampler: Upsampler | undefined;
  const concealment = new Concealment(16_000);
  for (const [index, { codec, payload }] of packets.entries()) {
    const at = index * 2 * FRAME;
    const { length } = payload;
    if (lost(index)) {
      const { payload: told } = packets[index + 1]!;
      const next = lost(index + 1) ? undefined : { bytes: told, from: 0, to: told.length };
      if (upsampler !== undefined) concealment.conceal(out, at, out, at, 2 * FRAME);
      else decoder?.conceal(FRAME, out, at, next);
    } else if (isWide(codec)) {
      upsampler = undefined;
      decoder = decoders[codec];
      decoder.decode(payload, 0, length, out, at);
    } else {
      const samples = new Int16Array(FRAME);
      decodeG711(codec, payload, 0, length, samples, 0);
      if (upsampler === undefined) {
        upsampler = new Upsampler();
        upsampler.push(new Int16Array(16));
      }
      out.set(upsampler.push(samples), at);
      concealment.join(out, at, 2 * FRAME);
    }
  }
  for (const each of Object.values(decoders)) each.close();
  return out;
}

const CHANGES: readonly (readonly Codec[])[] = [
  ['G722'],
  ['opus'],
  ['PCMU', 'PCMA'],
  ['G722', 'PCMU', 'G722'],
  ['opus', 'PCMU', 'opus'],
  ['PCMA', 'opus', 'PCMA'],
  ['G722', 'opus', 'G722'],
  ['PCMU', 'G722', 'opus', 'PCMA'],
];
const FAULTS = [
  { what: 'nothing lost', lost: () => false },
  { what: 'a packet lost in each', lost: (index: number) => index % SEGMENT_PACKETS === 20 },
  {
    what: 'three packets lost in each',
    lost: (index: number) => index % SEGMENT_PACKETS >= 20 && index % SEGMENT_PACKETS < 23,
  },
] as const;

for (const codecs of CHANGES) {
  for (const { what, lost } of FAULTS) {
    test(`${codecs.join(', then ')}, ${what}: the take is exact`, async () => {
      const packets = await spoken(codecs);
      const wire = wiredLine(ALL);
      // The decoders take a moment to come.
      await new Promise((resolve) => setImmediate(resolve));
      const script = datagrams(packets.filter((_, index) => !lost(index)));
      const { samples, rate, end } = await recordOnWire(wire, script, packets.length * 20);
      assert.equal(rate, 16_000);
      const expected = await decoded(packets, lost);
      assertSame(samples, expected, 0, expected.length);
      assert.equal(samples.length, expected.length);
      assert.equal(end.report?.packetsLate, 0);
      const missing = packets.filter((_, index) => lost(index)).length;
      assert.deepEqual(
        [end.report?.packetsExpected, end.report?.packetsReceived, end.report?.concealedMs],
        [packets.length, packets.length - missing, 20 * missing],
      );
    });
  }
}

test('a re-INVITE from PCMU to G.722 in the middle of a narrow-band take: it goes on at 8 kHz', async () => {
  const before = packetsOf([{ says: SOURCE.subarray(0, 8000) }]);
  const wide = (await spoken(['G722'])).map((packet, index) => ({
    ...packet,
    at: 1000 + packet.at,
    sequence: 50 + index,
    timestamp: 8000 + packet.timestamp,
  }));
  const reinvite: Happening = {
    at: 1001,
    happens: (line) => line.connect({ ...USUAL, codec: 'G722', sendPayloadType: 9, receive: { 9: 'G722' } }),
  };
  const script = [...datagrams([...before, ...wide]), reinvite];
  const { samples, rate } = await recordOnWire(wiredLine(), script, 1800);
  assert.equal(rate, 8000);
  assertSame(samples, SAID, 0, 8000);
  const heard = await decoded(wide, () => false);
  const halved = new Int16Array(heard.length / 2);
  new Downsampler().push(heard, 0, heard.length, halved, 0);
  assertSame(samples, halved, 8000, 8000 + halved.length, 0);
  assert.equal(samples.length, 8000 + halved.length);
});
