/** For streams with every fault: what is in the take is to the sample what the caller said, or what stands in for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { recordOnWire } from '../../test/support/recorded-wire.ts';
import { assertSame, SAID, SOURCE } from '../../test/support/said.ts';
import { datagrams, type Packet, type Piece, packetsOf, type Sender } from '../../test/support/sender.ts';
import { type Happening, rtpBytes, USUAL, wiredLine } from '../../test/support/wired-line.ts';
import { Concealment } from '../media/concealment.ts';
import type { AudioParameters } from '../media/session-description.ts';
import { decodeG711, encodeG711 } from '../wire/g711.ts';

const MS = 8;
const FRAME = 160;

/** What a take has, piece after piece, in ms: what was said from there on, nothing, or what stands in for a loss. */
type Expected =
  | { readonly said: readonly [fromMs: number, toMs: number] }
  | { readonly silentMs: number }
  | { readonly lostMs: number };

const said = (fromMs: number, toMs: number): Expected => ({ said: [fromMs, toMs] });
const silent = (silentMs: number): Expected => ({ silentMs });
const lost = (lostMs: number): Expected => ({ lostMs });

function audioOf(pieces: readonly Expected[]): Int16Array {
  const lengthOf = (piece: Expected) =>
    MS *
    ('said' in piece ? piece.said[1] - piece.said[0] : 'lostMs' in piece ? piece.lostMs : piece.silentMs);
  const audio = new Int16Array(pieces.reduce((sum, piece) => sum + lengthOf(piece), 0));
  const concealment = new Concealment(8000);
  let at = 0;
  for (const piece of pieces) {
    const length = lengthOf(piece);
    if ('said' in piece) {
      audio.set(SAID.subarray(piece.said[0] * MS, piece.said[1] * MS), at);
      concealment.join(audio, at, Math.min(length, FRAME - (at % FRAME)));
    } else if ('lostMs' in piece) {
      const past = new Int16Array(concealment.reach);
      const known = Math.min(at, past.length);
      past.set(audio.subarray(at - known, at), past.length - known);
      concealment.conceal(past, past.length, audio, at, length);
    } else concealment.reset();
    at += length;
  }
  return audio;
}

const says = (fromMs: number, toMs: number): Piece => ({ says: SOURCE.subarray(fromMs * MS, toMs * MS) });
/** 3 s. */
const SPEECH: readonly Piece[] = [says(0, 3000)];
const spoken = (sender?: Sender) => packetsOf(SPEECH, sender);
/** The packets that were said from one time to another, by when they leave. */
const between = (packets: readonly Packet[], fromMs: number, toMs: number) =>
  packets.filter(({ at }) => at > fromMs && at <= toMs);

interface Fault {
  readonly what: string;
  readonly packets?: readonly Packet[];
  readonly script?: readonly Happening[];
  readonly parameters?: Partial<AudioParameters>;
  readonly expected?: readonly Expected[];
  readonly untilMs?: number;
  /** Packets that come late; of what comes in all. */
  readonly late?: number;
}

/** Numbers that look random and are the same each time. */
function randomly(seed: number) {
  let state = seed;
  return () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
}

const lossy = (...ranges: readonly (readonly [fromMs: number, toMs: number])[]) =>
  spoken().filter(({ at }) => !ranges.some(([from, to]) => at > from && at <= to));

/** Another stretch of the same stream, with numbers and times of its own. */
const goesOn = (
  pieces: readonly Piece[],
  fromMs: number,
  sender: Omit<Sender, 'fromMs'> & { readonly marker?: boolean },
) => {
  const [first, ...rest] = packetsOf(pieces, { ...sender, fromMs });
  return [{ ...first!, marker: sender.marker ?? true }, ...rest];
};

