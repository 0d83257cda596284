import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { until } from '../../../test/support/recordings.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { openReader } from './event-reader.ts';

const NEWS = { total: 1 };

function stage() {
  const clock = new VirtualClock();
  const wire = new PassThrough();
  let beats = 0;
  const reader = openReader(wire, clock, () => beats++);
  return { clock, wire, reader, beats: () => beats };
}

test('for a reader who is behind little is kept, and reset tells him so when he has caught up', async () => {
  const { wire, reader } = stage();
  for (let news = 0; news < 100_000; news++) reader.send('undelivered', NEWS);
  assert.ok(wire.writableLength + wire.readableLength < 400_000);
  let isReady = false;
  const ready = reader.ready().then(() => {
    isReady = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!isReady);
  let text = '';
  wire.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  await ready;
  await until(() => text.endsWith('event: reset\nid: 1\ndata: {}\n\n'));
  reader.send('undelivered', NEWS);
  await until(() => text.endsWith('event: undelivered\nid: 1\ndata: {"total":1}\n\n'));
});

test('who takes nothing for a minute is let go of, and nobody waits for him', async () => {
  const { clock, wire, reader } = stage();
  while (wire.writableLength < 262_144) reader.send('undelivered', NEWS);
  reader.send('undelivered', NEWS);
  const closed = once(wire, 'close');
  await clock.advance(60_000);
  await closed;
  await reader.ready();
  assert.ok(reader.ended.aborted);
  assert.equal(clock.timers, 0);
});

test('a reader who ends costs nothing any more, and is told nothing', async () => {
  const { clock, wire, reader, beats } = stage();
  await clock.advance(15_000);
  assert.equal(beats(), 1);
  reader.end();
  reader.send('undelivered', NEWS);
  await clock.advance(60_000);
  assert.equal(beats(), 1);
  assert.equal(clock.timers, 0);
  assert.equal(wire.setEncoding('utf8').read(), 'retry: 2000\nid: 1\n\n:\n\n');
});
