import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Asked, setStage } from '../../test/support/call-stage.ts';
import {
  OFFER,
  type ScriptedCallee,
  type ScriptedInvite,
  withDirection,
} from '../../test/support/scripted-sip.ts';
import { settle } from '../../test/support/virtual-clock.ts';
import type { Fact, OperationSnapshot, Reply } from './model.ts';

type Stage = ReturnType<typeof setStage>;
/** The far end of a call: a caller, or whom the bot called. */
interface Far {
  readonly caller?: ScriptedInvite;
  readonly callee?: ScriptedCallee;
}
/** Something that happens to the call with that far end, the `index`-th that began. */
type Act = (stage: Stage, far: Far, index: number) => unknown;

const dialogOf = ({ caller, callee }: Far) => caller?.dialog ?? callee?.dialog;
const lastReferral = (far: Far) => dialogOf(far)?.referrals.at(-1);

const running = (stage: Stage, index: number) => stage.engine.lines[index]?.runs.find(({ over }) => !over);

const acts = {
  'the caller cancels': (_, { caller }) => caller?.cancel(),
  'the caller acknowledges': (_, { caller }) => caller?.dialog?.acknowledge(),
  'the ACK is lost': (_, { caller }) => caller?.dialog?.loseAck(),
  'the callee rings': (_, { callee }) => callee?.ring(),
  'the callee answers': (_, { callee }) => callee?.answer(),
  'the callee is busy': (_, { callee }) => callee?.refuse(486, 'Busy Here'),
  'the far end hangs up': (_, far) => dialogOf(far)?.hangUp(),
  'the far end holds': (_, far) => dialogOf(far)?.handler.onOffer(withDirection('sendonly')),
  'the far end resumes': (_, far) => dialogOf(far)?.handler.onOffer(OFFER),
  'a key is pressed': (stage, _, index) => stage.engine.lines[index]?.press('5'),
  'the transfer succeeds': (_, far) => lastReferral(far)?.end({ accepted: true, status: 200, reason: 'OK' }),
  'the transfer fails': (_, far) =>
    lastReferral(far)?.end({ accepted: true, status: 603, reason: 'Decline' }),
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
  'subscribeToTone',
  'mute',
  'unmute',
  'transfer',
  'redirect',
  'reject',
  'hangUp',
  'get',
];

const carol = { kind: 'user', id: 'sip:carol@phones.example', displayName: undefined } as const;
const more = { reason: 'busy', target: carol, targets: [carol] };

const step = fc.record({
  call: fc.nat(2),
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
      const fars: Far[] = [{ caller: await begin() }, { caller: await begin() }];
      await stage.create();
      fars.push({ callee: stage.userAgent.dialled[0]! });
      const ids = stage.callIds();
      const replies: Promise<Reply>[] = [];
      for (const { call, what } of steps) {
        if ('act' in what) await acts[what.act](stage, fars[call]!, call);
        else replies.push(stage.ask({ name: what.command, ...more } as Asked, ids[call]));
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
  assert.ok(first?.kind === 'call');
  assert.equal(first.change, first.call.direction === 'incoming' ? 'created' : 'updated');
  assert.ok(last?.kind === 'call' && last.change === 'deleted' && last.call.state === 'terminated');

  const changes = ofCall.flatMap((fact) => (fact.kind === 'call' ? [fact] : []));
  assert.equal(changes.filter(({ change }) => change === 'deleted').length, 1);
  assert.ok(changes.filter(({ audioBegan }) => audioBegan).length <= 1);
  assertSteps(changes);

  const finals = ofCall.flatMap((fact) =>
    fact.kind === 'operation' && fact.change === 'deleted' ? [fact.operation.id] : [],
  );
  assert.deepEqual(finals.sort(), made.map(({ id }) => id).sort());
}

/** Every fact is news: another state or a key, a higher revision. */
function assertSteps(changes: readonly Extract<Fact, { kind: 'call' }>[]): void {
  for (const [index, { call, tone }] of changes.entries()) {
    const before = changes[index - 1]?.call;
    if (before === undefined) continue;
    assert.ok(call.revision > before.revision);
    if (tone === undefined) assert.notEqual(call.state, before.state);
    else assert.equal(call.state, before.state);
  }
}

function checkNothingIsLeft(stage: Stage): void {
  assert.equal(stage.clock.timers, 0);
  assert.equal(stage.calls.active, 0);
  assert.ok(stage.engine.lines.every(({ closed }) => closed));
  const count = (verb: string) => stage.recordings.log.filter((entry) => entry.startsWith(verb)).length;
  assert.equal(count('finish') + count('discard'), count('prepare'));
}
