import { SqliteOutbox } from '../../src/notify/sqlite-outbox.ts';

/** On a disk that a test fills. */
export class FullableOutbox extends SqliteOutbox {
  full = false;
  #write<T>(step: () => T): T {
    if (this.full) throw new Error('database or disk is full');
    return step();
  }
  override append(...args: Parameters<SqliteOutbox['append']>) {
    return this.#write(() => super.append(...args));
  }
  override failed(...args: Parameters<SqliteOutbox['failed']>) {
    this.#write(() => super.failed(...args));
  }
  override delivered(...args: Parameters<SqliteOutbox['delivered']>) {
    this.#write(() => super.delivered(...args));
  }
  override gaveUp(...args: Parameters<SqliteOutbox['gaveUp']>) {
    this.#write(() => super.gaveUp(...args));
  }
}
