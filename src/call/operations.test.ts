import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APPLICATION, recordRequest, setStage } from '../../test/support/call-stage.ts';
import { directoryOf } from '../../test/support/directory.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import { type Log, silentLog } from '../log.ts';
import type { OperationSnapshot } from './model.ts';

const OVER = ['updated terminating', 'deleted terminated'];
/** What was told after `established`. */
const since = (stage: ReturnType<typeof setStage>) => stage.told().slice(3);
const streaming = { ...recordRequest, streaming: true };

async function established(options?: Parameters<typeof setStage>[0]) {
  const stage = setStage(options);
  const invite = await stage.establish();
  return { stage, invite, line: stage.engine.line };
}

test('a recording ends by a stop tone and is there to be fetched', async () => {
  const { stage, line } = await established();
  const operation = await stage.start({
    name: 'record',
    clientContext: 'context',
    spelling: 'app/applications',
    request: {
      ...recordRequest,
      prompts: [{ uri: 'https://cdn/hello.wav', resourceId: 'one', times: Number.POSITIVE_INFINITY }],
      stopTones: ['#', '1a'],
    },
  });
  assert.deepEqual(
    [operation.kind, operation.status, operation.clientContext, operation.spelling, operation.revision],
    ['record', 'running', 'context', 'app/applications', 1],
  );
  assert.deepEqual(line.running.spec, {
    kind: 'record',
    prompts: [{ audio: 0, times: Number.POSITIVE_INFINITY }],
    bargeIn: false,
    sensitivity: 'normal',
    beep: true,
    initialSilenceMs: 5000,
    maxSilenceMs: 5000,
    maxDurationMs: 60_000,
    stopTones: [['#'], ['1', 'A']],
    interKeyMs: 3000,
    noMediaMs: 30_000,
    take: {
      recordingId: 'recording-1',
      folder: '/spool',
      callId: operation.callId,
      operationId: operation.id,
      streamed: false,
      channels: 1,
    },
  });
  assert.deepEqual(stage.fetched, ['https://cdn/hello.wav']);
  await stage.clock.advance(4000);
  line.running.record(8000);
  line.running.end('stopTone', { keys: '#' });
  await settle();
  assert.deepEqual(since(stage), ['deleted record completed stopTone with recording']);
  const final = stage.lastOperation();
  assert.equal(final.id, operation.id);
  assert.deepEqual(final.recording, { location: 'http://tonearm/recording-1', accessToken: 'token-1' });
  assert.deepEqual([final.end?.keys, final.end?.take?.samples, final.clientContext], ['#', 8000, 'context']);
  assert.equal(final.lastActionAt - final.createdAt, 4000);
  assert.ok(final.revision > operation.revision);
  assert.deepEqual(stage.recordings.log, ['prepare recording-1', 'finish recording-1 8000']);
});

test('streaming tells the location when recording starts, and has the take written more often', async () => {
  const { stage, line } = await established();
  await stage.start({ name: 'record', request: streaming });
  const { spec } = line.running;
  assert.equal(spec.kind === 'record' && spec.take.streamed, true);
  assert.deepEqual(since(stage), []);
  line.running.record(8000);
  line.running.progress({ phase: 'grown', samples: 2000 });
  line.running.end('maxSilence');
  await settle();
  assert.deepEqual(since(stage), [
    'updated record running with recording',
    'deleted record completed maxSilence with recording',
  ]);
  assert.ok(stage.recordings.log.includes('grown recording-1 2000'));
});

test('what was asked for, and progress, are published in their place among the facts', async () => {
  const { stage, line } = await established();
  await stage.start({ name: 'record', request: streaming });
  line.running.record(8000);
  line.running.progress({ phase: 'speech' });
  line.running.end('maxDuration');
  await settle();
  const order = stage.facts
    .slice(3)
    .map((fact) => (fact.kind === 'progress' ? fact.progress.phase : fact.kind));
  assert.deepEqual(order, ['asked', 'running', 'recording', 'operation', 'speech', 'operation']);
});

