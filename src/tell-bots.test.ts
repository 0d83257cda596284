import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../test/support/api-stage.ts';
import { EVERYWHERE } from '../test/support/notifier-stage.ts';
import { settle, VirtualClock } from '../test/support/virtual-clock.ts';
import type { CallSnapshot, Command, Fact, Reply } from './call/model.ts';
import { embeddedCluster } from './cluster/embedded.ts';
import { silentLog } from './log.ts';
import { startNotifier } from './notify/notifier.ts';
import { openSqliteOutbox } from './notify/sqlite-outbox.ts';
import { callbackRules } from './outbound/callbacks.ts';
import { tellBots } from './tell-bots.ts';

const change = (state: CallSnapshot['state'], kind: 'created' | 'deleted', revision: number): Fact => ({
  kind: 'call',
  change: kind,
  call: call({ state, revision }),
});

test('a stop waits for the last notification of a call that the bot had received all of before', async () => {
  const clock = new VirtualClock();
  const cluster = embeddedCluster<Command, Reply, Fact>();
  const answers: (() => void)[] = [];
  const notifier = startNotifier({
    outbox: openSqliteOutbox(':memory:'),
    authorize: async () => 'token',
    callbacks: callbackRules({ ...EVERYWHERE, loopback: true }),
    callbackOf: () => undefined,
    clock,
    log: silentLog,
    deliver: () => new Promise((resolve) => answers.push(() => resolve({ outcome: 'received' }))),
  });
  const telling = tellBots({ cluster, notifier, clock, log: silentLog });
  await cluster.publish(change('incoming', 'created', 1));
  await settle();
  answers.shift()?.();
  await settle();
  await cluster.publish(change('terminated', 'deleted', 2));
  await settle();

  let settled = false;
  void telling.settled(3000).then(() => (settled = true));
  await settle();
  assert.equal(settled, false, 'the bot has not answered');
  answers.shift()?.();
  await settle();
  assert.equal(settled, true);
  await telling.stop();
  await notifier.close();
});
