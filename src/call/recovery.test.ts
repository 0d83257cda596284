import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordRequest, setStage } from '../../test/support/call-stage.ts';
import type { MemoryStore } from '../../test/support/memory-store.ts';
import { settle } from '../../test/support/virtual-clock.ts';

/** Another process over what the first one's store held at this moment. */
function restart(store: MemoryStore) {
  return setStage({ store: store.copy() });
}

test('a call that rang is told as terminated', async () => {
  const before = setStage();
  await before.ring();
  const after = restart(before.store);
  await after.calls.recover();
  assert.deepEqual(after.told(), ['deleted terminated']);
  const { id, ending, revision } = after.lastCall();
  assert.deepEqual([id, ending?.by, revision], [before.callIds()[0], 'shutdown', 2]);
});

test('a call that the bot placed is told as terminated, whether it rang or was being transferred', async () => {
  const ringing = setStage();
  await ringing.create();
  ringing.userAgent.dialled[0]?.ring();
  await settle();
  const transferring = setStage();
  await transferring.establish();
  const target = { kind: 'user', id: 'sip:carol@phones.example', displayName: undefined } as const;
  await transferring.ask({ name: 'transfer', target });
  await settle();
  for (const before of [ringing, transferring]) {
    const after = restart(before.store);
    await after.calls.recover();
    assert.deepEqual(after.told(), ['updated terminating', 'deleted terminated']);
    assert.equal(after.lastCall().ending?.by, 'shutdown');
  }
});

test('operations get their last fact, with what was captured, then the call is terminated', async () => {
  const before = setStage();
  await before.establish();
  const done = await before.start({ name: 'playPrompt' });
  before.engine.line.running.end('finished');
  const recording = await before.start({ name: 'record' });
  const waiting = await before.start({ name: 'record' });
  before.engine.line.running.record(16_000);
  await settle();

  const after = restart(before.store);
  after.recordings.recovered = [
    {
      recordingId: 'recording-1',
      callId: recording.callId,
      operationId: recording.id,
      bytes: 64_044,
      durationMs: 2000,
      sha256: '',
    },
  ];
  await after.calls.recover();
  assert.deepEqual(after.told(), [
    'deleted record failed error with recording',
    'deleted record failed error',
    'updated terminating',
    'deleted terminated',
  ]);
  const reply = await after.ask({ name: 'listOperations' }, recording.callId);
  const operations = (reply.ok && reply.operations) || [];
  assert.deepEqual(
    operations.map(({ id }) => id),
    [done.id, recording.id, waiting.id],
  );
  assert.deepEqual(operations[1]?.recording, {
    location: 'http://tonearm/recording-1',
    accessToken: 'token-1',
  });
  assert.deepEqual(operations[1]?.end, {
    by: 'error',
    message: 'the server was restarted',
    recovered: true,
    take: { recordingId: 'recording-1', samples: 16_000, rate: 8000, spoken: true },
  });
  const gone = await after.ask({ name: 'get' }, recording.callId);
  assert.equal(!gone.ok && gone.error, 'callEnded');
});

test('a recording that was finished right before the end is not lost', async () => {
  const before = setStage();
  await before.establish();
  await before.start({ name: 'record', request: { ...recordRequest, streaming: true } });
  before.engine.line.running.record(8000);
  await settle();
  const after = restart(before.store);
  after.recordings.finished.add('recording-1');
  await after.calls.recover();
  assert.equal(after.told()[0], 'deleted record failed error with recording');
});

test('what was told in full is not told again', async () => {
  const before = setStage();
  const invite = await before.establish();
  await before.start({ name: 'playPrompt' });
  invite.dialog!.hangUp();
  await settle();
  const after = restart(before.store);
  await after.calls.recover();
  assert.deepEqual(after.told(), []);
});

test('a process killed between any two writes leaves no call untold: every fact in order, repeats only of the last', async () => {
  const copies: { readonly store: MemoryStore; readonly told: number }[] = [];
  const before = setStage();
  const put = before.store.put.bind(before.store);
  before.store.put = async (...args) => {
    copies.push({ store: before.store.copy(), told: before.told().length });
    return put(...args);
  };
  const invite = await before.establish();
  await before.start({ name: 'record', request: { ...recordRequest, streaming: true } });
  before.engine.line.running.record(8000);
  await settle();
  invite.dialog!.hangUp();
  await settle();

  assert.ok(copies.length > 12);
  for (const { store, told } of copies) {
    const earlier = before.told().slice(0, told);
    const after = restart(store);
    await after.calls.recover();
    const later = after.told();
    if (later[0] === earlier.at(-1)) later.shift();
    const all = [...earlier, ...later];
    if (all.length === 0) continue;
    assert.equal(all[0], 'created incoming');
    assert.equal(all.at(-1), 'deleted terminated');
    assert.equal(new Set(all).size, all.length, `told twice: ${all}`);
    const concluded = all.filter((what) => what.startsWith('deleted record')).length;
    assert.equal(concluded, all.some((what) => what.includes('record')) ? 1 : 0);
  }
});

test('a live call of this process is left alone', async () => {
  const stage = setStage();
  await stage.establish();
  await stage.calls.recover();
  assert.equal(stage.told().at(-1), 'updated established audio');
});

test('a spool that cannot be recovered does not keep the calls from being told', async () => {
  const before = setStage();
  await before.establish();
  await before.start({ name: 'record' });
  const after = restart(before.store);
  after.recordings.recover = async () => {
    throw new Error('unreadable');
  };
  await after.calls.recover();
  assert.deepEqual(after.told(), [
    'deleted record failed error',
    'updated terminating',
    'deleted terminated',
  ]);
});

test('what was done at once is told of as done, although the process died between keeping and telling it', async () => {
  const before = setStage();
  await before.establish();
  const put = before.store.put.bind(before.store);
  let kept: MemoryStore | undefined;
  before.store.put = async (...args) => {
    const revision = await put(...args);
    kept ??= before.store.copy();
    return revision;
  };
  await before.start({ name: 'mute' });

  const after = restart(kept!);
  await after.calls.recover();
  assert.deepEqual(after.told(), [
    'deleted mute completed finished',
    'updated terminating',
    'deleted terminated',
  ]);
});
