/** Keys that come as telephone events and as tones in the audio at once, as gateways send them: datagrams in, keys and audio out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Press, pressed, QUIETLY } from '../../test/support/pressed.ts';
import { assertSame, assertSilent } from '../../test/support/said.ts';
import { datagrams, type Packet, type Piece, packetsOf } from '../../test/support/sender.ts';
import { type HeardOnWire, hearOnWire, USUAL, wiredLine } from '../../test/support/wired-line.ts';
import type { DtmfMode } from './keys.ts';

const MS = 8;
const hear = (packets: readonly Packet[], dtmf: DtmfMode = 'both', untilMs = 2000): Promise<HeardOnWire> =>
  hearOnWire(wiredLine({}, { dtmf }), datagrams(packets), untilMs);
const keysOf = ({ keys }: HeardOnWire) => keys.map(({ key, onset }) => `${key}@${Math.round(onset / MS)}`);

/** Told once; when it began, to 6 ms; what was said around it is whole and of the tone nothing is left. */
function assertOnce(
  heard: HeardOnWire,
  began: number,
  silent: readonly [number, number],
  whole: readonly [before: number, after: number] = silent,
): void {
  assert.equal(heard.keys.length, 1, keysOf(heard).join(' '));
  const { key, onset, told } = heard.keys[0]!;
  assert.equal(key, '5');
  assert.ok(Math.abs(onset / MS - began) <= 6, `began at ${onset / MS} ms`);
  assert.ok((told - onset) / MS <= 100 || silent[0] !== began, `told ${(told - onset) / MS} ms late`);
  assertSilent(heard.samples, silent[0] * MS, silent[1] * MS);
  assertSame(heard.samples, QUIETLY, 0, whole[0] * MS - 48);
  assertSame(heard.samples, QUIETLY, (whole[1] + 40) * MS, 1600 * MS);
}

interface Case {
  readonly what: string;
  readonly press: Press;
  readonly audioUnderEvents?: boolean;
  readonly began?: number;
  /** What has to be silent, ms; default: the tone. */
  readonly silent?: readonly [number, number];
}

const CASES: readonly Case[] = [
  { what: 'a tone with no event', press: { key: '5', tone: [500, 600] } },
  { what: 'an event with no tone', press: { key: '5', event: [500, 600] }, silent: [500, 600] },
  {
    what: 'an event with no audio under it',
    press: { key: '5', event: [500, 600] },
    audioUnderEvents: false,
    silent: [500, 600],
  },
  { what: 'a tone and its event at the same time', press: { key: '5', tone: [500, 600], event: [500, 600] } },
  {
    what: 'a tone that goes on under its event, and after it',
    press: { key: '5', tone: [500, 750], event: [500, 600] },
  },
  ...[20, 40, 60, 80].map(
    (ms): Case => ({
      what: `a tone of which the gateway left the first ${ms} ms in the audio`,
      press: { key: '5', tone: [500, 500 + ms], event: [500 + ms, 640] },
      audioUnderEvents: false,
      silent: [500, 640],
    }),
  ),
  ...[100, 200, 300].flatMap((ms): Case[] => [
    {
      what: `an event that says it began ${ms} ms after its tone`,
      press: { key: '5', tone: [500, 600], event: [500 + ms, 600 + ms] },
      silent: [500, 600],
    },
    {
      what: `an event whose packets come ${ms} ms late`,
      press: { key: '5', tone: [500, 600], event: [500, 600], late: ms },
    },
    {
      what: `a tone that is ${ms} ms behind its event`,
      press: { key: '5', tone: [500 + ms, 600 + ms], event: [500, 600] },
      silent: [500 + ms, 600 + ms],
      began: 500,
    },
  ]),
  {
    what: 'a key held for a second, in the audio and as an event',
    press: { key: '5', tone: [400, 1400], event: [400, 1400] },
  },
  {
    what: 'a key held for a second, its event over after 100 ms',
    press: { key: '5', tone: [400, 1400], event: [420, 520] },
  },
  {
    what: 'a key held for a second, its event begun half a second late',
    press: { key: '5', tone: [400, 1400], event: [900, 1400] },
  },
];

for (const { what, press, audioUnderEvents = true, began, silent } of CASES) {
  test(`both ways: ${what} is one press, and not in the recording`, async () => {
    const heard = await hear(pressed([press], { audioUnderEvents }));
    const places = [press.tone, press.event, silent].filter((place) => place !== undefined);
    const quiet = silent ?? press.tone!;
    assertOnce(heard, began ?? places[0]![0], quiet, [
      Math.min(...places.map(([from]) => from)),
      Math.max(...places.map(([, to]) => to)),
    ]);
  });
}

test('both ways: lost, doubled and swapped packets leave one press one', async () => {
  const packets = pressed([{ key: '5', tone: [500, 640], event: [500, 640] }]);
  const events = packets.filter(({ payloadType }) => payloadType === 101);
  for (const [index, event] of events.entries()) {
    for (const script of [
      packets.filter((one) => one !== event),
      packets.filter((one) => one === event || one.payloadType !== 101),
      packets.filter((one) => one.payloadType !== 101 || events.indexOf(one) < index),
      packets.filter((one) => one.payloadType !== 101 || events.indexOf(one) > index),
      [...packets, { ...event, at: event.at + 250 }],
      packets.map((one) => (one === event ? { ...one, at: one.at + 120 } : one)),
    ])
      assert.equal(keysOf(await hear(script)).length, 1, `event packet ${index}`);
  }
});

