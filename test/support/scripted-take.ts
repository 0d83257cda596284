/** A take in memory that holds an operation to the rules of Take. */
import assert from 'node:assert/strict';
import type { TakeSpec } from '../../src/operation/operation.ts';
import type { Take } from '../../src/recording/take.ts';

export class ScriptedTake implements Take {
  readonly samples: number[] = [];
  readonly spec: TakeSpec;
  /** How many samples were final after each `settle`. */
  readonly settled: number[] = [];
  sealed = 0;
  /** How often it was to be cut below what was settled. */
  overreached = 0;
  /** What `seal` fails with. */
  failure: Error | undefined;
  /** Then: how much is on disk. */
  onDisk = 0;
  refused = false;
  /** `seal` waits for it. */
  disk: Promise<void> | undefined;
  readonly onGrown: (samples: number) => void;

  constructor(spec: TakeSpec, onGrown: (samples: number) => void) {
    this.spec = spec;
    this.onGrown = onGrown;
  }

  get length(): number {
    return this.samples.length;
  }

  get written(): number {
    return this.failure ? this.onDisk : this.length;
  }

  append(samples: Int16Array, from = 0, to = samples.length): void {
    assert.equal(this.sealed, 0, 'a sealed take takes nothing more');
    assert.ok(from <= to && to <= samples.length, `[${from}, ${to}) of ${samples.length}`);
    for (let index = from; index < to; index++) this.samples.push(samples[index]!);
  }

  settle(upTo = this.length): void {
    this.settled.push(Math.max(this.settled.at(-1) ?? 0, Math.min(upTo, this.length)));
  }

  cut(length: number): void {
    assert.ok(length >= 0 && length <= this.length, `${length} of ${this.length}`);
    const settled = this.settled.at(-1) ?? 0;
    if (length < settled) this.overreached++;
    this.samples.length = Math.max(length, settled);
  }

  async seal(): Promise<number> {
    this.sealed++;
    await this.disk;
    if (this.failure) throw this.failure;
    return this.length;
  }
}

/** Opens takes and keeps them. */
export function scriptedTakes(prepare: (take: ScriptedTake) => void = () => {}) {
  const takes: ScriptedTake[] = [];
  const openTake = (spec: TakeSpec, onGrown: (samples: number) => void) => {
    const take = new ScriptedTake(spec, onGrown);
    prepare(take);
    takes.push(take);
    return take;
  };
  return { takes, openTake };
}