const FAULTS: readonly Fault[] = [
  { what: 'none' },
  ...[1, 2, 3, 5, 14].map(
    (count): Fault => ({
      what: `${count} packet${count > 1 ? 's' : ''} lost in a row`,
      packets: lossy([1000, 1000 + 20 * count]),
      expected: [said(0, 1000), lost(20 * count), said(1000 + 20 * count, 3000)],
    }),
  ),
  {
    what: 'half a second lost: after 300 ms it is silence, as far as one knows',
    packets: lossy([1000, 1500]),
    // Then more comes, and the rest of it is a loss: silence goes on, and what comes is blended in.
    expected: [said(0, 1000), silent(200), lost(300), said(1500, 3000)],
  },
  {
    what: 'the first packets lost: the call begins with what came first',
    packets: lossy([0, 60]),
    untilMs: 2940,
    script: datagrams(lossy([0, 60]).map((packet) => ({ ...packet, at: packet.at - 60 }))),
    expected: [said(60, 3000)],
  },
  {
    what: 'losses close to each other',
    packets: lossy([500, 520], [540, 560], [580, 640], [1500, 1540]),
    expected: [
      said(0, 500),
      lost(20),
      said(520, 540),
      lost(20),
      said(560, 580),
      lost(60),
      said(640, 1500),
      lost(40),
      said(1540, 3000),
    ],
  },
  {
    what: 'lost packets of 30 ms, which end within frames',
    packets: packetsOf(SPEECH, { packetMs: 30 }).filter((_, index) => index !== 33 && index !== 60),
    expected: [said(0, 990), lost(30), said(1020, 1800), lost(30), said(1830, 3000)],
  },
  {
    what: 'neighbours swapped all the way',
    packets: spoken().map((packet, index, all) => ({
      ...packet,
      at: all[index < 2 ? index : Math.min(index ^ 1, all.length - 1)]!.at,
    })),
  },
  {
    what: 'each packet twice, some of them again after 40 and 300 ms',
    packets: spoken().flatMap((packet, index) => [
      packet,
      packet,
      ...(index % 5 === 0
        ? [
            { ...packet, at: packet.at + 40 },
            { ...packet, at: packet.at + 300 },
          ]
        : []),
    ]),
  },
  {
    what: 'one packet 70 ms late: waited for',
    packets: spoken().map((packet) => (packet.at === 1000 ? { ...packet, at: 1070 } : packet)),
  },
  {
    what: 'one packet 120 ms late: given up',
    packets: spoken().map((packet) => (packet.at === 1000 ? { ...packet, at: 1120 } : packet)),
    expected: [said(0, 980), lost(20), said(1000, 3000)],
    late: 1,
  },
  {
    what: 'jitter of up to 60 ms that swaps packets',
    packets: spoken().map((packet, index) => ({
      ...packet,
      at: packet.at + (index === 0 ? 0 : 60 * randomly(index)()),
    })),
    untilMs: 3060,
  },
  {
    what: 'a stall of 280 ms and the burst after it',
    packets: spoken().map((packet) =>
      packet.at > 1000 && packet.at < 1280 ? { ...packet, at: 1280 } : packet,
    ),
  },
  {
    what: 'a stall of 400 ms: what was filled meanwhile is not filled again',
    packets: spoken().map((packet) =>
      packet.at > 1000 && packet.at < 1400 ? { ...packet, at: 1400 } : packet,
    ),
    expected: [said(0, 1000), silent(80), said(1080, 3000)],
    late: 4,
  },
  {
    what: 'a source that changes',
    packets: [
      ...between(spoken(), 0, 1000),
      ...goesOn([says(1000, 3000)], 1000, { ssrc: 99, sequence: 7, timestamp: 1e6 }),
    ],
  },
  {
    what: 'a source that changes and back again',
    packets: [
      ...between(spoken(), 0, 1000),
      ...goesOn([says(1000, 2000)], 1000, { ssrc: 99, sequence: 7, timestamp: 1e6 }),
      ...between(spoken(), 2000, 3000),
    ],
  },
  ...[true, false].flatMap((marker): Fault[] => [
    {
      what: `timestamps that jump a minute forward ${marker ? 'with' : 'without'} a marker`,
      packets: [
        ...between(spoken(), 0, 1000),
        ...goesOn([says(1000, 3000)], 1000, { sequence: 50, timestamp: 61_000 * MS, marker }),
      ],
    },
    {
      what: `timestamps that jump half a second forward ${marker ? 'with' : 'without'} a marker: they are believed`,
      packets: [
        ...between(spoken(), 0, 1000),
        ...goesOn([says(1000, 3000)], 1000, { sequence: 50, timestamp: 1500 * MS, marker }),
      ],
      expected: [said(0, 1000), silent(500), said(1000, 3000)],
    },
  ]),
  {
    what: 'timestamps that jump back with a marker',
    packets: [
      ...between(spoken({ timestamp: 1e6 }), 0, 1000),
      ...goesOn([says(1000, 3000)], 1000, { sequence: 50, timestamp: 5 }),
    ],
  },
  {
    what: 'timestamps that jump back without a marker: 200 ms to be sure',
    packets: [
      ...between(spoken({ timestamp: 1e6 }), 0, 1000),
      ...goesOn([says(1000, 3000)], 1000, { sequence: 50, timestamp: 5, marker: false }),
    ],
    expected: [said(0, 1000), silent(220), said(1220, 3000)],
    late: 11,
  },
  {
    what: 'sequence numbers and timestamps that wrap',
    packets: spoken({ sequence: 0xffff - 40, timestamp: 0xffffffff - 1000 * MS }),
  },
  {
    what: 'sequence numbers that begin anew while timestamps go on',
    packets: [
      ...between(spoken(), 0, 1000),
      ...goesOn([says(1000, 3000)], 1000, { sequence: 40_000, timestamp: 1000 * MS, marker: false }),
    ],
  },
  ...['with comfort noise', 'without comfort noise'].flatMap((noise) =>
    [true, false].map((marker): Fault => {
      const comfort =
        noise === 'with comfort noise'
          ? [1020, 1400, 2200].map(
              (at, index): Packet => ({
                at,
                payloadType: 13,
                sequence: 50 + index,
                timestamp: (at - 20) * MS,
                marker: false,
                ssrc: 7,
                payload: Uint8Array.of(70),
              }),
            )
          : [];
      return {
        what: `silence suppression ${noise}, ${marker ? 'with' : 'without'} a marker`,
        packets: [
          ...between(spoken(), 0, 1000),
          ...comfort,
          ...goesOn([says(2300, 3000)], 2300, {
            sequence: 50 + comfort.length,
            timestamp: 2300 * MS,
            marker,
          }),
        ],
        expected: [said(0, 1000), silent(1300), said(2300, 3000)],
      };
    }),
  ),
  {
    what: 'comfort noise that nobody agreed on',
    parameters: { receive: { 0: 'PCMU' }, sendEventPayloadType: undefined },
    packets: [
      ...between(spoken(), 0, 1000),
      {
        at: 1020,
        payloadType: 13,
        sequence: 50,
        timestamp: 1000 * MS,
        marker: false,
        ssrc: 7,
        payload: Uint8Array.of(70),
      },
      ...goesOn([says(2300, 3000)], 2300, { sequence: 51, timestamp: 2300 * MS }),
    ],
    expected: [said(0, 1000), silent(1300), said(2300, 3000)],
  },
  {
    what: 'a pause in which the timestamp stands still, and a marker',
    packets: [
      ...between(spoken(), 0, 1000),
      ...goesOn([says(1000, 2000)], 2000, { sequence: 50, timestamp: 1000 * MS }),
    ],
    expected: [said(0, 1000), silent(1000), said(1000, 2000)],
  },
  {
    what: 'a packet time that changes',
    packets: [
      ...packetsOf([says(0, 1000)]),
      ...packetsOf([says(1000, 2200)], { packetMs: 60, sequence: 50, timestamp: 1000 * MS, fromMs: 1000 }),
      ...packetsOf([says(2200, 3000)], { packetMs: 10, sequence: 70, timestamp: 2200 * MS, fromMs: 2200 }),
    ],
  },
  {
    what: 'keys in the middle, with audio going on under them',
    packets: [
      ...between(spoken(), 0, 3000),
      ...packetsOf([{ key: '4', ms: 200 }], { fromMs: 1000, timestamp: 1000 * MS }),
    ]
      .toSorted((a, b) => a.at - b.at || b.payloadType - a.payloadType)
      .map((packet, sequence) => ({ ...packet, sequence })),
    expected: [said(0, 1000), silent(200), said(1200, 3000)],
  },
  {
    what: 'keys in the middle, in the place of audio',
    packets: packetsOf([says(0, 1000), { key: '4', ms: 200 }, { key: '#' }, says(1300, 3000)]),
    expected: [said(0, 1000), silent(300), said(1300, 3000)],
  },
  {
    what: 'garbage, and packets that are cut off',
    script: spoken().flatMap(({ at, payload, ...packet }, index) => {
      const whole = rtpBytes(packet, payload);
      const garbage = Uint8Array.from({ length: (index * 37) % 300 }, (_, byte) => (byte * index) & 0x3f);
      return [
        garbage,
        whole.subarray(0, index % 12),
        whole,
        Uint8Array.of(0x8f, ...whole.subarray(1, 30)),
      ].map((bytes) => ({ at, bytes }));
    }),
  },
  {
    what: 'RTCP, STUN and ZRTP on the port of the audio',
    script: spoken().flatMap(({ at, payload, ...packet }) => [
      { at, bytes: rtpBytes(packet, payload) },
      { at, bytes: Uint8Array.of(0x80, 200, 0, 6, ...new Uint8Array(24).fill(at & 0xff)) },
      { at, bytes: Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...new Uint8Array(12)) },
      { at, bytes: Uint8Array.of(0x10, 0, 0, 1, 0x5a, 0x52, 0x54, 0x50, 0, 0, 0, 7, 0x50, 0x5a) },
    ]),
  },
  {
    what: 'padding, contributing sources and header extensions',
    script: spoken().map(({ at, payload, ...packet }, index) => {
      const plain = rtpBytes(packet, payload);
      const header = plain.slice(0, 12);
      const padding = index % 3 === 0 ? [0, 0, 0, 4] : [];
      const sources = new Uint8Array(4 * (index % 4)).fill(9);
      const extension = index % 2 === 0 ? [0xbe, 0xde, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8] : [];
      header[0] = 0x80 | (padding.length > 0 ? 0x20 : 0) | (extension.length > 0 ? 0x10 : 0) | (index % 4);
      return { at, bytes: Uint8Array.of(...header, ...sources, ...extension, ...payload, ...padding) };
    }),
  },
  {
    what: 'empty packets in between, which keep a path open',
    packets: spoken()
      .flatMap((packet, index) =>
        index % 10 === 9
          ? [packet, { ...packet, timestamp: packet.timestamp + FRAME, payload: new Uint8Array(0) }]
          : [packet],
      )
      .map((packet, sequence) => ({ ...packet, sequence })),
  },
  {
    what: 'a hold of a second, and nothing that comes meanwhile',
    packets: [
      ...between(spoken(), 0, 1000),
      ...goesOn([says(2000, 3000)], 2000, { sequence: 50, timestamp: 2000 * MS }),
    ],
    script: [
      { at: 1000, happens: (line) => line.connect({ ...USUAL, direction: 'recvonly' }) },
      { at: 2000, happens: (line) => line.connect(USUAL) },
    ],
    expected: [said(0, 1000), silent(1000), said(2000, 3000)],
  },
];