test('both ways: two presses of the same key stay two, however they are heard', async () => {
  for (const gap of [50, 80, 150, 250]) {
    const at = 500 + 60 + gap;
    const first = { tone: [500, 560], event: [500, 560] } as const;
    const second = { tone: [at, at + 60], event: [at, at + 60] } as const;
    const late = (press: { event: readonly [number, number] }, ms: number) =>
      ({ ...press, event: [press.event[0] + ms, press.event[1] + ms] }) as const;
    for (const [what, presses, options] of [
      ['both', [first, second], {}],
      ['both, nothing but events', [{ event: first.event }, { event: second.event }], {}],
      ['both, nothing but tones', [{ tone: first.tone }, { tone: second.tone }], {}],
      ['both, without audio meanwhile', [first, second], { audioUnderEvents: false }],
      ['events 40 ms late', [late(first, 40), late(second, 40)], {}],
      ['events 200 ms late', [late(first, 200), late(second, 200)], {}],
      [
        'events whose packets are 200 ms late',
        [
          { ...first, late: 200 },
          { ...second, late: 200 },
        ],
        {},
      ],
    ] as const) {
      const all = presses.map((press): Press => ({ key: '5', ...press }));
      const heard = await hear(pressed(all, options));
      assert.equal(heard.keys.length, 2, `${what}, ${gap} ms apart: ${keysOf(heard).join(' ')}`);
    }
  }
});

const way = fc.record({
  tone: fc.boolean(),
  event: fc.boolean(),
  /** The event's timestamps against the tone, its packets against their timestamps, ms. */
  apart: fc.integer({ min: -14, max: 14 }).map((frames) => 20 * frames),
  late: fc.integer({ min: 0, max: 15 }).map((frames) => 20 * frames),
  overtaken: fc.boolean(),
  ms: fc.integer({ min: 3, max: 12 }).map((frames) => 20 * frames),
  lost: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  under: fc.boolean(),
});

test('both ways: whatever is heard of a press, and whenever within 300 ms, it is told once', async () => {
  await fc.assert(
    fc.asyncProperty(way, way, async (...ways) => {
      const presses = ways.map(({ apart, late, ms, ...heard }, index): Press => {
        const at = 400 + 1000 * index;
        const event = [at + apart, at + apart + ms] as const;
        const isTone = heard.tone || !heard.event;
        return {
          key: '5',
          ...(isTone && { tone: [at, at + ms] as const }),
          ...(heard.event && { event, late, overtaken: heard.overtaken }),
        };
      });
      const { under, lost } = ways[0];
      let events = 0;
      const packets = pressed(presses, { audioUnderEvents: under, lengthMs: 2600 }).filter(
        // Some of an event's packets, but not its ends.
        ({ payloadType, payload }) =>
          payloadType !== 101 || payload[1]! >= 0x80 || !lost[events++ % lost.length],
      );
      const { keys } = await hear(packets, 'both', 2600);
      assert.equal(keys.length, 2, keys.map(({ onset }) => onset / MS).join(' '));
    }),
    { numRuns: 150 },
  );
});

test('both ways: different keys in a row are told in their order', async () => {
  const keys = ['1', '2', '1', '3', '2'] as const;
  const presses = keys.map((key, index): Press => {
    const place = [400 + 130 * index, 480 + 130 * index] as const;
    // Every other one is a tone alone.
    return index % 2 === 0 ? { key, tone: place } : { key, tone: place, event: place };
  });
  const heard = await hear(pressed(presses));
  assert.equal(heard.keys.map(({ key }) => key).join(''), keys.join(''));
});

test('both ways: the noise of the line is no speech after a key, however silent the key was', async () => {
  const presses = [500, 1000].map((at): Press => {
    const place = [at, at + 100] as const;
    return { key: '1', tone: place, event: place };
  });
  const { keys, speech } = await hear(pressed(presses));
  assert.deepEqual([keys.length, speech], [2, 0]);
});

test('events: in this mode tones are nothing but sound; auto: only where no events were agreed on are they heard', async () => {
  const packets = pressed([{ key: '5', tone: [500, 600] }]);
  assert.deepEqual(keysOf(await hear(packets, 'events')), []);
  assert.deepEqual(keysOf(await hear(packets, 'auto')), []);
  const withoutEvents = { receive: { 0: 'PCMU' }, sendEventPayloadType: undefined } as const;
  for (const [dtmf, told] of [
    ['events', 0],
    ['auto', 1],
    ['both', 1],
  ] as const) {
    const { keys } = await hearOnWire(wiredLine(withoutEvents, { dtmf }), datagrams(packets), 2000);
    assert.equal(keys.length, told, dtmf);
  }
});

test('auto: who answered without events is listened to in the audio, though events were offered', async () => {
  const packets = pressed([{ key: '5', tone: [500, 600] }]);
  const wire = wiredLine({ ...USUAL, sendEventPayloadType: undefined });
  assert.equal(wire.line.keyDelay, 640);
  const heard = await hearOnWire(wire, datagrams(packets), 2000);
  assert.equal(heard.keys.length, 1);
});

test('a tone of which packets are lost in the middle is one press', async () => {
  const packets = pressed([{ key: '5', tone: [500, 700] }]);
  for (const from of [540, 560, 580, 600]) {
    const script = packets.filter(({ at }) => at <= from || at > from + 60);
    assert.equal((await hear(script)).keys.length, 1, `60 ms lost from ${from} ms on`);
  }
});

/** Read beside the others: the pieces that a press is sent in. */
test('a press as phones send it is heard alike in both modes', async () => {
  const pieces: readonly Piece[] = [{ pausesMs: 500 }, { key: '9' }, { pausesMs: 400 }];
  for (const dtmf of ['auto', 'both', 'events'] as const)
    assert.deepEqual(keysOf(await hear(packetsOf(pieces), dtmf)), ['9@500']);
});