const endings: readonly [what: string, end: Parameters<typeof endWith>[0], told: string, kept: boolean][] = [
  ['the duration was reached', ['maxDuration', 8000, true], 'completed maxDuration', true],
  ['the pause was reached', ['maxSilence', 8000, true], 'completed maxSilence', true],
  ['nobody spoke', ['initialSilence', 8000, false], 'failed initialSilence', false],
  ['no media came', ['noMedia', 8000, false], 'failed noMedia', true],
  ['the engine failed', ['error', 8000, true], 'failed error', true],
  ['the prompt is unreachable', ['promptUnavailable', 0, false], 'failed promptUnavailable', false],
  ['the prompt is no audio', ['promptUndecodable', 0, false], 'failed promptUndecodable', false],
  ['the prompt failed', ['promptFailed', 0, false], 'failed promptFailed', false],
  ['the beep failed', ['beepFailed', 0, false], 'failed beepFailed', false],
  ['it was cancelled after speech', ['cancelled', 8000, true], 'failed cancelled', true],
  ['it was cancelled before recording', ['cancelled', 0, false], 'failed cancelled', false],
];
async function endWith([by, samples, spoken]: readonly [
  Parameters<ReturnType<typeof setStage>['engine']['line']['running']['end']>[0],
  number,
  boolean,
]) {
  const { stage, line } = await established();
  await stage.start({ name: 'record' });
  if (samples > 0) line.running.record(samples, spoken);
  line.running.end(by);
  await settle();
  return stage;
}
for (const [what, end, told, kept] of endings) {
  test(`${what}: ${told}, ${kept ? 'with' : 'without'} a recording`, async () => {
    const stage = await endWith(end);
    assert.deepEqual(since(stage), [`deleted record ${told}${kept ? ' with recording' : ''}`]);
    const left = kept ? `finish recording-1 ${end[1]}` : 'discard recording-1';
    assert.deepEqual(stage.recordings.log.slice(1), [left]);
    assert.equal(stage.lastOperation().end?.take === undefined, !kept);
  });
}

test('every ending of a record or a prompt is in the log, with the rule that the bot is told, and no key', async () => {
  const report = {
    noiseFloorDbov: -60,
    packetsExpected: 50,
    packetsReceived: 49,
    packetsLate: 0,
    concealedMs: 20,
  };
  const logged: object[] = [];
  const log: Log = { ...silentLog, info: (fields, message) => void logged.push({ ...fields, message }) };
  const { stage, line } = await established({ log });
  const [first, second, third] = [
    await stage.start({ name: 'record' }),
    await stage.start({ name: 'playPrompt' }),
    await stage.start({ name: 'record' }),
  ];
  line.running.record(8000);
  line.running.end('stopTone', { keys: '#', report });
  await settle();
  line.running.end('finished');
  await settle();
  await stage.ask({ name: 'hangUp' });
  await settle();
  const of = ({ id: operationId, callId }: OperationSnapshot) => ({ callId, operationId });
  const ended = logged.filter((one) => 'rule' in one);
  assert.deepEqual(ended, [
    { ...of(first), rule: 'stopTone', ...report, message: 'a record ended' },
    { ...of(second), rule: 'finished', message: 'a playPrompt ended' },
    { ...of(third), rule: 'cancelled', message: 'a record ended' },
  ]);
});

test('a caller who hangs up after speaking has left a voicemail, told of before the call ends', async () => {
  const { stage, invite, line } = await established();
  await stage.start({ name: 'record' });
  await stage.start({ name: 'playPrompt' });
  line.running.record(8000);
  invite.dialog!.hangUp();
  await settle();
  assert.deepEqual(since(stage), [
    'deleted record completed hangUp with recording',
    'deleted playPrompt failed hangUp',
    ...OVER,
  ]);
});

test('a caller who hangs up without a word leaves none', async () => {
  const { stage, invite, line } = await established();
  await stage.start({ name: 'record', request: streaming });
  line.running.record(8000, false);
  invite.dialog!.hangUp();
  await settle();
  assert.deepEqual(since(stage), [
    'updated record running with recording',
    'deleted record failed hangUp',
    ...OVER,
  ]);
  assert.equal(stage.recordings.log.at(-1), 'discard recording-1');
});

test('a bot that hangs up cancels what runs, and what was captured is kept', async () => {
  const { stage, line } = await established();
  await stage.start({ name: 'record' });
  line.running.record(8000, false);
  await stage.ask({ name: 'hangUp' });
  await settle();
  assert.deepEqual(since(stage), ['deleted record failed cancelled with recording', ...OVER]);
});

