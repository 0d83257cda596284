/** Keys that signalling tells of (INFO), alone and beside events and tones: stop tones, barge-in, and what is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Press, pressed, QUIETLY } from '../../test/support/pressed.ts';
import { recordOnWire } from '../../test/support/recorded-wire.ts';
import { assertSame } from '../../test/support/said.ts';
import { datagrams } from '../../test/support/sender.ts';
import { type Happening, USUAL, wiredLine } from '../../test/support/wired-line.ts';
import type { Key } from '../media/line.ts';

const MS = 8;

/** `infos`: when they come, and how long their key lasted as they say. `told`: every key, in order. */
async function record(
  infos: readonly { readonly at: number; readonly key: Key; readonly ms?: number }[],
  options: {
    readonly heard?: readonly Press[];
    readonly dtmf?: 'auto' | 'both' | 'events';
    readonly events?: boolean;
    readonly recorded?: Parameters<typeof recordOnWire>[3];
  } = {},
) {
  const { heard = [], dtmf = 'auto', events = true, recorded } = options;
  const parameters = events ? USUAL : ({ receive: { 0: 'PCMU' }, sendEventPayloadType: undefined } as const);
  const wire = wiredLine(parameters, { dtmf });
  const told: Key[] = [];
  wire.line.watchKeys((key) => told.push(key));
  const script: Happening[] = [
    ...datagrams(pressed(heard)),
    ...infos.map(({ at, key, ms = 100 }) => ({
      at,
      happens: (line: typeof wire.line) => line.takeKey(key, ms),
    })),
  ];
  return { ...(await recordOnWire(wire, script, 2000, recorded)), told: told.join('') };
}

const place = (at: number) => [at, at + 100] as const;

test('a stop tone ends the take with the frame that is next', async () => {
  const { samples, end, told } = await record([{ at: 805, key: '#' }], {
    recorded: { spec: { stopTones: ['#'] } },
  });
  assert.deepEqual([end.by, end.keys, told], ['stopTone', '#', '#']);
  const off = samples.length / MS - 805;
  assert.ok(Math.abs(off) <= 60, `it ends ${off} ms off`);
  assertSame(samples, QUIETLY, 0, samples.length);
});

test('one press is half of the stop tone 11, two are all of it', async () => {
  const spec = { stopTones: ['11'], interKeyMs: 3000 };
  const once = await record([{ at: 500, key: '1' }], { recorded: { spec } });
  assert.equal(once.end.by, 'hangUp');
  const twice = await record(
    [
      { at: 500, key: '1' },
      { at: 700, key: '1' },
    ],
    { recorded: { spec } },
  );
  assert.deepEqual([twice.end.by, twice.told], ['stopTone', '11']);
});

test('a key breaks into the prompt', async () => {
  const { samples, end, told } = await record([{ at: 800, key: '5' }], {
    recorded: { prompt: new Int16Array(4000 * MS), spec: { bargeIn: true, stopTones: ['#'] } },
  });
  assert.deepEqual([end.by, told], ['hangUp', '5']);
  const began = 2000 - samples.length / MS;
  assert.ok(began >= 780 && began <= 860, `recorded from ${began} ms on`);
});

test('a key is told on a line over which nothing comes', async () => {
  const wire = wiredLine();
  const told: Key[] = [];
  wire.line.watchKeys((key) => told.push(key));
  const script = [{ at: 500, happens: (line: typeof wire.line) => line.takeKey('7', 100) }];
  for (const _ of wire.ticks(script, 1000));
  await wire.line.close();
  assert.deepEqual(told, ['7']);
});

for (const late of [-200, -30, 0, 30, 200, 700])
  for (const [what, dtmf, events, press] of [
    ['an event', 'auto', true, (at: number) => ({ event: place(at) })],
    ['an event', 'events', true, (at: number) => ({ event: place(at) })],
    ['a tone', 'auto', false, (at: number) => ({ tone: place(at) })],
    ['an event and a tone', 'both', true, (at: number) => ({ event: place(at), tone: place(at) })],
  ] as const)
    test(`media.dtmf ${dtmf}: two presses that are ${what} each, and INFO ${late} ms later, are two`, async () => {
      const at = [500, 900];
      const { told } = await record(
        at.map((ms) => ({ at: ms + late, key: '1' })),
        { dtmf, events, heard: at.map((ms): Press => ({ key: '1', ...press(ms) })) },
      );
      assert.equal(told, '11');
    });

test('INFO that comes when a long press is over says how long it was: it is told once', async () => {
  const { told } = await record([{ at: 1720, key: '4', ms: 1200 }], {
    heard: [{ key: '4', event: [500, 1700] }],
  });
  assert.equal(told, '4');
  const held = await record([{ at: 1720, key: '4' }], { heard: [{ key: '4', event: [500, 1700] }] });
  assert.equal(held.told, '4');
});

test('another key is another press', async () => {
  const { told } = await record([{ at: 520, key: '2' }], { heard: [{ key: '1', event: place(500) }] });
  assert.equal(told, '12');
});
