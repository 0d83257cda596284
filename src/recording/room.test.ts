import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { watchRoom } from './room.ts';

/** A disk with so much room, on a clock that the test turns. */
function roomOf(look: () => Promise<number>) {
  const clock = new VirtualClock();
  return { clock, room: watchRoom({ folder: '/spool', minFreeBytes: 100_000_000, clock, look }) };
}

test('with room enough nothing is said; with less, how much there is, how much is asked for, and by which setting', async () => {
  let free = 100_000_000;
  const { room, clock } = roomOf(async () => free);
  await room.check();
  free = 99_999_999;
  await clock.advance(1001);
  await assert.rejects(room.check(), {
    code: 'noRoom',
    message: /\/spool: 99 MB are free there and recordings\.minFreeSpace asks for 100 MB/,
  });
  assert.equal(room.refused, 1);
  assert.equal(await room.free(), 99_999_999);
});

test('hundreds of recordings in a second look once', async () => {
  let looks = 0;
  const { room, clock } = roomOf(async () => ++looks * 1e9);
  for (let begun = 0; begun < 300; begun++) await room.check();
  assert.equal(looks, 1);
  await clock.advance(1001);
  await room.check();
  assert.equal(looks, 2);
});

test('a disk that does not answer takes no recording, and those that ask wait no longer than 3 s', async () => {
  const { room, clock } = roomOf(() => new Promise(() => {}));
  const refused = assert.rejects(room.check(), { code: 'noRoom', message: /not answered for 3 s/ });
  await clock.advance(3000);
  await refused;
});

test('a folder that is there has room; one that has vanished says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-room-'));
  const clock = new VirtualClock();
  const room = watchRoom({ folder, minFreeBytes: 1, clock });
  await room.check();
  assert.ok((await room.free()) > 1);
  rmSync(folder, { recursive: true });
  await clock.advance(1001);
  await assert.rejects(room.check(), { code: 'noRoom', message: /ENOENT/ });
  assert.ok(Number.isNaN(await room.free()));
  assert.equal(clock.timers, 0);
});