test('a hang-up while a recording is being finished waits for it', async () => {
  const { stage, invite, line } = await established();
  const gate = Promise.withResolvers<void>();
  stage.recordings.gate = gate.promise;
  await stage.start({ name: 'record' });
  line.running.record(8000);
  line.running.end('stopTone', { keys: '#' });
  await settle();
  invite.dialog!.hangUp();
  await settle();
  assert.deepEqual(since(stage), []);
  const late = await stage.ask({ name: 'record' });
  assert.equal(!late.ok && late.error, 'callEnded');
  invite.dialog!.handler.onOffer(invite.offer!.concat('a=sendonly\r\n'));
  gate.resolve();
  await settle();
  assert.deepEqual(since(stage), ['deleted record completed stopTone with recording', ...OVER]);
});

test('a recording that cannot be finished ends by an error that says why: kept when the disk may take it later, else forgotten', async () => {
  for (const [broken, told, why, last] of [
    ['finish', 'deleted record failed error with recording', /the disk is full/, 'finish recording-1 8000'],
    ['lost', 'deleted record failed error', /nothing of it/, 'discard recording-1'],
  ] as const) {
    const { stage, line } = await established();
    stage.recordings.broken = broken;
    await stage.start({ name: 'record' });
    line.running.record(8000);
    line.running.end('stopTone', { keys: '#' });
    await settle();
    assert.deepEqual(since(stage), [told]);
    assert.match(stage.lastOperation().end?.message ?? '', why);
    assert.equal(stage.recordings.log.at(-1), last);
  }
});

test('a media worker that dies ends its operations by an error, with what was captured', async () => {
  const { stage, line } = await established();
  await stage.start({ name: 'record' });
  await stage.start({ name: 'playPrompt' });
  line.running.record(8000);
  line.die();
  await settle();
  assert.deepEqual(since(stage), [
    'deleted record failed error with recording',
    'deleted playPrompt failed error',
    ...OVER,
  ]);
});

test('an engine that refuses an operation ends it by an error that says why', async () => {
  const { stage, invite, line } = await established();
  line.run = () => {
    throw new Error('no such thread');
  };
  await stage.start({ name: 'playPrompt' });
  assert.deepEqual(since(stage), ['deleted playPrompt failed error']);
  assert.equal(stage.lastOperation().end?.message, 'no such thread');
  invite.dialog!.hangUp();
  await settle();
  assert.equal(stage.told().at(-1), 'deleted terminated');
});

test('speech is heard as readily as the application has it, or as the request says', async () => {
  const asked = async (sensitivity: 'low' | undefined) => {
    const stage = setStage({ applications: directoryOf([{ ...APPLICATION, speechSensitivity: 'high' }]) });
    await stage.establish();
    const { line } = stage.engine;
    await stage.start({ name: 'record', request: { ...recordRequest, sensitivity } });
    const recorded = line.running.spec.sensitivity;
    line.running.end('maxSilence');
    await settle();
    await stage.start({ name: 'playPrompt', sensitivity });
    return [recorded, line.running.spec.sensitivity];
  };
  assert.deepEqual(await asked(undefined), ['high', 'high']);
  assert.deepEqual(await asked('low'), ['low', 'low']);
});

test('operations queue, and are told of in the order they were made', async () => {
  const { stage, line } = await established();
  const first = await stage.start({ name: 'playPrompt', bargeIn: true });
  const second = await stage.start({ name: 'record' });
  assert.deepEqual([first.status, second.status], ['running', 'notStarted']);
  assert.deepEqual(line.running.spec, {
    kind: 'playPrompt',
    prompts: [],
    loop: false,
    bargeIn: true,
    sensitivity: 'normal',
  });
  line.running.end('finished');
  await settle();
  const reply = await stage.ask({ name: 'getOperation', operationId: second.id });
  assert.equal(reply.ok && reply.operation?.status, 'running');
  line.running.record(8000);
  line.running.end('maxSilence');
  await settle();
  assert.deepEqual(since(stage), [
    'deleted playPrompt completed finished',
    'deleted record completed maxSilence with recording',
  ]);
});

