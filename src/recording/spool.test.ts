import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { openTake, type TakeSpec } from './spool.ts';
import { readJournal, type TakeFiles } from './spool-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-spool-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let takes = 0;
const spec = (blockMs = 1000): TakeSpec => ({
  recordingId: `take-${++takes}`,
  folder,
  callId: 'call',
  operationId: 'operation',
  blockMs,
});

/** Every sample different from its neighbours, and from those a block away. */
const ramp = (length: number, from = 0) =>
  Int16Array.from({ length }, (_, i) => ((from + i) * 7919) % 32_768);
const spooled = ({ recordingId }: TakeSpec) => {
  const bytes = readFileSync(join(folder, `${recordingId}.pcm`));
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

/** A disk in memory. `write` decides when, and whether, a write is done. */
class Disk implements TakeFiles {
  readonly samples: number[] = [];
  sealed: number | undefined;
  writes = 0;
  readonly #write: (count: number) => Promise<void> | void;

  constructor(write: (count: number) => Promise<void> | void = () => {}) {
    this.#write = write;
  }

  async write(samples: Int16Array, at: number): Promise<void> {
    await this.#write(++this.writes);
    for (let i = 0; i < samples.length; i++) this.samples[at + i] = samples[i]!;
  }

  async seal(samples: number): Promise<void> {
    this.sealed = samples;
  }
}

test('what was appended is in the file when the take is sealed, little-endian, and the journal says whose it is', async () => {
  const take = spec();
  const grown: number[] = [];
  const spool = openTake(take, (samples) => grown.push(samples));
  const samples = ramp(20_000);
  spool.append(samples, 0, 13_000);
  spool.append(samples, 13_000);
  assert.equal(spool.length, 20_000);
  assert.equal(await spool.seal(), 20_000);
  assert.deepEqual(spooled(take), samples);
  assert.deepEqual(grown, [8000, 16_000, 20_000]);
  assert.deepEqual(await readJournal(folder, take.recordingId), {
    recordingId: take.recordingId,
    callId: 'call',
    operationId: 'operation',
    sealed: 20_000,
  });
  const names = readdirSync(folder).filter((name) => name.startsWith(`${take.recordingId}.`));
  assert.deepEqual(names.sort(), [`${take.recordingId}.json`, `${take.recordingId}.pcm`]);
});

test('a journal is there before the take is sealed, without a length', async () => {
  const take = spec();
  const { promise, resolve } = Promise.withResolvers<number>();
  const spool = openTake(take, resolve);
  spool.append(ramp(8000));
  spool.settle();
  assert.equal(await promise, 8000);
  assert.equal((await readJournal(folder, take.recordingId))?.sealed, undefined);
  assert.equal((await readJournal(folder, take.recordingId))?.callId, 'call');
  assert.deepEqual(spooled(take), ramp(8000));
  await spool.seal();
});

test('what is not settled is not written, and can be cut off', async () => {
  const disk = new Disk();
  const grown: number[] = [];
  const spool = openTake(
    spec(),
    (samples) => grown.push(samples),
    async () => disk,
  );
  spool.append(ramp(12_000));
  spool.settle();
  spool.append(ramp(12_000, 12_000));
  await turn();
  assert.deepEqual(grown, [8000]);
  spool.cut(15_000);
  assert.equal(spool.length, 15_000);
  spool.cut(100);
  assert.equal(spool.length, 12_000, 'never below what was settled');
  spool.cut(50_000);
  assert.equal(spool.length, 12_000, 'and never longer');
  assert.equal(await spool.seal(), 12_000);
  assert.deepEqual(disk.samples, [...ramp(12_000)]);
});

test('a take that somebody reads along is written in smaller blocks', async () => {
  const grown: number[] = [];
  const spool = openTake(
    spec(250),
    (samples) => grown.push(samples),
    async () => new Disk(),
  );
  spool.append(ramp(4500));
  spool.settle();
  await turn();
  assert.deepEqual(grown, [2000, 4000]);
  await spool.seal();
});

test('an empty take leaves an empty file', async () => {
  const take = spec();
  const spool = openTake(take, () => assert.fail('nothing grew'));
  assert.equal(await spool.seal(), 0);
  assert.equal(spooled(take).length, 0);
  assert.equal((await readJournal(folder, take.recordingId))?.sealed, 0);
});

test('sealing twice gives the same, and what comes after it is not kept', async () => {
  const disk = new Disk();
  const spool = openTake(
    spec(),
    () => {},
    async () => disk,
  );
  spool.append(ramp(10));
  const sealing = spool.seal();
  spool.append(ramp(9000));
  spool.settle();
  assert.equal(await spool.seal(), 10);
  assert.equal(await sealing, 10);
  assert.equal(disk.samples.length, 10);
});

test('a disk that is slow for a while loses nothing', async () => {
  const gate = Promise.withResolvers<void>();
  const disk = new Disk(() => gate.promise);
  const spool = openTake(
    spec(),
    () => {},
    async () => disk,
  );
  for (let second = 0; second < 10; second++) {
    spool.append(ramp(8000, second * 8000));
    spool.settle();
  }
  await turn();
  gate.resolve();
  assert.equal(await spool.seal(), 80_000);
  assert.deepEqual(disk.samples, [...ramp(80_000)]);
});

test('a disk that stays too slow fails the take at its seal; the queue stays bounded and is kept', async () => {
  const gate = Promise.withResolvers<void>();
  const disk = new Disk(() => gate.promise);
  const spool = openTake(
    spec(),
    () => {},
    async () => disk,
  );
  for (let second = 0; second < 60; second++) {
    spool.append(ramp(8000, second * 8000));
    spool.settle();
    await turn();
  }
  assert.equal(spool.length, 480_000, 'the take goes on counting');
  gate.resolve();
  await assert.rejects(spool.seal(), { code: 'spoolFailed', message: /too slow.*10\.0 s of it are kept/ });
  assert.deepEqual(disk.samples, [...ramp(80_000)]);
  assert.equal(disk.sealed, 80_000);
});

test('a write that fails keeps what was written before, and nothing after it', async () => {
  const disk = new Disk((count) => {
    if (count === 3) throw new Error('no space left on device');
  });
  const grown: number[] = [];
  const spool = openTake(
    spec(),
    (samples) => grown.push(samples),
    async () => disk,
  );
  for (let second = 0; second < 6; second++) {
    spool.append(ramp(8000, second * 8000));
    spool.settle();
    await turn();
  }
  spool.append(ramp(100));
  await assert.rejects(spool.seal(), {
    code: 'spoolFailed',
    message: /no space left.*2\.0 s of it are kept/,
  });
  assert.deepEqual(grown, [8000, 16_000]);
  assert.deepEqual(disk.samples, [...ramp(16_000)]);
  assert.equal(disk.writes, 3);
});

test('a full disk fails the take', { skip: process.platform !== 'linux' }, async () => {
  const take = spec();
  symlinkSync('/dev/full', join(folder, `${take.recordingId}.pcm`));
  const spool = openTake(take, () => assert.fail('nothing grew'));
  spool.append(ramp(9000));
  spool.settle();
  await assert.rejects(spool.seal(), { code: 'spoolFailed', message: /ENOSPC.*0\.0 s/ });
});

test('a spool folder that is none fails the take, and only when it is sealed', async () => {
  writeFileSync(join(folder, 'file'), '');
  for (const nowhere of [join(folder, 'file'), join(folder, 'missing')]) {
    const spool = openTake({ ...spec(), folder: nowhere }, () => {});
    for (let second = 0; second < 20; second++) {
      spool.append(ramp(8000));
      spool.settle();
      await turn();
    }
    assert.equal(spool.length, 160_000);
    await assert.rejects(spool.seal(), { code: 'spoolFailed', message: /ENOTDIR|ENOENT/ });
  }
});

test('a take that is cut and never sealed does not reject on its own', async () => {
  openTake({ ...spec(), folder: join(folder, 'missing') }, () => {});
  await turn();
  await turn();
});

test('any sequence of appends, settles and cuts leaves what an array would hold', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.nat(60), skip: fc.nat(5) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('cut' as const), back: fc.integer({ min: -5, max: 90 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  );
  return fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(3), async (steps, slowness) => {
      const disk = new Disk(async () => {
        for (let i = 0; i < slowness; i++) await null;
      });
      let last = 0;
      const model: number[] = [];
      let settled = 0;
      // Blocks of 16 samples.
      const spool = openTake(
        spec(2),
        (samples) => {
          assert.ok(samples > last && samples <= settled, 'only what is settled, and ever more');
          assert.deepEqual(disk.samples.slice(0, samples), model.slice(0, samples), 'it is on the disk');
          last = samples;
        },
        async () => disk,
      );
      let next = 0;
      for (const step of steps) {
        if (step.kind === 'append') {
          const samples = ramp(step.count + 2 * step.skip, next);
          next += samples.length;
          spool.append(samples, step.skip, step.skip + step.count);
          model.push(...samples.subarray(step.skip, step.skip + step.count));
        } else if (step.kind === 'settle') {
          spool.settle();
          settled = model.length;
        } else if (step.kind === 'cut') {
          spool.cut(spool.length - step.back);
          model.length = Math.max(settled, Math.min(model.length, model.length - step.back));
        } else await turn();
        assert.equal(spool.length, model.length);
      }
      settled = model.length;
      assert.equal(await spool.seal(), model.length);
      assert.deepEqual(disk.samples, model);
      assert.equal(last, model.length);
    }),
    { numRuns: 300 },
  );
});

/** Lets the writing behind have its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
