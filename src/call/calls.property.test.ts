import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Asked, setStage } from '../../test/support/call-stage.ts';
import type { ScriptedInvite } from '../../test/support/scripted-sip.ts';
import { OFFER, withDirection } from '../../test/support/scripted-sip.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import type { CallSnapshot, Fact, OperationSnapshot, Reply } from './model.ts';

type Stage = ReturnType<typeof setStage>;
/** Something that happens to the call of `invite`, the `index`-th that rang. */
type Act = (stage: Stage, invite: ScriptedInvite, index: number) => unknown;

const running = (stage: Stage, index: number) => stage.engine.lines[index]?.runs.find(({ over }) => !over);

const acts = {
  'the caller cancels': (_, invite) => invite.cancel(),
  'the caller acknowledges': (_, invite) => invite.dialog?.acknowledge(),
  'the ACK is lost': (_, invite) => invite.dialog?.loseAck(),
  'the caller hangs up': (_, invite) => invite.dialog?.hangUp(),
  'the caller holds': (_, invite) => invite.dialog?.handler.onOffer(withDirection('sendonly')),
  'the caller resumes': (_, invite) => invite.dialog?.handler.onOffer(OFFER),
  'recording goes on': (stage, _, index) => running(stage, index)?.record(8000),
  'an operation finishes': (stage, _, index) => running(stage, index)?.end('finished'),
  'a pause is reached': (stage, _, index) => running(stage, index)?.end('maxSilence'),
  'the worker dies': (stage, _, index) => stage.engine.lines[index]?.die(),
  'time goes by': (stage) => stage.clock.advance(15_000),
  'the port range fills up': (stage) => (stage.engine.full = true),
  'the port range empties': (stage) => (stage.engine.full = false),
  'the disk fills up': (stage) => (stage.recordings.broken = 'finish'),
  'the disk empties': (stage) => (stage.recordings.broken = undefined),
  'everything settles': () => settle(),
  'a moment passes': () => Promise.resolve(),
  'some moments pass': async () => {
    for (let moment = 0; moment < 7; moment++) await Promise.resolve();
  },
} satisfies Record<string, Act>;

const commands: readonly Asked['name'][] = [
  'answer',
  'answer',
  'record',
  'playPrompt',
  'cancelMedia',
  'reject',
  'hangUp',
  'get',
];

const step = fc.record({
  call: fc.nat(1),
  what: fc.oneof(
    fc.constantFrom(...(Object.keys(acts) as (keyof typeof acts)[])).map((act) => ({ act })),
    fc.constantFrom(...commands).map((command) => ({ command })),
  ),
});

test('whatever happens in whatever order, each call and each operation is told of in full and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, established) => {
      const stage = setStage();
      const begin = established ? stage.establish : stage.ring;
      const invites = [await begin(), await begin()];
      const ids = stage.callIds();
      const replies: Promise<Reply>[] = [];
      for (const { call, what } of steps) {
        if ('act' in what) await acts[what.act](stage, invites[call]!, call);
        else replies.push(stage.ask({ name: what.command, reason: 'busy' } as Asked, ids[call]));
      }
      await settle();
      for (const id of ids) replies.push(stage.ask({ name: 'hangUp' }, id));
      const answered = await Promise.all(replies);
      await settle();
      const made = answered.flatMap((reply) => (reply.ok && reply.operation ? [reply.operation] : []));
      for (const id of ids) {
        checkCall(
          stage.facts,
          id,
          made.filter(({ callId }) => callId === id),
        );
      }
      checkNothingIsLeft(stage);
      await stage.leave();
    }),
    { numRuns: 200 },
  );
});

function checkCall(facts: readonly Fact[], callId: string, made: readonly OperationSnapshot[]): void {
  const ofCall = facts.filter((fact) => (fact.kind === 'progress' ? fact.callId : fact.call.id) === callId);
  const first = ofCall[0];
  const last = ofCall.at(-1);
  assert.ok(first?.kind === 'call' && first.change === 'created');
  assert.ok(last?.kind === 'call' && last.change === 'deleted' && last.call.state === 'terminated');

  const changes = ofCall.flatMap((fact) => (fact.kind === 'call' ? [fact] : []));
  assert.equal(changes.filter(({ change }) => change !== 'updated').length, 2);
  assert.ok(changes.filter(({ audioBegan }) => audioBegan).length <= 1);
  assertSteps(changes.map(({ call }) => call));

  const finals = ofCall.flatMap((fact) =>
    fact.kind === 'operation' && fact.change === 'deleted' ? [fact.operation.id] : [],
  );
  assert.deepEqual(finals.sort(), made.map(({ id }) => id).sort());
}

/** Every fact is news: another state, a higher revision. */
function assertSteps(calls: readonly CallSnapshot[]): void {
  for (const [index, call] of calls.entries()) {
    const before = calls[index - 1];
    if (before === undefined) continue;
    assert.ok(call.revision > before.revision);
    assert.notEqual(call.state, before.state);
  }
}

function checkNothingIsLeft(stage: Stage): void {
  assert.equal(stage.clock.timers, 0);
  assert.equal(stage.calls.active, 0);
  assert.ok(stage.engine.lines.every(({ closed }) => closed));
  const count = (verb: string) => stage.recordings.log.filter((entry) => entry.startsWith(verb)).length;
  assert.equal(count('finish') + count('discard'), count('prepare'));
}
