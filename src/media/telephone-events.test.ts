/** Telephone events in all the shapes that senders give them (RFC 4733 §2.3–2.6), as datagrams of a whole call. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSaid, assertSilent, SOURCE } from '../../test/support/said.ts';
import { datagrams, type Packet, type Piece, packetsOf, type Sender } from '../../test/support/sender.ts';
import { eventBytes, type Happening, hearOnWire, USUAL, wiredLine } from '../../test/support/wired-line.ts';
import { KEYS } from './keys.ts';
import type { RtpLine } from './rtp-line.ts';
import type { AudioParameters } from './session-description.ts';

const MS = 8;
const says = (fromMs: number, toMs: number): Piece => ({ says: SOURCE.subarray(fromMs * MS, toMs * MS) });
/** Speaks for 500 ms, presses, and speaks on: 1.1 s in all. */
const PRESS: readonly Piece[] = [says(0, 500), { key: '5' }, says(600, 1100)];
const isEvent = ({ payloadType }: Packet) => payloadType === 101;
const isEnd = (packet: Packet) => isEvent(packet) && (packet.payload[1]! & 0x80) !== 0;
const without = (lost: (packet: Packet, event: number) => boolean) => (packets: readonly Packet[]) => {
  let events = 0;
  return packets.filter((packet) => !(isEvent(packet) && lost(packet, events++)));
};

interface Shape {
  readonly what: string;
  readonly pieces?: readonly Piece[];
  readonly sender?: Sender;
  /** What becomes of the packets. */
  readonly fault?: (packets: readonly Packet[]) => readonly Packet[];
  readonly parameters?: Partial<AudioParameters>;
  readonly happens?: readonly Happening[];
  /** Keys that are told, each with where it began in ms. */
  readonly told?: readonly string[];
  /** What the recording has, in ms: what was said, and silence between. Default: that of PRESS. */
  readonly said?: readonly (readonly [from: number, to: number])[];
  /** `false`: a mere count of keys. */
  readonly exact?: boolean;
  readonly invalid?: number;
}

const held = (ms: number): readonly Piece[] => [says(0, 500), { key: '5', ms }, says(500 + ms, 1000 + ms)];
const saidAround = (ms: number) =>
  [
    [0, 500],
    [500 + ms, 1000 + ms],
  ] as const;
/** Under another payload type from the n-th event on. */
const retyped = (from: number, payloadType: number) => (packets: readonly Packet[]) => {
  let events = 0;
  return packets.map((packet) => (isEvent(packet) && events++ >= from ? { ...packet, payloadType } : packet));
};
const connects = (at: number, receive: AudioParameters['receive']): Happening => ({
  at,
  happens: (line: RtpLine) => line.connect({ ...USUAL, receive }),
});

