import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { openSpooledTake, testRing } from '../../test/support/spooled-take.ts';
import { createSpool, type TakeSpec } from './spool.ts';
import { readJournal, type TakeFiles } from './spool-files.ts';
import { createWorkerTakes } from './spool-writer.ts';
import { LENGTH } from './take.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-spool-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let takes = 0;
const spec = (changes: Partial<TakeSpec> = {}): TakeSpec => ({
  recordingId: `take-${++takes}`,
  folder,
  callId: 'call',
  operationId: 'operation',
  streamed: true,
  ...changes,
});

/** Every sample different from its neighbours, and from those a ring away. */
const ramp = (length: number, from = 0) =>
  Int16Array.from({ length }, (_, i) => ((from + i) * 7919) % 32_768);
const spooled = ({ recordingId }: TakeSpec) => {
  const bytes = readFileSync(join(folder, `${recordingId}.pcm`));
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

/** A disk in memory. `onWrite` is called before each write: it may throw. */
class Disk implements TakeFiles {
  readonly samples: number[] = [];
  sealed: number | undefined;
  writes = 0;
  readonly #onWrite: (count: number) => void;

  constructor(onWrite: (count: number) => void = () => {}) {
    this.#onWrite = onWrite;
  }

  write(samples: Int16Array, at: number): void {
    this.#onWrite(++this.writes);
    for (let i = 0; i < samples.length; i++) this.samples[at + i] = samples[i]!;
  }

  seal(samples: number): void {
    this.sealed = samples;
    this.samples.length = samples;
  }
}

test('what was appended is in the file when the take is sealed, little-endian, and the journal says whose it is', async () => {
  const take = spec();
  const spool = openSpooledTake(take);
  const samples = ramp(20_000);
  spool.append(samples, 0, 13_000);
  spool.settle();
  spool.append(samples, 13_000);
  assert.equal(spool.length, 20_000);
  assert.equal(await spool.seal(), 20_000);
  assert.equal(spool.written, 20_000);
  assert.deepEqual(spooled(take), samples);
  assert.deepEqual(await readJournal(folder, take.recordingId), {
    recordingId: take.recordingId,
    callId: 'call',
    rate: 8000,
    channels: 1,
    operationId: 'operation',
    sealed: 20_000,
  });
  const names = readdirSync(folder).filter((name) => name.startsWith(`${take.recordingId}.`));
  assert.deepEqual(names.sort(), [`${take.recordingId}.json`, `${take.recordingId}.pcm`]);
});

test('a journal is there before the take is sealed, without a length', async () => {
  const take = spec();
  const spool = openSpooledTake(take);
  spool.append(ramp(8000));
  spool.settle();
  assert.equal((await readJournal(folder, take.recordingId))?.sealed, undefined);
  assert.equal((await readJournal(folder, take.recordingId))?.callId, 'call');
  assert.deepEqual(spooled(take), ramp(8000));
  await spool.seal();
});

test('what is not settled is written but not told of, and can be cut off', async () => {
  const disk = new Disk();
  const grown: number[] = [];
  const spool = openSpooledTake(spec(), (samples) => grown.push(samples), { openFiles: () => disk });
  spool.append(ramp(12_000));
  spool.settle();
  spool.append(ramp(7000, 12_000));
  spool.poll();
  assert.deepEqual(grown, [12_000]);
  assert.equal(disk.samples.length, 19_000, 'whoever is killed now keeps it');
  spool.cut(15_000);
  assert.equal(spool.length, 15_000);
  spool.cut(100);
  assert.equal(spool.length, 12_000, 'never below what was settled');
  spool.cut(50_000);
  assert.equal(spool.length, 12_000, 'and never longer');
  assert.equal(await spool.seal(), 12_000);
  assert.equal(spool.written, 12_000);
  assert.deepEqual(disk.samples, [...ramp(12_000)]);
});

test('a key that may begin a stop tone holds nothing back from the disk, however long it waits for the next', async () => {
  const disk = new Disk();
  const spool = openSpooledTake(spec({ streamed: false }), () => {}, { openFiles: () => disk });
  for (let second = 1; second <= 30; second++) {
    spool.append(ramp(8000, (second - 1) * 8000));
    spool.poll();
    assert.equal(disk.samples.length, second * 8000);
  }
  assert.equal(await spool.seal(), 240_000);
  assert.deepEqual(disk.samples, [...ramp(240_000)]);
});

test('a take that somebody reads along is written at each turn, and told of; another each half second', async () => {
  for (const [streamed, size] of [
    [true, 4480],
    [false, 4000],
  ] as const) {
    const disk = new Disk();
    const grown: number[] = [];
    const spool = openSpooledTake(spec({ streamed }), (samples) => grown.push(samples), {
      openFiles: () => disk,
    });
    for (let frame = 0; frame < 28; frame++) {
      spool.append(ramp(160, frame * 160));
      spool.settle();
    }
    assert.equal(disk.samples.length, size);
    assert.equal(grown.length, streamed ? 28 : 0);
    await spool.seal();
  }
});

test('an empty take leaves an empty file', async () => {
  const take = spec();
  const spool = openSpooledTake(take, () => assert.fail('nothing grew'));
  assert.equal(await spool.seal(), 0);
  assert.equal(spooled(take).length, 0);
  assert.equal((await readJournal(folder, take.recordingId))?.sealed, 0);
});

test('sealing twice gives the same, and what comes after it is not kept', async () => {
  const disk = new Disk();
  const spool = openSpooledTake(spec(), () => {}, { openFiles: () => disk });
  spool.append(ramp(10));
  const sealing = spool.seal();
  spool.append(ramp(9000));
  spool.settle();
  assert.equal(await spool.seal(), 10);
  assert.equal(await sealing, 10);
  assert.equal(disk.samples.length, 10);
});

test('a spool that gets no turn for a while loses nothing, wherever in the ring a take begins', async () => {
  for (const after of [0, 161, 15_000]) {
    const disk = new Disk();
    const spool = openSpooledTake(spec(), () => {}, { openFiles: () => disk, slow: true, after });
    for (let second = 0; second < 9; second++) {
      spool.append(ramp(8000, second * 8000));
      spool.settle();
    }
    spool.poll();
    spool.append(ramp(8000, 72_000));
    assert.equal(await spool.seal(), 80_000);
    assert.deepEqual(disk.samples, [...ramp(80_000)]);
  }
});

test('a disk that stays too slow fails the take at its seal; the queue stays bounded and is kept', async () => {
  const disk = new Disk();
  const spool = openSpooledTake(spec(), () => {}, { openFiles: () => disk, slow: true });
  for (let second = 0; second < 60; second++) {
    spool.append(ramp(8000, second * 8000));
    spool.settle();
  }
  assert.equal(spool.length, 480_000, 'the take goes on counting');
  assert.equal(spool.refused, true);
  await assert.rejects(spool.seal(), { code: 'spoolFailed', message: /too slow.* 9\.\d s of it are kept/ });
  assert.ok(disk.sealed !== undefined && disk.sealed > 72_000 && disk.sealed <= 80_000);
  assert.deepEqual(disk.samples, [...ramp(disk.sealed)]);
  assert.equal(spool.written, disk.sealed);
});

test('what the ring lost while it was being written is written once more, from what was rescued', async () => {
  const disk = new Disk((count) => {
    // While the disk takes its time the line goes on, right over what is being written.
    if (count === 1) spool.append(ramp(16_000, 8000));
  });
  const spool = openSpooledTake(spec(), () => {}, { openFiles: () => disk, slow: true });
  spool.append(ramp(8000));
  spool.settle();
  spool.poll();
  spool.settle();
  assert.equal(await spool.seal(), 24_000);
  assert.deepEqual(disk.samples, [...ramp(24_000)]);
});

test('a write that fails keeps what was written before, and nothing after it', async () => {
  const disk = new Disk((count) => {
    if (count === 3) throw new Error('no space left on device');
  });
  const grown: number[] = [];
  const spool = openSpooledTake(spec(), (samples) => grown.push(samples), { openFiles: () => disk });
  for (let block = 0; block < 6; block++) {
    spool.append(ramp(2000, block * 2000));
    spool.settle();
  }
  assert.equal(spool.refused, true);
  spool.append(ramp(100));
  await assert.rejects(spool.seal(), {
    code: 'spoolFailed',
    message: /no space left.*0\.5 s of it are kept/,
  });
  assert.deepEqual(grown, [2000, 4000]);
  assert.deepEqual(disk.samples, [...ramp(4000)]);
  assert.equal(disk.writes, 3);
});

test('a full disk fails the take', { skip: process.platform !== 'linux' }, async () => {
  const take = spec();
  symlinkSync('/dev/full', join(folder, `${take.recordingId}.pcm`));
  const spool = openSpooledTake(take, () => assert.fail('nothing grew'));
  spool.append(ramp(9000));
  spool.settle();
  await assert.rejects(spool.seal(), { code: 'spoolFailed', message: /ENOSPC.*0\.0 s/ });
});

test('a spool folder that is none fails the take, and only when it is sealed', async () => {
  writeFileSync(join(folder, 'file'), '');
  for (const nowhere of [join(folder, 'file'), join(folder, 'missing')]) {
    const spool = openSpooledTake(spec({ folder: nowhere }));
    for (let second = 0; second < 20; second++) {
      spool.append(ramp(8000));
      spool.settle();
    }
    assert.equal(spool.length, 160_000);
    await assert.rejects(spool.seal(), { code: 'spoolFailed', message: /ENOTDIR|ENOENT/ });
  }
});

test('a take whose worker died is sealed with all that it had heard', async () => {
  const take = spec();
  const spool = openSpooledTake(take);
  const other = openSpooledTake(spec({ folder: join(folder, 'missing') }));
  spool.append(ramp(9000));
  spool.settle(8500);
  spool.append(ramp(500, 9000));
  assert.deepEqual(spool.abandon(), [{ recordingId: take.recordingId, samples: 9500 }]);
  assert.deepEqual(spooled(take), ramp(9500));
  assert.equal((await readJournal(folder, take.recordingId))?.sealed, 9500);
  assert.equal(other.abandon()[0]?.samples, 0);
});

test('takes of a spool whose thread died fail when they are sealed, those that are opened later too', async () => {
  const spool = createSpool({ postMessage() {} });
  const before = spool.openTake(spec(), testRing(), () => {});
  spool.lost();
  const later = spool.openTake(spec(), testRing(), () => {});
  for (const take of [before, later])
    await assert.rejects(take.seal(), { code: 'spoolFailed', message: /thread that writes it died/ });
});

test('any sequence of appends, settles, cuts and turns of the spool leaves what an array would hold', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.nat(3000), skip: fc.nat(5) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  );
  return fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.nat(20_000),
      fc.integer({ min: -5, max: 5000 }),
      async (steps, after, back) => {
        const disk = new Disk();
        let last = 0;
        const model: number[] = [];
        let settled = 0;
        const spool = openSpooledTake(
          spec(),
          (samples) => {
            assert.ok(samples > last && samples <= settled, 'only what is settled, and ever more');
            assert.deepEqual(disk.samples.slice(0, samples), model.slice(0, samples), 'it is on the disk');
            last = samples;
          },
          { openFiles: () => disk, slow: true, after },
        );
        for (const step of steps) {
          if (step.kind === 'append') {
            // No more than the queue takes.
            if (model.length - spool.written > 60_000) spool.poll();
            const samples = ramp(step.count + 2 * step.skip, model.length);
            spool.append(samples, step.skip, step.skip + step.count);
            model.push(...samples.subarray(step.skip, step.skip + step.count));
          } else if (step.kind === 'settle') {
            spool.settle();
            settled = model.length;
          } else spool.poll();
          assert.equal(spool.length, model.length);
          if (model.length > 70_000) break;
        }
        spool.cut(spool.length - back);
        model.length = Math.max(settled, Math.min(model.length, model.length - back));
        settled = model.length;
        assert.equal(await spool.seal(), model.length);
        assert.deepEqual(disk.samples, model);
      },
    ),
    { numRuns: 200 },
  );
});

