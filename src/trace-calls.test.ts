import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { VirtualClock } from '../test/support/virtual-clock.ts';
import type { CallSnapshot, Command, Fact, OperationSnapshot, OperationStart, Reply } from './call/model.ts';
import { embeddedCluster } from './cluster/embedded.ts';
import { openTraces } from './http/console/trace-store.ts';
import { type Log, silentLog } from './log.ts';
import type { OperationProgress } from './operation/operation.ts';
import { traceCalls } from './trace-calls.ts';

const CALL: CallSnapshot = {
  id: 'c1',
  sipCallId: 'x@y',
  revision: 1,
  applicationId: 'a1',
  tenantId: 't1',
  direction: 'incoming',
  state: 'incoming',
  caller: { kind: 'phone', id: '+14255550100', displayName: undefined },
  callee: { kind: 'user', id: 'sip:voicemail@127.0.0.1', displayName: 'Voice mail' },
  dialled: 'sip:voicemail@127.0.0.1',
  subject: undefined,
  preFetch: [],
  callbackUri: 'http://bot.example/calls',
  spelling: 'app',
  scenarioId: 's1',
  clientRequestId: undefined,
  audioActive: false,
  muted: false,
  lastTone: undefined,
  transferFailure: undefined,
  createdAt: 5,
  ending: undefined,
};

const OPERATION: OperationSnapshot = {
  id: 'o1',
  callId: 'c1',
  revision: 1,
  kind: 'playPrompt',
  status: 'running',
  spelling: 'app',
  clientContext: undefined,
  clientRequestId: undefined,
  createdAt: 5,
  lastActionAt: 5,
  end: undefined,
  recording: undefined,
};

const FRAME = { applicationId: 'a1', clientContext: undefined, clientRequestId: undefined, spelling: 'app' };
const PLAY: OperationStart = {
  ...FRAME,
  name: 'playPrompt',
  idempotencyKey: undefined,
  prompts: [
    { uri: 'https://bot.example/sounds/hello.wav?sig=secret', resourceId: undefined, times: 1 },
    { uri: 'file:///beep.wav', resourceId: undefined, times: 3 },
  ],
  bargeIn: true,
  loop: false,
  sensitivity: undefined,
  breaks: false,
};

function stage(t: TestContext, log: Log = silentLog) {
  const clock = new VirtualClock();
  const cluster = embeddedCluster<Command, Reply, Fact>();
  const traces = openTraces({ clock });
  const nameOf = (id: string) => (id === 'a1' ? 'Voicemail' : undefined);
  const tracing = traceCalls({ cluster, traces, nameOf, clock, log });
  t.after(() => tracing.stop());
  return {
    clock,
    traces,
    tracing,
    call: (changes: Partial<CallSnapshot> = {}, change: 'created' | 'updated' | 'deleted' = 'updated') =>
      cluster.publish({ kind: 'call', change, call: { ...CALL, ...changes } }),
    asked: (command: OperationStart, operation: Partial<OperationSnapshot> = {}) =>
      cluster.publish({ kind: 'asked', callId: 'c1', operation: { ...OPERATION, ...operation }, command }),
    progress: (progress: OperationProgress, operationId = 'o1') =>
      cluster.publish({ kind: 'progress', callId: 'c1', operationId, progress }),
    ended: (operation: Partial<OperationSnapshot>) =>
      cluster.publish({
        kind: 'operation',
        change: 'deleted',
        call: CALL,
        operation: { ...OPERATION, status: 'completed', end: { by: 'finished' }, ...operation },
      }),
    events: () => traces.trace('c1')?.events.map(({ sequence: _, at: __, ...event }) => event) ?? [],
  };
}

test('a call has its row from its first fact on, and an event for each state that it enters', async (t) => {
  const { clock, traces, call, events } = stage(t);
  await call({}, 'created');
  assert.deepEqual(traces.rows(), [
    {
      id: 'c1',
      applicationId: 'a1',
      applicationName: 'Voicemail',
      direction: 'incoming',
      state: 'incoming',
      caller: '+14255550100',
      callee: 'Voice mail',
      createdAt: 5,
      hasErrors: false,
    },
  ]);
  await call({ state: 'established' });
  await call({ state: 'established', lastTone: { sequenceId: 1, key: '5' } });
  const ending = { by: 'caller', sipStatus: undefined, message: 'The far end hung up.' } as const;
  await call({ state: 'terminating', ending });
  await call({ state: 'terminated', ending }, 'deleted');
  assert.deepEqual(events(), [
    { kind: 'state', state: 'incoming' },
    { kind: 'state', state: 'established' },
    { kind: 'state', state: 'terminating' },
    { kind: 'state', state: 'terminated', ending: 'the far end hung up' },
  ]);
  const [row] = traces.rows();
  assert.deepEqual(
    [row?.state, row?.endedAt, row?.ending, row?.hasErrors],
    ['terminated', clock.now(), 'the far end hung up', false],
  );
});

