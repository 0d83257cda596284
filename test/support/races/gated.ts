/** Parts of a stage behind gates. */
import type { Store, StoredRecord } from '../../../src/store/store.ts';
import { MemoryStore } from '../memory-store.ts';
import { ScriptedEngine } from '../scripted-engine.ts';
import { ScriptedRecordings } from '../scripted-recordings.ts';
import type { Gates } from './gates.ts';

/** A disk that takes its time, and at times refuses. */
export class GatedStore extends MemoryStore {
  readonly #gates: Gates;

  constructor(now: () => number, gates: Gates) {
    super(now);
    this.#gates = gates;
  }

  override async get<T>(key: string): Promise<StoredRecord<T> | undefined> {
    await this.#gates.pass('store');
    return super.get(key);
  }

  override async put(...[key, value, options]: Parameters<Store['put']>): Promise<number> {
    await this.#gates.pass('store');
    return super.put(key, value, options);
  }

  override async delete(key: string): Promise<boolean> {
    await this.#gates.pass('store');
    return super.delete(key);
  }
}

export class GatedEngine extends ScriptedEngine {
  readonly #gates: Gates;

  constructor(gates: Gates) {
    super();
    this.#gates = gates;
  }

  override async openLine() {
    await this.#gates.pass('engine');
    return super.openLine();
  }
}

export class GatedRecordings extends ScriptedRecordings {
  readonly #gates: Gates;

  constructor(gates: Gates) {
    super();
    this.#gates = gates;
  }

  override async prepare() {
    await this.#gates.pass('prepare');
    return super.prepare();
  }

  override async finish(...parameters: Parameters<ScriptedRecordings['finish']>) {
    await this.#gates.pass('finish');
    return super.finish(...parameters);
  }

  override async discard(recordingId: string) {
    await this.#gates.pass('discard');
    return super.discard(recordingId);
  }
}
