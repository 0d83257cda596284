import assert from 'node:assert/strict';
import { callPath, isFinalOperation, isState, type Notification } from './bot.ts';

/**
 * Holds what a bot was told of one call to the promises: numbered 1, 2, 3 … in the order they came, repeats under the same id and number only, one
 * final notification for each operation, `created` first and `terminated` last. `told`: everything that came, repeats as well, of a call that is over.
 */
export function checkTold(told: readonly Notification[]): readonly Notification[] {
  const first = new Map<string, Notification>();
  for (const one of told) {
    const id = String(one.headers['tonearm-notification-id']);
    const before = first.get(id);
    if (before === undefined) first.set(id, one);
    else
      assert.deepEqual(
        [one.headers['tonearm-sequence'], one.changeType, one.resourceData],
        [before.headers['tonearm-sequence'], before.changeType, before.resourceData],
        'a repeat is the same',
      );
  }
  const all = [...first.values()];
  const what = () => all.map((one) => `${one.changeType} ${one.resource} ${one.resourceData.state ?? ''}`);
  assert.deepEqual(
    all.map((one) => Number(one.headers['tonearm-sequence'])),
    all.map((_, index) => index + 1),
    `in order, none missing: ${what().join('; ')}`,
  );
  assert.ok(isState('incoming')(all[0]!), `created first: ${what().join('; ')}`);
  const ends = all.filter((one) => one.changeType === 'deleted' && !isFinalOperation(one));
  assert.deepEqual(ends, [all.at(-1)], `terminated once, and last: ${what().join('; ')}`);
  const finals = all.filter(isFinalOperation).map(({ resource }) => resource);
  assert.equal(new Set(finals).size, finals.length, `one final notification each: ${what().join('; ')}`);
  return all;
}

/** By call. */
export function byCall(notifications: readonly Notification[]): Map<string, Notification[]> {
  return Map.groupBy(notifications, callPath);
}