for (const [ending, told, error] of [
  [{ by: 'caller', sipStatus: 487, message: 'gave up' }, 'the caller gave up', undefined],
  [{ by: 'refused', sipStatus: 486, message: 'It did not: 486' }, 'It did not: 486', 'It did not: 486'],
  [{ by: 'failed', sipStatus: 500, message: 'A worker died.' }, 'A worker died.', 'A worker died.'],
  [{ by: 'bot', sipStatus: undefined, message: 'x' }, 'the bot hung up', undefined],
] as const)
  test(`a call that ended by ${ending.by}: ${told}`, async (t) => {
    const { call, traces, events } = stage(t);
    await call({ state: 'terminated', ending }, 'deleted');
    assert.deepEqual(events(), [
      { kind: 'state', state: 'terminated', ending: told, ...(error && { error }) },
    ]);
    assert.equal(traces.rows()[0]?.hasErrors, error !== undefined);
  });

test('a transfer that failed is an error of a call that goes on', async (t) => {
  const { call, events } = stage(t);
  await call({ state: 'transferring' });
  await call({ state: 'established', transferFailure: { status: 486, message: 'Busy Here' } });
  assert.equal(events()[1]?.error, 'the transfer failed: 486 Busy Here');
});

test('an operation is told of from what was asked to how it ended; the row says what runs', async (t) => {
  const { traces, call, asked, progress, ended, events } = stage(t);
  await call({ state: 'established' });
  await asked(PLAY);
  assert.equal(traces.rows()[0]?.running, undefined);
  await progress({ phase: 'running' });
  assert.equal(traces.rows()[0]?.running, 'playPrompt');
  await progress({ phase: 'prompt', index: 1 });
  await progress({ phase: 'grown', samples: 8000 });
  await progress({ phase: 'bargeIn', by: 'key' });
  await ended({});
  assert.equal(traces.rows()[0]?.running, undefined);
  const operation = { kind: 'operation', operationId: 'o1', operation: 'playPrompt' };
  assert.deepEqual(events().slice(1), [
    { ...operation, change: 'asked', detail: 'hello.wav, beep.wav ×3, barge-in' },
    { ...operation, change: 'running' },
    { ...operation, change: 'prompt', detail: 'prompt 2' },
    { ...operation, change: 'bargeIn', detail: 'by key' },
    {
      ...operation,
      change: 'ended',
      detail: 'Action completed successfully.',
      endReport: { rule: 'finished' },
    },
  ]);
});

test('an operation that runs is not taken from the row by the last fact of the one before it', async (t) => {
  const { traces, call, asked, progress, ended } = stage(t);
  await call({ state: 'established' });
  await asked(PLAY);
  await asked({ ...FRAME, name: 'mute', idempotencyKey: undefined }, { id: 'o2', kind: 'record' });
  await progress({ phase: 'running' }, 'o1');
  await progress({ phase: 'running' }, 'o2');
  await ended({ id: 'o1' });
  assert.equal(traces.rows()[0]?.running, 'record');
});

test('a record that ended has its recording and its report; one that failed is an error, unless that was wanted', async (t) => {
  const { call, ended, events } = stage(t);
  await call({ state: 'established' });
  const report = {
    noiseFloorDbov: -60,
    packetsExpected: 50,
    packetsReceived: 50,
    packetsLate: 0,
    concealedMs: 0,
  };
  await ended({
    kind: 'record',
    end: {
      by: 'stopTone',
      keys: '#',
      take: { recordingId: 'r1', samples: 8000, rate: 8000, spoken: true },
      report,
    },
    recording: { location: 'http://here/recordings/r1', accessToken: 'secret' },
  });
  await ended({ kind: 'record', status: 'failed', end: { by: 'initialSilence' } });
  await ended({ kind: 'record', status: 'failed', end: { by: 'cancelled' } });
  const [recorded, silent, cancelled] = events().slice(1);
  assert.deepEqual(recorded, {
    kind: 'operation',
    operationId: 'o1',
    operation: 'record',
    change: 'ended',
    detail: 'Recording stopped: a stop tone was detected.',
    recordingId: 'r1',
    endReport: { rule: 'stopTone', stopTone: '#', ...report },
  });
  assert.equal(silent?.error, undefined);
  assert.equal(cancelled?.error, undefined);
});

test('what cannot be traced is logged, and the facts after it are', async (t) => {
  const logged: string[] = [];
  const { call, ended, events } = stage(t, {
    ...silentLog,
    error: (_, message) => void logged.push(message),
  });
  await call();
  await ended({ end: { by: 'nonsense' as 'finished' } });
  await call({ state: 'established' });
  assert.deepEqual([logged, events().length], [['a fact could not be traced'], 2]);
});