for (const { what, packets, script, parameters, expected, untilMs = 3000, late = 0 } of FAULTS) {
  test(`faults, ${what}: the take is exact`, async () => {
    const all = [
      ...(packets && script && 'bytes' in script[0]! ? [] : datagrams(packets ?? (script ? [] : spoken()))),
      ...(script ?? []),
    ];
    const wanted = audioOf(expected ?? [said(0, 3000)]);
    // However seldom the disk gets its turn, and whether or not what is played is kept beside it.
    for (const options of [{}, { pollMs: 2000 }, { channels: 2 as const }]) {
      const { samples, end } = await recordOnWire(wiredLine(parameters), all, untilMs, options);
      const heard = options.channels === 2 ? samples.filter((_, index) => index % 2 === 0) : samples;
      assertSame(heard, wanted, 0, Math.min(heard.length, wanted.length));
      assert.equal(heard.length, wanted.length);
      assert.equal(end.report?.packetsLate, late);
    }
  });
}

/** What becomes of each packet. A late one comes after the two that follow it. */
const fate = fc.constantFrom('kept', 'kept', 'kept', 'lost', 'doubled', 'late');

test('faults, any of them together: the take is exact', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { minLength: 60, maxLength: 60 }),
      fc.constantFrom(10, 20, 30),
      async (fates, packetMs) => {
        const length = 60 * packetMs;
        const packets = packetsOf([says(0, length)], { packetMs });
        // The first says where the call begins, the last ones end it.
        const fateOf = (index: number) => (index === 0 || index > 50 ? 'kept' : fates[index]!);
        const sent = packets.flatMap((packet, index) => {
          const { at } = packet;
          if (fateOf(index) === 'lost') return [];
          if (fateOf(index) === 'late') return [{ ...packet, at: at + 2.5 * packetMs }];
          return fateOf(index) === 'doubled' ? [packet, { ...packet, at: at + 1.5 * packetMs }] : [packet];
        });
        const pieces = packets.map((_, index) =>
          fateOf(index) === 'lost' ? lost(packetMs) : said(index * packetMs, (index + 1) * packetMs),
        );
        const { samples, end } = await recordOnWire(wiredLine(), datagrams(sent), length);
        const wanted = audioOf(joined(pieces));
        const whole = wanted.length - (wanted.length % FRAME);
        assertSame(samples, wanted, 0, whole);
        assert.equal(samples.length, whole);
        assert.equal(end.report?.packetsLate, 0);
      },
    ),
    { numRuns: 100 },
  );
});