const SHAPES: readonly Shape[] = [
  { what: 'a press as phones send it' },
  {
    // Audio may go on under it for 40 ms more.
    what: 'without its end',
    fault: without(isEnd),
    said: [
      [0, 500],
      [620, 1100],
    ],
  },
  { what: 'with one end only', fault: without((packet, event) => isEnd(packet) && event < 6) },
  {
    what: 'with its end sent five times more',
    fault: (packets) => [
      ...packets,
      ...[1, 2, 3, 4, 5].map((copy) => ({
        ...packets.findLast(isEnd)!,
        at: 600 + copy,
        sequence: 500 + copy,
      })),
    ],
    exact: false,
  },
  { what: 'doubled by the network', fault: (packets) => packets.flatMap((one) => [one, one]) },
  {
    what: 'doubled, the doubles 150 ms late',
    fault: (packets) =>
      packets.flatMap((one) => (isEvent(one) ? [one, { ...one, at: one.at + 150 }] : [one])),
  },
  ...[0, 1, 2, 3, 4, 5, 6].map(
    (only): Shape => ({
      what: `of which nothing but packet ${only} comes`,
      fault: without((_, event) => event !== only),
      // Time of a press that was not told of is not known to be one; without the end it is not known how long it was.
      exact: only >= 4,
    }),
  ),
  {
    what: 'with its packets in reverse order',
    fault(packets) {
      const events = packets.filter(isEvent).toReversed();
      return packets.map((packet) => (isEvent(packet) ? { ...events.shift()!, at: packet.at } : packet));
    },
  },
  { what: 'without a marker', fault: (packets) => packets.map((one) => ({ ...one, marker: false })) },
  {
    what: 'with a marker on every packet before its end',
    fault: (packets) => packets.map((one) => (isEnd(one) ? one : { ...one, marker: true })),
  },
  {
    what: 'that begins with a duration of zero',
    fault(packets) {
      const first = packets.find(isEvent)!;
      const zero = { ...first, payload: eventBytes(5, 0, false), at: 500 };
      return packets.map((one) => (one === first ? zero : one));
    },
  },
  {
    what: 'of which all durations are zero: its time passes all the same',
    fault: (packets) =>
      packets.map((one) => (isEvent(one) ? { ...one, payload: eventBytes(5, 0, isEnd(one)) } : one)),
  },
  { what: 'held for 5 s', pieces: held(5000), said: saidAround(5000) },
  {
    what: 'held for 20 s, its duration standing still at its greatest after 8 s',
    pieces: held(20_000),
    said: saidAround(20_000),
    fault: (packets) =>
      packets.map((one) =>
        isEvent(one)
          ? { ...one, payload: eventBytes(5, Math.min(0xffff, (one.at - 500) * MS), isEnd(one)) }
          : one,
      ),
  },
  {
    what: 'held for 20 s, its duration wrapping around',
    pieces: held(20_000),
    said: saidAround(20_000),
    fault: (packets) =>
      packets.map((one) =>
        isEvent(one) ? { ...one, payload: eventBytes(5, ((one.at - 500) * MS) & 0xffff, isEnd(one)) } : one,
      ),
  },
  { what: 'held for 20 s, in segments', pieces: held(20_000), said: saidAround(20_000), fault: segmented(1) },
  {
    what: 'held for 20 s, in segments of which the packets around the first seam are lost',
    pieces: held(20_000),
    said: saidAround(20_000),
    fault: (packets) => segmented(1)(packets).filter(({ at }) => at < 8650 || at > 8730),
    exact: false,
  },
  {
    what: 'two presses of one key in a row',
    pieces: [says(0, 500), { key: '5' }, { pausesMs: 60 }, { key: '5' }, says(760, 1000)],
    told: ['5@500', '5@660'],
    said: [
      [0, 500],
      [760, 1000],
    ],
  },
  {
    what: 'two presses of one key 40 ms apart, without markers',
    pieces: [says(0, 500), { key: '5', ms: 60 }, { pausesMs: 40 }, { key: '5', ms: 60 }, says(660, 1000)],
    fault: (packets) => packets.map((one) => ({ ...one, marker: false })),
    told: ['5@500', '5@600'],
    said: [
      [0, 500],
      [660, 1000],
    ],
  },
  {
    what: 'two keys with no gap between them',
    pieces: [says(0, 500), { key: '1' }, { key: '2' }, says(700, 1000)],
    told: ['1@500', '2@600'],
    said: [
      [0, 500],
      [700, 1000],
    ],
  },
  {
    what: 'two keys with no gap, all but the first packet of the one and the last of the other lost',
    pieces: [says(0, 500), { key: '1' }, { key: '2' }, says(700, 1000)],
    fault: without((_, event) => event !== 0 && event !== 13),
    told: ['1@500', '2@600'],
    said: [
      [0, 500],
      [700, 1000],
    ],
    exact: false,
  },
  {
    what: 'two keys with no gap, ends of the one sent again while the other goes on',
    pieces: [says(0, 500), { key: '1' }, { key: '2' }, says(700, 1000)],
    fault(packets) {
      const ends = packets.filter((one) => isEnd(one) && one.payload[0] === 1);
      const second = packets.filter((one) => isEvent(one) && one.payload[0] === 2);
      const mixed = [ends[0]!, second[0]!, ends[1]!, second[1]!, ends[2]!, ...second.slice(2)];
      const first = ends[0]!.sequence;
      return [
        ...packets.filter((one) => !mixed.includes(one)),
        ...mixed.map((one, index) => ({
          ...one,
          sequence: first + index,
          at: Math.max(one.at, 600 + 10 * index),
        })),
      ];
    },
    told: ['1@500', '2@600'],
    said: [
      [0, 500],
      [700, 1000],
    ],
  },
  {
    what: 'two keys packed into one packet, sent three times',
    pieces: [says(0, 500), { pausesMs: 200 }, says(700, 1000)],
    fault: (packets) => packed(packets),
    told: ['1@500', '2@600'],
    said: [
      [0, 500],
      [700, 1000],
    ],
  },
  {
    what: 'a press with no audio before and after',
    pieces: [{ key: '5' }, { pausesMs: 900 }, says(1000, 1200)],
    told: ['5@0'],
    said: [[1000, 1200]],
  },
  {
    what: 'a press that is the first that comes, 300 ms after it began',
    pieces: [{ key: '5', ms: 400 }, says(400, 1000)],
    fault: (packets) => packets.filter(({ at }) => at > 0),
    sender: { fromMs: -300 },
    exact: false,
    told: ['5@0'],
  },
  {
    what: 'all sixteen keys and a flash',
    pieces: [
      says(0, 500),
      ...KEYS.flatMap((key): Piece[] => [{ key, ms: 60 }, { pausesMs: 60 }]),
      says(500 + 17 * 120, 3000),
    ],
    told: KEYS.map((key, index) => `${key}@${500 + 120 * index}`),
    said: [
      [0, 500],
      [500 + 17 * 120, 3000],
    ],
  },
  {
    what: 'a tone of machines',
    fault: (packets) =>
      packets.map((one) =>
        isEvent(one) ? { ...one, payload: Uint8Array.of(36, ...one.payload.slice(1)) } : one,
      ),
    told: [],
  },
  {
    what: 'events of less than four bytes: no key, and no harm',
    fault: (packets) =>
      packets.map((one) => (isEvent(one) ? { ...one, payload: one.payload.slice(0, 3) } : one)),
    told: [],
  },
  {
    what: 'with the reserved bit set and the volume of nothing',
    fault: (packets) =>
      packets.map((one) => {
        if (!isEvent(one)) return one;
        const payload = one.payload.slice();
        payload[1]! |= 0x7f;
        return { ...one, payload };
      }),
  },
  {
    what: 'in redundant packets (RFC 2198), which nobody agreed on: no key, but counted',
    fault: (packets) =>
      packets.map((one) =>
        isEvent(one) ? { ...one, payloadType: 121, payload: Uint8Array.of(101, ...one.payload) } : one,
      ),
    told: [],
    invalid: 7,
  },
  {
    what: 'under a payload type of its own that a re-INVITE brought',
    happens: [connects(400, { 0: 'PCMU', 96: 'telephone-event' })],
    fault: retyped(0, 96),
  },
  {
    what: 'under a payload type that a re-INVITE changes while the key is held',
    happens: [connects(565, { 0: 'PCMU', 96: 'telephone-event' })],
    fault: retyped(3, 96),
  },
  {
    what: 'under another payload type than we send ours under',
    parameters: { receive: { 0: 'PCMU', 96: 'telephone-event' }, sendEventPayloadType: 101 },
    fault: retyped(0, 96),
  },
  {
    what: 'two keys whose timestamps are those of two captures: told in their order, the first at once',
    pieces: [says(0, 500), { key: '1' }, { pausesMs: 100 }, { key: '2' }, says(800, 1100)],
    fault: (packets) =>
      packets.map((one) =>
        isEvent(one) && one.payload[0] === 1 ? { ...one, timestamp: one.timestamp + 600 * MS } : one,
      ),
    told: ['1@500', '2@700'],
    exact: false,
  },
  {
    what: 'by a sender that becomes another source while the key is held',
    fault(packets) {
      return packets.map((one) =>
        one.at > 545
          ? { ...one, ssrc: 99, sequence: one.sequence + 4000, timestamp: (one.timestamp + 1_000_000) >>> 0 }
          : one,
      );
    },
  },
  {
    what: 'by a sender that becomes another source after each of two presses',
    pieces: [says(0, 500), { key: '5' }, { pausesMs: 100 }, { key: '5' }, says(800, 1000)],
    fault: (packets) =>
      packets.map((one) =>
        one.at > 700
          ? { ...one, ssrc: 99, sequence: one.sequence + 4000, timestamp: (one.timestamp + 1_000_000) >>> 0 }
          : one,
      ),
    told: ['5@500', '5@700'],
    said: [
      [0, 500],
      [800, 1000],
    ],
  },
];