test('an operation that ends while the one before is being finished is told of after it', async () => {
  const { stage, line } = await established();
  const gate = Promise.withResolvers<void>();
  stage.recordings.gate = gate.promise;
  await stage.start({ name: 'record' });
  const second = await stage.start({ name: 'playPrompt' });
  line.running.record(8000);
  line.running.end('maxSilence');
  line.running.end('finished');
  await settle();
  assert.deepEqual(since(stage), []);
  const next = await stage.start({ name: 'playPrompt' });
  assert.equal(next.status, 'running');
  gate.resolve();
  await settle();
  assert.equal(stage.lastOperation().id, second.id);
  assert.deepEqual(since(stage), [
    'deleted record completed maxSilence with recording',
    'deleted playPrompt completed finished',
  ]);
});

test('cancelling ends what runs and what waits, and is told of after them', async () => {
  const { stage, line } = await established();
  await stage.start({ name: 'record' });
  await stage.start({ name: 'playPrompt' });
  line.running.record(8000);
  const cancel = await stage.start({ name: 'cancelMedia', clientContext: 'enough' });
  assert.deepEqual([cancel.kind, cancel.status], ['cancelMediaProcessing', 'completed']);
  assert.deepEqual(since(stage), [
    'deleted record failed cancelled with recording',
    'deleted playPrompt failed cancelled',
    'deleted cancelMediaProcessing completed finished',
  ]);
  assert.equal(stage.lastOperation().clientContext, 'enough');
});

test('what is asked for after a cancel is not cancelled', async () => {
  const { stage, line } = await established();
  await Promise.all([
    stage.start({ name: 'playPrompt' }),
    stage.start({ name: 'cancelMedia' }),
    stage.start({ name: 'playPrompt' }),
  ]);
  line.running.end('finished');
  await settle();
  assert.deepEqual(since(stage), [
    'deleted playPrompt failed cancelled',
    'deleted cancelMediaProcessing completed finished',
    'deleted playPrompt completed finished',
  ]);
});

test('a cancel with nothing to cancel is completed', async () => {
  const { stage } = await established();
  await stage.start({ name: 'cancelMedia' });
  assert.deepEqual(since(stage), ['deleted cancelMediaProcessing completed finished']);
});

test('a record that comes right at the hang-up is refused or told of, never lost', async () => {
  const { stage, invite } = await established();
  const asked = stage.ask({ name: 'record' });
  invite.dialog!.hangUp();
  const reply = await asked;
  await settle();
  assert.equal(!reply.ok && reply.error, 'callEnded');
  assert.deepEqual(since(stage), OVER);
  assert.deepEqual(await stage.ask({ name: 'listOperations' }), { ok: true, operations: [] });
  assert.deepEqual(
    stage.recordings.log.filter((entry) => entry.startsWith('discard')).length,
    stage.recordings.log.filter((entry) => entry.startsWith('prepare')).length,
  );
});

test('a hang-up while a record is being prepared: refused, nothing of it is left, and the call ends after that', async () => {
  const { stage, invite, line } = await established();
  const gate = Promise.withResolvers<void>();
  stage.recordings.prepareGate = gate.promise;
  const asked = stage.ask({ name: 'record' });
  await settle();
  invite.dialog!.hangUp();
  await settle();
  assert.deepEqual(since(stage), []);
  gate.resolve();
  const reply = await asked;
  assert.equal(!reply.ok && reply.error, 'callEnded');
  await settle();
  assert.deepEqual(since(stage), OVER);
  assert.deepEqual(stage.recordings.log, ['prepare recording-1', 'discard recording-1']);
  assert.equal(line.runs.length, 0);
  assert.deepEqual(await stage.ask({ name: 'listOperations' }), { ok: true, operations: [] });
});

test('operations need an established call', async () => {
  const stage = setStage();
  const invite = await stage.ring();
  const refusal = async () => {
    const reply = await stage.ask({ name: 'playPrompt' });
    return reply.ok ? 'ok' : reply.error;
  };
  assert.equal(await refusal(), 'notEstablished');
  await stage.ask({ name: 'answer' });
  assert.equal(await refusal(), 'notEstablished');
  invite.dialog!.acknowledge();
  await settle();
  assert.equal(await refusal(), 'ok');
  invite.dialog!.handler.onOffer(invite.offer!.concat('a=sendonly\r\n'));
  assert.equal(await refusal(), 'ok');
  invite.dialog!.hangUp();
  assert.equal(await refusal(), 'callEnded');
});