/** Losses in a row are stood in for in one piece. */
function joined(pieces: readonly Expected[]): Expected[] {
  const out: Expected[] = [];
  for (const piece of pieces) {
    const last = out.at(-1);
    if (last !== undefined && 'lostMs' in last && 'lostMs' in piece)
      out.splice(-1, 1, lost(last.lostMs + piece.lostMs));
    else out.push(piece);
  }
  return out;
}

test('faults, an hour of a clock that is off by 200 ppm, with jitter and loss: as long as the caller says, every sample in place', async () => {
  const count = 180_000;
  const period = SOURCE.length / FRAME;
  for (const ppm of [-200, 200]) {
    const next = randomly(1);
    const isLost = (index: number) => index > 0 && index < count - 5 && index % 50 === 7;
    const script: Happening[] = [];
    for (let index = 0; index < count; index++) {
      if (isLost(index)) continue;
      const at = 20 + (index * 20) / (1 + ppm / 1e6) + (index === 0 ? 0 : 15 * next());
      const from = (index % period) * FRAME;
      const header = { sequence: index & 0xffff, timestamp: index * FRAME, marker: index === 0 };
      script.push({ at, bytes: rtpBytes(header, SOURCE.subarray(from, from + FRAME)) });
    }
    const untilMs = Math.ceil(Math.max(...script.slice(-5).map(({ at }) => at)) / 20) * 20;
    const { samples, end } = await recordOnWire(wiredLine(), script, untilMs);
    assert.ok(
      Math.abs(samples.length - count * FRAME) <= FRAME,
      `${samples.length / FRAME} frames at ${ppm} ppm`,
    );
    for (let index = 0; index < count; index++) {
      if (isLost(index)) continue;
      // What follows a loss is blended in.
      const blended = index > 0 && isLost(index - 1) ? 32 : 0;
      const from = (index % period) * FRAME;
      assertSame(samples, SAID, index * FRAME + blended, (index + 1) * FRAME, from + blended);
    }
    assert.equal(end.report?.packetsExpected, count);
    assert.equal(end.report?.concealedMs, 20 * (count / 50));
  }
});

test('the two laws of G.711, packet by packet', async () => {
  const packets = spoken().map((packet, index): Packet => {
    if (index % 2 === 0) return packet;
    const payload = new Uint8Array(FRAME);
    encodeG711('PCMA', SAID, index * FRAME, (index + 1) * FRAME, payload, 0);
    return { ...packet, payloadType: 8, payload };
  });
  const { samples } = await recordOnWire(wiredLine(), datagrams(packets), 3000);
  const wanted = new Int16Array(3000 * MS);
  for (const [index, { payload, payloadType }] of packets.entries())
    decodeG711(payloadType === 8 ? 'PCMA' : 'PCMU', payload, 0, FRAME, wanted, index * FRAME);
  assertSame(samples, wanted, 0, wanted.length);
  assert.equal(samples.length, wanted.length);
});