/** In segments, as long as the duration field can say (RFC 4733 §2.5.1.3). */
function segmented(ticks: number) {
  return (packets: readonly Packet[]) =>
    packets.map((one): Packet => {
      if (!isEvent(one)) return one;
      const lasted = Math.round((one.at - 500) * MS * ticks);
      const segment = Math.floor((lasted - 1) / 0xffff);
      return {
        ...one,
        timestamp: (one.timestamp + segment * 0xffff) >>> 0,
        payload: eventBytes(one.payload[0]!, lasted - segment * 0xffff, isEnd(one)),
      };
    });
}

/** Key 1, then key 2, 100 ms each, reported when both are over (RFC 4733 §2.5.1.5), after the audio that came before. */
function packed(packets: readonly Packet[]): readonly Packet[] {
  const before = packets.filter(({ at }) => at <= 500);
  const last = before.at(-1)!;
  const both = Uint8Array.of(...eventBytes(1, 800, true), ...eventBytes(2, 800, true));
  const events = [0, 1, 2].map(
    (copy): Packet => ({
      ...last,
      at: 700,
      payloadType: 101,
      marker: copy === 0,
      sequence: last.sequence + 1 + copy,
      timestamp: last.timestamp + 160,
      payload: both,
    }),
  );
  const after = packets.filter(({ at }) => at > 500);
  return [...before, ...events, ...after.map((one) => ({ ...one, sequence: one.sequence + 3 }))];
}