test('a repeat with the same key returns the first operation, another kind is a conflict', async () => {
  const { stage, invite, line } = await established();
  const first = await stage.start({ name: 'playPrompt', idempotencyKey: 'key' });
  const again = await stage.start({ name: 'playPrompt', idempotencyKey: 'key' });
  assert.equal(again.id, first.id);
  assert.equal(line.runs.length, 1);
  const other = await stage.ask({ name: 'record', idempotencyKey: 'key' });
  assert.equal(!other.ok && other.error, 'conflict');
  await stage.start({ name: 'playPrompt', idempotencyKey: 'another key' });
  assert.equal(line.runs.length, 2);
  invite.dialog!.hangUp();
  await settle();
  assert.equal((await stage.start({ name: 'playPrompt', idempotencyKey: 'key' })).id, first.id);
});

test('an operation is kept before its reply, and what cannot be kept is not made', async () => {
  const { stage, line } = await established();
  const operation = await stage.start({ name: 'playPrompt' });
  assert.ok(await stage.store.get(`operation/${operation.callId}/${operation.id}`));
  stage.store.broken = true;
  const reply = await stage.ask({ name: 'record' });
  assert.equal(!reply.ok && reply.error, 'unavailable');
  assert.equal(line.runs.length, 1);
  assert.equal(stage.recordings.log.at(-1), 'discard recording-1');
});

test('a recording that cannot be prepared is unavailable', async () => {
  const { stage } = await established();
  stage.recordings.broken = 'prepare';
  const reply = await stage.ask({ name: 'record' });
  assert.ok(!reply.ok);
  assert.deepEqual([reply.error, /the disk is full/.test(reply.message)], ['unavailable', true]);
});

test('a hundred operations may wait, no more, until one has ended', async () => {
  const { stage, line } = await established();
  await Promise.all(Array.from({ length: 100 }, () => stage.ask({ name: 'playPrompt' })));
  const reply = await stage.ask({ name: 'playPrompt' });
  assert.equal(!reply.ok && reply.error, 'unavailable');
  line.running.end('finished');
  await settle();
  assert.equal((await stage.ask({ name: 'playPrompt' })).ok, true);
});

test('a prompt that is unavailable is delivered as that, when the operation asks for it', async () => {
  const gone = { ok: false, why: 'unavailable', message: '404' } as const;
  const stage = setStage({ prompts: { get: async () => gone } });
  await stage.establish();
  await stage.start({
    name: 'playPrompt',
    prompts: [{ uri: 'https://gone/', resourceId: undefined, times: 1 }],
  });
  assert.deepEqual(await Promise.all(stage.engine.line.running.prompts), [gone]);
});

test('operations are listed in the order they were made, live and after the end, until they expire', async () => {
  const { stage, invite, line } = await established();
  const ids: string[] = [];
  for (let made = 0; made < 3; made++) ids.push((await stage.start({ name: 'playPrompt' })).id);
  const list = async () => {
    const reply = await stage.ask({ name: 'listOperations' });
    return reply.ok ? reply.operations?.map(({ id, status }) => [id, status]) : reply.error;
  };
  assert.deepEqual(await list(), [
    [ids[0], 'running'],
    [ids[1], 'notStarted'],
    [ids[2], 'notStarted'],
  ]);
  line.running.end('finished');
  invite.dialog!.hangUp();
  await settle();
  const after = [
    [ids[0], 'completed'],
    [ids[1], 'failed'],
    [ids[2], 'failed'],
  ];
  assert.deepEqual(await list(), after);
  const one = await stage.ask({ name: 'getOperation', operationId: ids[0]! });
  assert.equal(one.ok && one.operation?.end?.by, 'finished');
  const none = await stage.ask({ name: 'getOperation', operationId: 'nonsense' });
  assert.equal(!none.ok && none.error, 'operationNotFound');
  await stage.clock.advance(86_400_000);
  assert.equal(await list(), 'callNotFound');
});
