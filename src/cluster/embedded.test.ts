import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../test/support/virtual-clock.ts';
import { embeddedCluster } from './embedded.ts';

const cluster = () => embeddedCluster<string, string, number>();

test('a call that nobody owns is noOwner, before it is owned and after it was given up', async () => {
  const one = cluster();
  assert.equal(await one.ask('a', 'hello'), 'noOwner');
  const release = one.own('a', async (command) => `${command} to you`);
  assert.equal(await one.ask('a', 'hello'), 'hello to you');
  assert.equal(await one.ask('b', 'hello'), 'noOwner');
  release();
  assert.equal(await one.ask('a', 'hello'), 'noOwner');
});

test('a call has one owner', () => {
  const one = cluster();
  const release = one.own('a', async () => 'first');
  assert.throws(() => one.own('a', async () => 'second'), { code: 'alreadyOwned' });
  release();
  const releaseSecond = one.own('a', async () => 'second');
  release();
  assert.throws(() => one.own('a', async () => 'third'), { code: 'alreadyOwned' });
  releaseSecond();
});

test('commands are answered one at a time, in order, and one that fails does not stop the next', async () => {
  const one = cluster();
  const log: string[] = [];
  const gates = new Map<string, () => void>();
  one.own('a', async (command) => {
    log.push(`start ${command}`);
    await new Promise<void>((resolve) => gates.set(command, resolve));
    log.push(`end ${command}`);
    if (command === '1') throw new Error('broken');
    return command;
  });
  const first = one.ask('a', '1');
  const second = one.ask('a', '2');
  await settle();
  assert.deepEqual(log, ['start 1']);
  gates.get('1')?.();
  await assert.rejects(first, /broken/);
  await settle();
  gates.get('2')?.();
  assert.equal(await second, '2');
  assert.deepEqual(log, ['start 1', 'end 1', 'start 2', 'end 2']);
});

test('a command that still waits when the call is given up is noOwner', async () => {
  const one = cluster();
  const release = one.own('a', async (command) => {
    if (command === 'leave') release();
    return 'done';
  });
  assert.deepEqual(await Promise.all([one.ask('a', 'leave'), one.ask('a', 'late')]), ['done', 'noOwner']);
});

test('publish resolves when every consumer asked for the next fact', async () => {
  const one = cluster();
  const stop = new AbortController();
  const quick = one.events(stop.signal)[Symbol.asyncIterator]();
  const slow = one.events(stop.signal)[Symbol.asyncIterator]();
  let published = false;
  void one.publish(7).then(() => (published = true));
  assert.deepEqual(await quick.next(), { done: false, value: 7 });
  assert.deepEqual(await slow.next(), { done: false, value: 7 });
  void quick.next();
  await settle();
  assert.equal(published, false);
  void slow.next();
  await settle();
  assert.equal(published, true);
});

test('a consumer hears every fact since it called events, in order, until its signal aborts', async () => {
  const one = cluster();
  await one.publish(0);
  const stop = new AbortController();
  const facts = one.events(stop.signal);
  const published = Promise.all([1, 2, 3].map((fact) => one.publish(fact)));
  const heard: number[] = [];
  const consumer = (async () => {
    for await (const fact of facts) heard.push(fact);
  })();
  await published;
  stop.abort();
  await consumer;
  await one.publish(4);
  assert.deepEqual(heard, [1, 2, 3]);
});

test('a consumer that leaves or is aborted holds nobody up', async () => {
  const one = cluster();
  const leaver = one.events(new AbortController().signal);
  const stop = new AbortController();
  one.events(stop.signal);
  const published = Promise.all([one.publish(1), one.publish(2)]);
  for await (const fact of leaver) {
    assert.equal(fact, 1);
    break;
  }
  stop.abort();
  await published;
  assert.deepEqual(await one.events(stop.signal)[Symbol.asyncIterator]().next(), {
    done: true,
    value: undefined,
  });
});