test('of many takes some are written at a time, each in its turn, also while takes come and go', () => {
  const disks = new Map<string, Disk>();
  const takes = createWorkerTakes(
    () => {},
    ({ recordingId }) => {
      const disk = new Disk();
      disks.set(recordingId, disk);
      return disk;
    },
  );
  assert.equal(takes.idle, true);
  const rings = Array.from({ length: 12 }, () => testRing());
  const open = (take: number) => {
    takes.take({ type: 'open', take, spec: spec({ recordingId: `r${take}` }), ring: rings[take]! });
    takes.take({ type: 'begin', take, start: 0 });
    const { marks, marksAt } = rings[take]!;
    marks[marksAt + LENGTH] = 4000;
  };
  const written = () => [...disks].filter(([, { writes }]) => writes > 0).map(([id]) => id);
  for (let take = 0; take < 10; take++) open(take);
  takes.poll(0.2);
  assert.deepEqual(written(), ['r0', 'r1']);
  const gone = { length: 0, at: 0, samples: new Int16Array(0), failure: undefined };
  takes.take({ type: 'seal', take: 2, ...gone });
  open(10);
  takes.poll(0.2);
  assert.deepEqual(written(), ['r0', 'r1', 'r3', 'r4']);
  for (let turn = 0; turn < 4; turn++) takes.poll(0.2);
  assert.deepEqual(written(), ['r0', 'r1', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10']);
  open(11);
  takes.poll(0.05);
  assert.equal(written().length, 10, 'half a turn is none');
  for (const { marks, marksAt } of rings) marks[marksAt + LENGTH] = 8000;
  takes.poll();
  const writes = (id: string) => disks.get(id)?.writes;
  assert.deepEqual(
    ['r0', 'r1', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'r11'].map(writes),
    [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1],
    'all of them have their turn at once',
  );
  for (const take of [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11]) takes.take({ type: 'seal', take, ...gone });
  assert.equal(takes.idle, true);
  takes.poll();
});