for (const shape of SHAPES) {
  test(`events: ${shape.what}`, async () => {
    const { pieces = PRESS, told = ['5@500'], said = saidAround(100), fault = (all) => all } = shape;
    const packets = fault(packetsOf(pieces, shape.sender));
    const end = said.at(-1)![1];
    const wire = wiredLine(shape.parameters);
    const script = [...datagrams(packets), ...(shape.happens ?? [])];
    const { keys, samples } = await hearOnWire(wire, script, end);
    assert.deepEqual(
      keys.map(({ key, onset }) => `${key}@${onset / MS}`),
      told,
    );
    assert.equal(wire.line.counts.invalid, shape.invalid ?? 0);
    if (shape.exact === false) return;
    assert.equal(samples.length, end * MS);
    for (const [index, [from, to]] of said.entries()) {
      assertSaid(samples, from * MS, to * MS);
      assertSilent(samples, (said[index - 1]?.[1] ?? 0) * MS, from * MS);
    }
  });
}

test('events at the clock of Opus: held for 5 s, in segments of 1.4 s, each packet lost that could be', async () => {
  for (const lost of [0, 1, 2]) {
    const packets = packetsOf([{ key: '7', ms: 5000 }], { ticks: 6, eventType: 110, fromMs: 500 });
    const retimed = packets.map((one) => ({ ...one, payloadType: 101 }));
    const sent = segmented(6)(retimed).map((one) => ({ ...one, payloadType: 110 }));
    const opus: Partial<AudioParameters> = {
      codec: 'opus',
      receive: { 111: 'opus', 110: 'telephone-event/48000' },
      sendEventClock: 48_000,
    };
    const kept = sent.filter((_, index) => index % 3 !== lost || index > sent.length - 3);
    const { keys } = await hearOnWire(wiredLine(opus), datagrams(kept), 6000);
    assert.deepEqual(
      keys.map(({ key }) => key),
      ['7'],
    );
  }
});
