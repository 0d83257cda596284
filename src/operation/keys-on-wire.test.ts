/** Stop tones and barge-in by keys that come as events, as tones in the audio, or as both: from datagrams to takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Press, pressed, QUIETLY } from '../../test/support/pressed.ts';
import { recordOnWire } from '../../test/support/recorded-wire.ts';
import { assertSame, assertSilent } from '../../test/support/said.ts';
import { datagrams } from '../../test/support/sender.ts';
import { wiredLine } from '../../test/support/wired-line.ts';
import type { DtmfMode } from '../media/keys.ts';
import type { Key } from '../media/line.ts';

const MS = 8;
const BOTH = { receive: { 0: 'PCMU', 101: 'telephone-event' } } as const;
const NO_EVENTS = { receive: { 0: 'PCMU' }, sendEventPayloadType: undefined } as const;

interface Way {
  readonly what: string;
  readonly dtmf: DtmfMode;
  readonly parameters?: typeof BOTH | typeof NO_EVENTS;
  /** How a press of 100 ms at so many ms is sent. */
  readonly press: (at: number) => Pick<Press, 'tone' | 'event' | 'late' | 'overtaken'>;
  readonly audioUnderEvents?: boolean;
}

const place = (at: number, ms = 100) => [at, at + ms] as const;
const WAYS: readonly Way[] = [
  {
    what: 'events in the place of audio',
    dtmf: 'auto',
    press: (at) => ({ event: place(at) }),
    audioUnderEvents: false,
  },
  {
    what: 'tones, without events agreed on',
    dtmf: 'auto',
    parameters: NO_EVENTS,
    press: (at) => ({ tone: place(at) }),
  },
  { what: 'tones, though events were agreed on', dtmf: 'both', press: (at) => ({ tone: place(at) }) },
  { what: 'both at once', dtmf: 'both', press: (at) => ({ tone: place(at), event: place(at) }) },
  {
    what: 'both, the event 60 ms behind its tone',
    dtmf: 'both',
    press: (at) => ({ tone: place(at), event: place(at + 60) }),
  },
  {
    what: 'both, 60 ms of the tone before the event',
    dtmf: 'both',
    press: (at) => ({ tone: place(at, 60), event: place(at + 60) }),
    audioUnderEvents: false,
  },
  {
    what: 'both, the tone 200 ms behind its event',
    dtmf: 'both',
    press: (at) => ({ tone: place(at + 200), event: place(at) }),
  },
  {
    what: 'both, the event 300 ms late',
    dtmf: 'both',
    press: (at) => ({ tone: place(at), event: place(at), late: 300, overtaken: true }),
  },
];

for (const { what, dtmf, parameters = BOTH, press, audioUnderEvents = true } of WAYS) {
  const record = (
    presses: readonly (readonly [key: Key, at: number])[],
    spec: Parameters<typeof recordOnWire>[3],
  ) => {
    const wire = wiredLine(parameters, { dtmf });
    const told: Key[] = [];
    wire.line.watchKeys((key) => told.push(key));
    const packets = pressed(
      presses.map(([key, at]): Press => ({ key, ...press(at) })),
      { audioUnderEvents },
    );
    return recordOnWire(wire, datagrams(packets), 2000, spec).then((recorded) => ({ ...recorded, told }));
  };

  test(`${what}: a stop tone ends the take where it began, and nothing of it is in there`, async () => {
    const { samples, end, told } = await record([['#', 800]], { spec: { stopTones: ['#'] } });
    assert.deepEqual([end.by, end.keys], ['stopTone', '#']);
    assert.deepEqual(told, ['#']);
    const off = samples.length / MS - 800;
    assert.ok(off > -6 && off <= 0, `it ends ${off} ms off`);
    assertSame(samples, QUIETLY, 0, samples.length);
  });

  test(`${what}: one press is half of the stop tone 11, two are all of it`, async () => {
    const stopTones = ['11'];
    const once = await record([['1', 500]], { spec: { stopTones, interKeyMs: 3000 } });
    assert.equal(once.end.by, 'hangUp');
    const twice = await record(
      [
        ['1', 500],
        ['1', 1000],
      ],
      { spec: { stopTones } },
    );
    assert.deepEqual([twice.end.by, twice.told.join('')], ['stopTone', '11']);
    assert.ok(Math.abs(twice.samples.length / MS - 500) <= 6, `${twice.samples.length / MS} ms`);
  });

  test(`${what}: a key that ends nothing is silence in the take`, async () => {
    const { samples, end, told } = await record([['5', 800]], {});
    assert.deepEqual([end.by, told], ['hangUp', ['5']]);
    assert.equal(samples.length, 2000 * MS);
    const { tone, event } = press(800);
    for (const [from, to] of [tone, event].filter((one) => one !== undefined))
      assertSilent(samples, from * MS, to * MS);
  });

  test(`${what}: a key breaks into the prompt once, and what is left of it is not in the take`, async () => {
    const { samples, end, told } = await record([['5', 800]], {
      prompt: new Int16Array(4000 * MS),
      spec: { bargeIn: true, stopTones: ['55', '#'], interKeyMs: 3000 },
    });
    assert.deepEqual([end.by, told], ['hangUp', ['5']]);
    // It begins when the key is sure, and ends with the call.
    const began = 2000 - samples.length / MS;
    assert.ok(began > 800 && began <= 900, `recorded from ${began} ms on`);
    const { tone = [0, 0], event = [0, 0] } = press(800);
    const over = Math.max(tone[1], event[1]) + 40;
    assertSilent(samples, 0, Math.max(0, Math.min(tone[1], event[1] || tone[1]) - began) * MS);
    assertSame(samples, QUIETLY, (over - began) * MS, samples.length, over * MS);
  });
}
